"""Signed manifests by programs that no one here wrote: skopeo, Docker, and the original.

Layerstore and Debian's docker-registry run on one storage folder, each with schema 1 switched on,
so that what one was given the other has to serve. The original signs with the key of its own run,
or with one from a file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.keys import private_key
from tests.clients.registry_reader import RegistryReader
from tests.clients.schema1_image import (
    TAG,
    SignedImage,
    get_signed,
    make_image,
    payload_of,
    put_signed,
    signers,
)
from tests.clients.schema1_only import speaking_schema1_only
from tests.daemons import docker_daemon
from tests.interop.test_collection_by_original import collect
from tests.programs import need
from tests.programs.tool import Tool
from tests.servers import Server, layerstore_server, original_server

SCHEMA1_ON = {"compatibility": {"schema1": {"enabled": True}}}
COPY = ("copy", "--src-tls-verify=false", "--dest-tls-verify=false")


@dataclass(frozen=True)
class Shared:
    """Three servers on one folder; `by_file` signs with an RSA key from a file."""

    ours: Server
    original: Server
    by_file: Server
    key_file: Path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("schema1")
    key_file = folder / "rsa.pem"
    Tool(need("openssl")).run("genrsa", "-traditional", "-out", key_file, "2048")
    schema1 = {"enabled": True, "signingkeyfile": str(key_file)}
    root = folder / "storage"
    with (
        layerstore_server(root, config=SCHEMA1_ON) as ours,
        original_server(root, config=SCHEMA1_ON) as original,
        original_server(root, config={"compatibility": {"schema1": schema1}}) as by_file,
    ):
        yield Shared(ours, original, by_file, key_file)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> SignedImage:
    return make_image(tmp_path_factory.mktemp("image") / "layout")


@pytest.fixture
def skopeo(home: Path) -> Tool:
    return Tool(need("skopeo"), environment={"HOME": str(home), "TMPDIR": str(home)})


@pytest.fixture(scope="module")
def old_docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """Docker 20.10, which pushes schema 1 when asked in this way and schema 2 is refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_ALLOW_SCHEMA1_PUSH_DONOTUSE", "1")
        with docker_daemon(tmp_path_factory.mktemp("docker")) as client:
            yield client


def push(skopeo: Tool, image: SignedImage, server: Server, name: str, form: str) -> None:
    skopeo.run(*COPY, f"--format={form}", image.source, f"docker://{server.host}/{name}:{TAG}")


def pulled(docker: Tool, reference: str) -> list[str]:
    """The layers of an image that Docker pulls, before compression; it is forgotten again."""
    docker.run("pull", reference)
    told = docker.run("inspect", "--format={{json .RootFS.Layers}}", reference)
    docker.run("rmi", reference)
    layers: list[str] = json.loads(told)
    return layers


def show(shared: Shared, name: str) -> list[dict[str, object]]:
    """What `layerstore manifest show` tells of the signatures."""
    layerstore = Tool(Path(sys.executable).with_name("layerstore"))
    told = layerstore.run("manifest", "show", f"{name}:{TAG}", "--json", "--data", shared.ours.root)
    signatures: list[dict[str, object]] = json.loads(told)["signatures"]
    return signatures


def test_what_skopeo_signs_is_taken_and_served_with_its_signature(
    shared: Shared, skopeo: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "skopeo", "v2s1")
    served = get_signed(shared.ours, "skopeo")
    assert served.headers["content-type"] == SCHEMA1_SIGNED
    assert served.headers["docker-content-digest"] == Digest.of(payload_of(served.body))
    (key,) = signers(served.body)
    assert [entry["key"] for entry in show(shared, "skopeo") if entry["holds"]] == [key.id]


