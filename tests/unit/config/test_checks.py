"""What cannot be done here refuses to start, in a sentence; what has no effect is told."""

import pytest

from layerstore.config.checks import cautions, notices, refusals
from layerstore.config.decode import decode
from layerstore.config.document import parse
from layerstore.config.tree import Config

STORED = "storage: {filesystem: }\n"


def config(text: str) -> Config:
    return decode(parse(text, "file").value).config


def test_the_smallest_configuration_can_be_served() -> None:
    assert refusals(config(STORED)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{}", "storage: no driver is named"),
        ("storage: {delete: {enabled: true}}", "storage: no driver is named"),
        ("storage: {inmemory: , filesystem: }", "storage: one driver has to be named"),
        (
            STORED + "auth: {none: , silly: {realm: r, service: s}}",
            "auth: one kind has to be named",
        ),
        (STORED + "auth: {htpasswd: {path: p}}", "auth.htpasswd.realm: "),
        (STORED + "auth: {htpasswd: {realm: r}}", "auth.htpasswd.path: "),
        (STORED + "auth: {silly: {realm: r}}", "auth.silly.service: "),
        (STORED + "auth: {token: {service: s, issuer: i, jwks: f}}", "auth.token.realm: "),
        (STORED + "auth: {token: {realm: r, issuer: i, jwks: f}}", "auth.token.service: "),
        (STORED + "auth: {token: {realm: r, service: s, jwks: f}}", "auth.token.issuer: "),
        (STORED + "auth: {token: {realm: r, service: s, issuer: i}}", "auth.token: rootcertbundle"),
        (STORED + "http: {tls: {letsencrypt: {email: a}}}", "http.tls.letsencrypt: "),
        (STORED + "http: {tls: {letsencrypt: {directoryurl: a}}}", "http.tls.letsencrypt: "),
        (STORED + "http: {tls: {certificate: c}}", "http.tls: certificate and key"),
        (STORED + "http: {tls: {key: c}}", "http.tls: certificate and key"),
        (STORED + "http: {tls: {minimumtls: tls1.0}}", "http.tls.minimumtls: tls1.0"),
        (STORED + "http: {tls: {minimumtls: tls1.1}}", "http.tls.minimumtls: tls1.1"),
        (STORED + "http: {tls: {ciphersuites: [a]}}", "http.tls.ciphersuites: "),
        (STORED + "http: {tls: {clientauth: request-client-cert}}", "http.tls.clientauth: request"),
        (
            STORED + "http: {tls: {clientcas: [c], clientauth: require-any-client-cert}}",
            "http.tls.clientauth: require-any",
        ),
        (
            STORED + "http: {tls: {clientauth: verify-client-cert-if-given}}",
            "http.tls.clientauth: without clientcas",
        ),
        ("storage: {gcs: {}}", "storage.gcs.bucket"),
        ("storage: {azure: {accountname: a, accountkey: aaaa}}", "storage.azure.container"),
        ("storage: {azure: {container: c, accountname: a}}", "storage.azure.accountkey"),
        ("storage: {azure: {container: c, accountkey: aaaa}}", "storage.azure: accountname"),
        (
            "storage: {azure: {container: c, connectionstring: BlobEndpoint=https://b}}",
            "storage.azure: connectionstring: neither AccountKey",
        ),
        (
            "storage: {azure: {container: c, accountname: a,"
            " credentials: {type: client_secret, tenantid: t, secret: s}}}",
            "storage.azure.credentials.clientid",
        ),
        (
            "storage: {azure: {container: c, accountname: a, accountkey: b, chunksize: 1}}",
            "storage.azure.chunksize",
        ),
        (
            "storage: {azure: {container: c, accountname: a, accountkey: b, max_retries: -1}}",
            "storage.azure.max_retries",
        ),
        (
            "storage: {azure: {container: c, accountname: a, accountkey: b, serviceurl: x}}",
            "storage.azure: the URL of the store",
        ),
        ("storage: {gcs: {bucket: b, chunksize: 1000}}", "storage.gcs.chunksize"),
        ("storage: {gcs: {bucket: b, maxconcurrency: 24}}", "storage.gcs.maxconcurrency"),
        ("storage: {gcs: {bucket: b, endpoint: 'ftp://x'}}", "storage.gcs.endpoint"),
        (
            "storage: {gcs: {bucket: b, keyfile: f, credentials: {client_email: a}}}",
            "storage.gcs: keyfile and credentials",
        ),
        (
            "storage: {gcs: {bucket: b, credentials: {type: external_account}}}",
            "storage.gcs.credentials.type",
        ),
        ("storage: {s3: {region: r}}", "storage.s3.bucket"),
        ("storage: {s3: {bucket: b}}", "storage.s3.region"),
        (
            "storage: {s3: {bucket: b, region: r, accesskey: a}}",
            "storage.s3: accesskey and secretkey",
        ),
        ("storage: {s3: {bucket: b, region: r, chunksize: 1000}}", "storage.s3.chunksize"),
        ("storage: {s3: {bucket: b, regionendpoint: 'ftp://x'}}", "storage.s3: 'ftp://x'"),
        (STORED + "auth: {policies: [{users: [a]}]}", "auth.policies[0]: actions: "),
        (
            STORED + "auth: {policies: [{groups: [g], actions: [pull]}]}",
            "auth.policies[0]: there is no group 'g'",
        ),
        (STORED + "http: {headers: {'a b': [c]}}", "http.headers: 'a b' is no name"),
        (
            STORED + 'http: {headers: {A: [b, "c\\r\\nd"]}}',
            "http.headers.A: a value has characters",
        ),
        (
            STORED + "http: {headers: {Content-Length: ['5']}}",
            "http.headers.Content-Length: the server itself says this",
        ),
        (STORED + "http: {workers: 100000}", "http.workers: at most 256"),
        (STORED + "http: {trustedproxies: [proxy]}", "http.trustedproxies: 'proxy' is no address"),
        (STORED + "http: {addr: localhost}", "http.addr: 'localhost' does not end with a port"),
        (STORED + "http: {net: unix}", "http.addr: ':5000' is no path"),
        (
            STORED + "http: {debug: {addr: ':1', prometheus: {enabled: true, path: metrics}}}",
            "http.debug.prometheus.path: 'metrics' has to begin with /",
        ),
        (STORED + "http: {debug: {addr: here}}", "http.debug.addr: 'here' does not end"),
        (STORED + "health: {tcp: [{addr: 'a:1'}, {addr: b}]}", "health.tcp[1].addr: 'b' does not"),
        (
            STORED + "middleware: {storage: [{name: redirect, options: {baseurl: a}}]}",
            "middleware.storage[0].options.baseurl: 'a' is no URL",
        ),
        (
            STORED
            + "auth: {token: {realm: r, service: s, issuer: i, jwks: f, "
            + "signingalgorithms: [HS256]}}",
            "auth.token.signingalgorithms: none of them is taken",
        ),
        (STORED + "http: {prefix: registry/}", "http.prefix: "),
        (STORED + "http: {prefix: /registry}", "http.prefix: "),
        (STORED + "http: {host: registry.example}", "http.host: "),
        (STORED + "http: {http2: {enabled: true, disabled: true}}", "http.http2: "),
        (STORED + "middleware: {registry: [{name: x}]}", "middleware.registry: "),
        (STORED + "middleware: {repository: [{name: x}]}", "middleware.repository: "),
        (STORED + "middleware: {storage: [{options: {}}]}", "middleware.storage[0].name: "),
        (STORED + "proxy: {remoteurl: 'https://a'}", "proxy.remoteurl: "),
        (
            STORED + "validation: {manifests: {urls: {allow: ['(']}}}",
            "validation.manifests.urls.allow: '('",
        ),
        (
            STORED + "validation: {manifests: {urls: {deny: ['a', '[']}}}",
            "validation.manifests.urls.deny: '['",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_with_its_key(text: str, problem: str) -> None:
    [refusal] = refusals(config(text))
    assert refusal.startswith(problem)


@pytest.mark.parametrize(
    "text",
    [
        "auth: none",
        "auth: {token: {autoredirect: true, service: s, issuer: i, rootcertbundle: f}}",
        "http: {prefix: /a/, host: 'https://registry.example:5000'}",
        "http: {tls: {minimumtls: tls1.2, clientcas: [a]}, trustedproxies: [10.0.0.0/8, unix]}",
        "http: {headers: {X-Content-Type-Options: [nosniff], Empty: ['']}}",
        "auth: {policies: [{actions: [pull]}]}",
        "middleware: {registry: }",
        "middleware: {registry: [{name: x, disabled: true}]}",
        "middleware: {repository: [{name: x, disabled: true, options: {a: b}}]}",
        "http: {net: unix, addr: /run/registry.sock}",
        "http: {net: unix, addr: registry.sock}",
        "http: {addr: '[::1]:0'}",
        "proxy: ",
    ],
)
def test_what_can_be_served_is_not_refused(text: str) -> None:
    assert refusals(config(STORED + text)) == []


def test_every_problem_is_told() -> None:
    text = "http: {prefix: x, host: y}\nproxy: {remoteurl: z}"
    assert len(refusals(config(text))) == 4


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("loglevel: info", "loglevel"),
        ("log: {hooks: [{type: mail}]}", "log.hooks"),
        ("storage: {cache: {layerinfo: inmemory}}", "storage.cache"),
        ("storage: {cache: {blobdescriptorsize: 5}}", "storage.cache"),
        ("storage: {s3: {v4auth: true}}", "storage.s3.v4auth"),
        ("storage: {s3: {loglevel: debug}}", "storage.s3.loglevel"),
        ("log: {reportcaller: true}", "log.reportcaller"),
        (
            "middleware: {storage: [{name: redirect}, {options: {awsregion: eu-central-1}}]}",
            "middleware.storage[1].options.awsregion",
        ),
        ("redis: {addr: 'localhost:6379'}", "redis"),
        ("reporting: {bugsnag: {apikey: k}}", "reporting.bugsnag"),
        ("reporting: {newrelic: {name: n}}", "reporting.newrelic"),
        ("validation: {enabled: true}", "validation.enabled"),
        ("notifications: {endpoints: [{name: n}]}", "notifications"),
        ("notifications: {events: {includereferences: true}}", "notifications"),
    ],
)
def test_what_has_no_effect_is_told_once_with_its_place(text: str, key: str) -> None:
    decoded = decode(parse(text, "file").value)
    [notice] = notices(decoded.origins)
    assert notice.startswith(f"{key}: ")
    assert notice.endswith("(file, line 1)")


