"""Configurations as people have them are read without surprises."""

from pathlib import Path

import pytest

from layerstore.config import Config, ConfigError
from layerstore.config.drivers import MIB
from layerstore.config.loading import Loaded, load, read

EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.yml"))


def example(name: str) -> Loaded:
    return read(Path(__file__).parent / "examples" / f"{name}.yml", {})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_no_unknown_key(path: Path) -> None:
    assert [one for one in read(path, {}).warnings if "unknown" in one] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_value_of_an_example_arrives(path: Path) -> None:
    loaded = read(path, {})
    assert loaded.config != Config()
    assert all(origin.startswith(str(path)) for origin in loaded.origins.values())


@pytest.mark.parametrize(
    "name", ["development", "image", "cache-v2", "cache-v3", "token", "htpasswd", "silly", "health"]
)
def test_an_example_that_can_be_served_is(name: str) -> None:
    load(Path(__file__).parent / "examples" / f"{name}.yml", {})


def test_an_example_that_cannot_be_served_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"proxy\.remoteurl"):
        load(Path(__file__).parent / "examples" / "proxy.yml", {})


def test_the_images_configuration() -> None:
    config = example("image").config
    assert config.log.fields == {"service": "registry"}
    assert config.http.headers == {"X-Content-Type-Options": ("nosniff",)}
    health = config.health.storagedriver
    assert (health.enabled, health.interval, health.threshold) == (True, 10, 3)


def test_the_development_configuration() -> None:
    config = example("development").config
    assert config.http.debug.addr == ":5001"
    assert config.http.debug.prometheus.enabled
    assert not config.storage.maintenance.uploadpurging.enabled
    assert config.storage.tag.concurrencylimit == 8


def test_both_forms_of_redis() -> None:
    former, present = example("cache-v2").config.redis, example("cache-v3").config.redis
    assert (former.addr, former.pool.maxactive, former.pool.idletimeout) == (
        "localhost:6379",
        64,
        300,
    )
    assert present.addrs == ("redis-0:6379", "redis-1:6379")
    assert (present.dialtimeout, present.connmaxlifetime) == (0.01, 3_600)
    assert present.tls.rootcas == ("/tls/ca.crt",)


def test_listeners() -> None:
    first, second = example("cache-v2").config.notifications.endpoints
    assert (first.name, first.disabled, first.timeout) == ("local-5003", True, 1)
    assert first.headers == {"Authorization": ("Bearer an-example-token",)}
    assert second.ignore.actions == ("pull",)


def test_old_names_are_told() -> None:
    told = {warning.partition(":")[0] for warning in example("cache-v2").warnings}
    assert told == {
        "loglevel",
        "redis",
        "reporting.bugsnag",
        "reporting.newrelic",
        "notifications",
        "storage.cache",
        "validation.enabled",
    }
    assert example("cache-v2").config.log.level == "warn"


def test_object_stores() -> None:
    s3 = example("s3").config.storage.s3
    gcs = example("gcs").config.storage.gcs
    azure = example("azure").config.storage.azure
    assert s3 is not None
    assert gcs is not None
    assert azure is not None
    assert (s3.chunksize, s3.storageclass, s3.buffers) == (5 * MIB, "STANDARD_IA", 64 * MIB)
    assert gcs.credentials.project_id == "project_id_string"
    assert (azure.credentials.type, azure.retry_delay) == ("client_secret", 0.25)


def test_steps_in_front_of_a_bucket() -> None:
    cloudfront, redirect, rewrite = example("s3").config.middleware.storage
    assert cloudfront.options.awsregion == ("us-east-1", "us-east-2")
    assert cloudfront.options.duration == 3_000
    assert (redirect.name, redirect.disabled) == ("redirect", True)
    assert rewrite.options.trimpathprefix == "/bucket"


def test_who_may() -> None:
    token = example("token").config.auth.token
    assert token is not None
    assert (token.deletescope, token.autoredirectpath) == ("*", "/auth")
    auth = example("htpasswd").config.auth
    assert auth.groups == {"builders": ("ci", "nightly")}
    assert [policy.actions for policy in auth.policies] == [
        ("pull",),
        ("pull", "push", "delete"),
        ("create",),
    ]


def test_the_edge() -> None:
    http = example("tls").config.http
    assert (http.tls.minimumtls, http.tls.clientauth) == ("tls1.3", "verify-client-cert-if-given")
    assert (http.relativeurls, http.draintimeout, http.prefix) == (
        False,
        60,
        "/my/nested/registry/",
    )
    assert (http.http2.enabled, http.workers) == (True, 2)
    assert http.trustedproxies == ("10.0.0.0/8", "unix")
    assert example("tls").config.log.hooks[0].options.sender == "sender@example.com"


def test_health_and_content() -> None:
    config = example("health").config
    assert (config.http.addr, config.http.net) == ("/run/registry.sock", "unix")
    assert config.health.http[0].headers == {"Authorization": ("Basic an-example",)}
    assert config.validation.manifests.indexes.platforms == "list"
    assert config.validation.manifests.indexes.platformlist[1].architecture == "arm64"
    assert config.validation.manifests.references == "none"
    assert config.limits.progresstimeout == 5


def test_a_cache_of_another_registry() -> None:
    proxy = example("proxy").config.proxy
    assert (proxy.ttl, proxy.cachewritetimeout, proxy.exec.lifetime) == (604_800, 300, 3_600)