def test_skopeo_pulls_what_it_pushed(
    shared: Shared, skopeo: Tool, image: SignedImage, tmp_path: Path
) -> None:
    push(skopeo, image, shared.ours, "skopeo/pull", "v2s1")
    source = f"docker://{shared.ours.host}/skopeo/pull:{TAG}"
    skopeo.run(*COPY, source, f"dir:{tmp_path / 'pulled'}")
    pulled = json.loads((tmp_path / "pulled" / "manifest.json").read_bytes())
    assert pulled["schemaVersion"] == 1
    told = json.loads(skopeo.run("inspect", "--tls-verify=false", source))
    assert told["Digest"] == get_signed(shared.ours, "skopeo/pull").headers["docker-content-digest"]


def test_an_image_is_told_in_schema_1_as_the_original_tells_it(
    shared: Shared, skopeo: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "told", "v2s2")
    by_us = get_signed(shared.ours, "told")
    by_original = get_signed(shared.original, "told")
    assert by_us.status == by_original.status == 200
    assert payload_of(by_us.body) == payload_of(by_original.body)
    digest = "docker-content-digest"
    assert by_us.headers[digest] == by_original.headers[digest]
    assert signers(by_us.body).isdisjoint(signers(by_original.body))


def test_what_the_original_signs_is_taken(shared: Shared, skopeo: Tool, image: SignedImage) -> None:
    push(skopeo, image, shared.ours, "by-original", "v2s2")
    for server in (shared.original, shared.by_file):
        document = get_signed(server, "by-original").body
        taken = put_signed(shared.ours, "by-original", document)
        assert taken.status == 201, taken
        assert taken.headers["docker-content-digest"] == Digest.of(payload_of(document))
    served = get_signed(shared.ours, "by-original").body
    assert private_key(shared.key_file.read_bytes()).public in signers(served)
    assert len(signers(served)) == 2


def test_what_we_sign_the_original_takes(shared: Shared, skopeo: Tool, image: SignedImage) -> None:
    push(skopeo, image, shared.ours, "by-us", "v2s2")
    document = get_signed(shared.ours, "by-us").body
    taken = put_signed(shared.original, "by-us", document)
    assert taken.status == 201, taken
    assert taken.headers["docker-content-digest"] == Digest.of(payload_of(document))
    broken = put_signed(shared.original, "by-us", document.replace(b"amd64", b"arm64"))
    assert broken.status == 400


def test_three_keys_sign_one_payload_and_one_answer_carries_all(
    shared: Shared, skopeo: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "three", "v2s1")
    for server in (shared.original, shared.by_file):
        document = get_signed(server, "three").body
        assert len(signers(document)) == 1
        assert put_signed(shared.ours, "three", document).status == 201
    served = get_signed(shared.ours, "three").body
    keys = signers(served)
    assert len(keys) == 3
    assert private_key(shared.key_file.read_bytes()).public in keys
    assert {entry["key"] for entry in show(shared, "three")} == {key.id for key in keys}
    again = put_signed(shared.original, "three", served)
    assert (again.status, again.headers["docker-content-digest"]) == (
        201,
        Digest.of(payload_of(served)),
    )


def test_a_tree_with_signatures_is_pulled_through_the_original(
    shared: Shared, skopeo: Tool, image: SignedImage, tmp_path: Path
) -> None:
    push(skopeo, image, shared.ours, "tree", "v2s1")
    written = shared.ours.root.glob("docker/registry/v2/repositories/tree/**/signatures/**/link")
    assert len(list(written)) == 1
    source = f"docker://{shared.original.host}/tree:{TAG}"
    skopeo.run(*COPY, source, f"dir:{tmp_path / 'pulled'}")
    pulled = (tmp_path / "pulled" / "manifest.json").read_bytes()
    assert payload_of(pulled) == payload_of(get_signed(shared.ours, "tree").body)


def test_what_the_original_was_given_we_sign_on_the_way_out(
    shared: Shared, skopeo: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.original, "unsigned", "v2s1")
    served = get_signed(shared.ours, "unsigned").body
    (key,) = signers(served)
    kept = private_key((shared.ours.root / "layerstore" / "schema1-key").read_bytes())
    assert key == kept.public
    assert show(shared, "unsigned") == []