def test_a_wish_that_is_met_is_not_told_of() -> None:
    decoded = decode(parse("storage: {maintenance: {uploadpurging: {age: 1h}}}", "file").value)
    assert notices(decoded.origins) == []


def test_nothing_is_told_of_keys_that_nobody_wrote() -> None:
    assert notices({}) == []


def test_without_validation_any_url_is_allowed_and_everything_has_to_be_there() -> None:
    manifests = "manifests: {urls: {deny: [a]}, indexes: {platforms: none}, references: none}"
    off = config(f"validation: {{disabled: true, {manifests}}}").validation
    on = config(f"validation: {{{manifests}}}").validation
    assert off.in_force.urls.allow == (".*",)
    assert (off.in_force.urls.deny, off.in_force.references) == ((), "all")
    assert off.in_force.indexes.platforms == "all"
    assert on.in_force == on.manifests


@pytest.mark.parametrize("driver", ["s3: {bucket: b, region: r}", "gcs: {bucket: b}"])
def test_a_shared_store_without_a_secret_is_warned_of(driver: str) -> None:
    assert "http.secret: " in cautions(config(f"storage: {{{driver}}}"))[0]
    assert cautions(config(f"storage: {{{driver}}}\nhttp: {{secret: shared}}")) == []
    assert cautions(config(STORED)) == []


def test_locations_that_a_proxy_would_have_to_vouch_for_are_warned_of() -> None:
    absolute = STORED + "http: {relativeurls: false"
    assert "http.trustedproxies" in cautions(config(absolute + "}"))[0]
    for known in ("host: https://a.example", "trustedproxies: [192.0.2.1]"):
        assert cautions(config(f"{absolute}, {known}}}")) == []
    assert cautions(config(STORED + "http: {relativeurls: true}")) == []
