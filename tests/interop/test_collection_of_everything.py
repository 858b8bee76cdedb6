"""Both originals' collectors, run for real over one of everything, remove garbage and nothing else.

What they take for garbage and is none stands in docs/migration.md, and here by name: signatures of
schema 1, and with `--delete-untagged` what only an index or a subject leads to.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from layerstore.oci import signed
from tests.interop.everything import SCHEMA1, SCHEMA1_ON, Everything, parts, push_everything, stored
from tests.programs import need
from tests.servers import ORIGINALS, layerstore_server, settings
from tests.unit.oci.signers import document, host
from tests.wire.client import SocketWire

COLLECTION_SECONDS = 60
OLD = "old/signed"
SUBJECT = "signed/by-others"
INDEX = "an/index"


@dataclass(frozen=True)
class Pushed:
    root: Path
    configuration: Path
    everything: Everything

    def collect(self, version: int, *options: str) -> set[str]:
        """Run a version's collector; answers with the digests whose content is gone."""
        before = stored(self.root)
        done = self.run(version, *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return before - stored(self.root)

    def run(self, version: int, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [need(ORIGINALS[version]), "garbage-collect", *options, self.configuration],
            capture_output=True,
            text=True,
            timeout=COLLECTION_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def with_schema1(tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    """A storage folder with everything, that no server uses at the moment."""
    return push_to(tmp_path_factory.mktemp("everything") / "storage", with_schema1=True)


@pytest.fixture(scope="module")
def without_schema1(tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    """The same without schema 1, at which the collector of version 3 stops."""
    return push_to(tmp_path_factory.mktemp("modern") / "storage", with_schema1=False)


def push_to(root: Path, *, with_schema1: bool) -> Pushed:
    with layerstore_server(root, config=SCHEMA1_ON, workers=1) as server:
        everything = push_everything(SocketWire(server.host), with_schema1=with_schema1)
    return Pushed(root, original_configuration(root), everything)


@pytest.fixture
def pushed(with_schema1: Pushed, tmp_path: Path) -> Pushed:
    return copied(with_schema1, tmp_path / "storage")


@pytest.fixture
def modern(without_schema1: Pushed, tmp_path: Path) -> Pushed:
    return copied(without_schema1, tmp_path / "storage")


def copied(pushed: Pushed, root: Path) -> Pushed:
    shutil.copytree(pushed.root, root)
    return Pushed(root, original_configuration(root), pushed.everything)


def original_configuration(root: Path) -> Path:
    file = root.with_name("collector.yml")
    file.write_text(yaml.safe_dump(settings(root, port=0)))
    return file


@contextmanager
def served(pushed: Pushed) -> Iterator[SocketWire]:
    with layerstore_server(pushed.root, config=SCHEMA1_ON, workers=1) as server:
        yield SocketWire(server.host)


def assert_serves(wire: SocketWire, name: str, reference: str, content: bytes) -> None:
    answer = wire.ask("GET", f"/v2/{name}/manifests/{reference}")
    assert answer.status == 200, (name, reference, answer)
    is_signed = answer.header("content-type") == SCHEMA1
    assert (signed.split(answer.body).payload if is_signed else answer.body) == content


def assert_serves_the_rest(wire: SocketWire, all_of_it: Everything, without: set[str]) -> None:
    for (name, digest), content in all_of_it.manifests.items():
        if digest not in without:
            assert_serves(wire, name, digest, content)
    for (name, tag), digest in all_of_it.tags.items():
        assert_serves(wire, name, tag, all_of_it.manifests[name, digest])
    for (name, digest), content in all_of_it.blobs.items():
        if digest not in without:
            answer = wire.ask("GET", f"/v2/{name}/blobs/{digest}")
            assert (answer.status, answer.body) == (200, content), (name, digest)
    for digest in all_of_it.garbage | without:
        for name in {name for name, _ in all_of_it.manifests}:
            assert wire.ask("GET", f"/v2/{name}/blobs/{digest}").status == 404
            assert wire.ask("GET", f"/v2/{name}/manifests/{digest}").status == 404


def test_version_2_removes_garbage_and_signatures(pushed: Pushed) -> None:
    everything = pushed.everything
    assert pushed.collect(2) == everything.garbage | everything.signatures
    with served(pushed) as wire:
        assert_serves_the_rest(wire, everything, set())


def test_a_host_that_pushes_again_has_signed_again(pushed: Pushed) -> None:
    """Its signature is linked still, and its content is gone."""
    pushed.collect(2)
    [content] = [each for (name, _), each in pushed.everything.manifests.items() if name == OLD]
    with served(pushed) as wire:
        sent = {"Content-Type": SCHEMA1}
        again = document(content, host(number=1))
        assert wire.ask("PUT", f"/v2/{OLD}/manifests/latest", sent, again).status == 201
        taken = signed.split(wire.ask("GET", f"/v2/{OLD}/manifests/latest").body)
        keys = {signed.verify(taken.payload, each) for each in taken.signatures}
    assert keys == {host(number=1).public}


def test_version_2_removes_what_has_no_tag_where_it_is_told_to(pushed: Pushed) -> None:
    """With it what only an index or a subject leads to; what is tagged stays.

    Of an index's children it removes the links and the blobs, and keeps the manifest's content.
    """
    everything = pushed.everything
    untagged = everything.untagged
    children = {digest for name, digest in untagged if name == INDEX}
    gone = pushed.collect(2, "--delete-untagged")
    removed = everything.garbage | everything.signatures | _all_of(everything, untagged)
    assert gone == removed - children
    with served(pushed) as wire:
        assert_serves_the_rest(wire, everything, _all_of(everything, untagged))
        [subject] = [digest for (name, _), digest in everything.tags.items() if name == SUBJECT]
        answer = wire.ask("GET", f"/v2/{SUBJECT}/referrers/{subject}")
        assert (answer.status, answer.json()["manifests"]) == (200, [])


def test_version_3_removes_garbage(modern: Pushed) -> None:
    everything = modern.everything
    assert modern.collect(3) == everything.garbage
    with served(modern) as wire:
        assert_serves_the_rest(wire, everything, set())


def test_version_3_spares_what_a_tagged_index_leads_to(modern: Pushed) -> None:
    everything = modern.everything
    children = {each for each in everything.untagged if each[0] == INDEX}
    untagged = everything.untagged - children
    gone = modern.collect(3, "--delete-untagged")
    assert gone == everything.garbage | _all_of(everything, untagged)
    with served(modern) as wire:
        assert_serves_the_rest(wire, everything, _all_of(everything, untagged))


def test_version_3_stops_at_schema_1_and_removes_nothing(pushed: Pushed) -> None:
    before = stored(pushed.root)
    done = pushed.run(3)
    assert done.returncode != 0
    assert stored(pushed.root) == before


@pytest.mark.parametrize("version", ORIGINALS)
def test_a_second_collection_finds_nothing(version: int, modern: Pushed) -> None:
    modern.collect(version)
    assert modern.collect(version) == set()


@pytest.mark.parametrize("version", ORIGINALS)
def test_what_was_collected_can_be_pushed_again(version: int, modern: Pushed) -> None:
    modern.collect(version)
    with served(modern) as wire:
        again = Everything(wire)
        again.manifest("plain", again.image("plain", "deleted"), "deleted")
        assert_serves_the_rest(wire, again, set())


@pytest.mark.parametrize("version", ORIGINALS)
def test_after_a_repository_was_deleted_all_of_it_is_collected(
    version: int, modern: Pushed
) -> None:
    everything = modern.everything
    with served(modern) as wire:
        for name in ("by/sha512", "an/index"):
            assert wire.ask("DELETE", f"/v2/_layerstore/repositories/{name}").status == 202
    gone = modern.collect(version)
    removed = {
        digest for name, digest in _everything_of(everything) if name in ("by/sha512", INDEX)
    }
    assert gone == everything.garbage | removed


def _everything_of(everything: Everything) -> set[tuple[str, str]]:
    return {*everything.manifests, *everything.blobs}


def _all_of(everything: Everything, manifests: set[tuple[str, str]]) -> set[str]:
    """The manifests with all that only they name."""
    return {digest for _, digest in manifests} | {
        part for each in manifests for part in parts(everything.manifests[each])
    }