def test_a_document_that_was_tampered_with_is_refused_by_both(
    shared: Shared, skopeo: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "tampered", "v2s1")
    document = get_signed(shared.ours, "tampered").body
    for broken in (
        document.replace(b"amd64", b"arm64"),
        document.replace(b'"alg":"ES256"', b'"alg":"ES384"'),
        document.replace(b'"kid":"', b'"kid":"X'),
    ):
        assert broken != document
        refused = put_signed(shared.ours, "tampered", broken)
        assert (refused.status, refused.json()["errors"][0]["code"]) == (400, "MANIFEST_UNVERIFIED")
        assert put_signed(shared.original, "tampered", broken).status >= 400
    assert get_signed(shared.ours, "tampered").body == document


def test_docker_falls_back_to_schema_1_and_pulls_it_again(
    shared: Shared, old_docker: Tool, image: SignedImage, tmp_path: Path
) -> None:
    with speaking_schema1_only(shared.ours) as host:
        reference = f"{host}/docker:{TAG}"
        loaded = image.docker_archive(tmp_path / "load.tar", reference)
        old_docker.run("load", "--input", loaded)
        old_docker.run("push", reference)
    assert len(signers(get_signed(shared.ours, "docker").body)) == 1
    old_docker.run("rmi", reference)
    for server in (shared.ours, shared.original):
        assert pulled(old_docker, f"{server.host}/docker:{TAG}") == image.unpacked()


def test_docker_pulls_what_we_tell_in_schema_1(
    shared: Shared, skopeo: Tool, old_docker: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "docker/told", "v2s2")
    with speaking_schema1_only(shared.ours) as host:
        assert pulled(old_docker, f"{host}/docker/told:{TAG}") == image.unpacked()


def test_docker_pulls_what_three_keys_signed(
    shared: Shared, skopeo: Tool, old_docker: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "docker/three", "v2s1")
    for server in (shared.original, shared.by_file):
        document = get_signed(server, "docker/three").body
        assert put_signed(shared.ours, "docker/three", document).status == 201
    assert len(signers(get_signed(shared.ours, "docker/three").body)) == 3
    assert pulled(old_docker, f"{shared.ours.host}/docker/three:{TAG}") == image.unpacked()


def test_a_deleted_revision_is_gone_with_its_signatures(
    shared: Shared, skopeo: Tool, image: SignedImage
) -> None:
    push(skopeo, image, shared.ours, "deleted", "v2s1")
    digest = get_signed(shared.ours, "deleted").headers["docker-content-digest"]
    assert RegistryReader(shared.ours.host, "deleted").delete("manifests", digest) == 202
    for server in (shared.ours, shared.original):
        assert get_signed(server, "deleted").status == 404
    left = shared.ours.root.glob("docker/registry/v2/repositories/deleted/**/signatures/**/link")
    assert list(left) == []


def test_docker_and_skopeo_are_told_that_schema_1_is_off(
    server: Server, skopeo: Tool, image: SignedImage
) -> None:
    there = f"docker://{server.host}/off:{TAG}"
    told = skopeo.refuse(*COPY, "--format=v2s1", image.source, there)
    assert "schema 1 manifests are not taken here" in told or "unsupported" in told


def test_the_original_s_collector_spares_the_manifest_but_not_its_signatures(
    skopeo: Tool, image: SignedImage, tmp_path: Path
) -> None:
    root = tmp_path / "storage"
    with layerstore_server(root, config=SCHEMA1_ON) as ours:
        push(skopeo, image, ours, "collected", "v2s1")
        document = get_signed(ours, "collected").body
    collect(root)
    with layerstore_server(root, config=SCHEMA1_ON) as ours:
        served = get_signed(ours, "collected").body
        assert payload_of(served) == payload_of(document)
        assert signers(served).isdisjoint(signers(document))
        assert put_signed(ours, "collected", document).status == 201
        assert get_signed(ours, "collected").body == document
        skopeo.run(*COPY, f"docker://{ours.host}/collected:{TAG}", f"dir:{tmp_path / 'pulled'}")
