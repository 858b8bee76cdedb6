"""`layerstore manifest show`: what a manifest names, who signed it, and whether that holds."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layerstore.cli.main import app
from layerstore.clock import SystemClock
from layerstore.oci import signed
from layerstore.oci.descriptor import OCI_INDEX, OCI_MANIFEST, SCHEMA1, SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.paths import BlobData, RevisionLink, SignatureLink, TagCurrent
from layerstore.storage.filesystem import FilesystemDriver
from tests.unit.oci.signers import LAYER, SIGNED_AT, document, host, payload
from tests.unit.registry.conftest import CONFIG, image, index, push_blobs
from tests.unit.registry.conftest import LAYER as IMAGE_LAYER

NAME = Name("old/image")
PAYLOAD = payload(NAME)
REVISION = Digest.of(PAYLOAD)
UNSIGNED = payload(NAME, "unsigned")
IMAGE = image()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A storage with a manifest that two hosts signed, of whose signatures one does not hold."""
    root = tmp_path / "data"

    async def fill() -> None:
        clock = SystemClock()
        driver = FilesystemDriver(root, clock)
        notary = Notary(clock, takes_pushes=True)
        repository = LocalRegistry(driver, ProcessLocks(), clock, notary=notary).repository(NAME)
        await push_blobs(repository, b"layer", CONFIG, IMAGE_LAYER)
        signed_twice = document(PAYLOAD, host(), host("RSA"))
        await repository.manifests.put(signed_twice, SCHEMA1_SIGNED, tags=[Tag("latest")])
        wrong = signed.sign(UNSIGNED, host("P-384"), SIGNED_AT).stored()
        await driver.put(BlobData(Digest.of(wrong)).path, wrong)
        link = SignatureLink(NAME, REVISION, Digest.of(wrong))
        await driver.put(link.path, link.signature.encode())
        bare = Digest.of(UNSIGNED)
        await driver.put(BlobData(bare).path, UNSIGNED)
        await driver.put(RevisionLink(NAME, bare).path, bare.encode())
        await driver.put(TagCurrent(NAME, Tag("unsigned")).path, bare.encode())
        await repository.manifests.put(IMAGE, None, tags=[Tag("image")])
        await repository.manifests.put(index(IMAGE), None, tags=[Tag("index")])

    asyncio.run(fill())
    return root


def show(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["manifest", "show", *words, "--data", str(data)])


def shown(data: Path, *words: str) -> str:
    result = show(data, *words)
    assert result.exit_code == 0, result.output
    return result.output


def test_it_tells_who_signed_and_whether_that_holds(data: Path) -> None:
    lines = shown(data, f"{NAME}:latest").splitlines()
    assert lines[:4] == [
        f"{NAME}:latest",
        f"  digest    {REVISION}",
        f"  type      {SCHEMA1}",
        f"  layer     {LAYER}",
    ]
    when = "2015-01-14 18:30:00 UTC"
    assert set(lines[4:]) == {
        f"  signed    by {host().public.id}, ES256, {when}, holds",
        f"  signed    by {host('RSA').public.id}, RS256, {when}, holds",
        f"  signed    {when}, does not hold: the signature belongs to another payload",
    }


def test_it_tells_the_same_as_json(data: Path) -> None:
    told = json.loads(shown(data, f"{NAME}:latest", "--json"))
    assert (told["digest"], told["mediaType"]) == (REVISION, SCHEMA1)
    assert told["parts"] == [{"kind": "layer", "digest": LAYER}]
    held = {entry["key"]: entry["holds"] for entry in told["signatures"]}
    assert held == {host().public.id: True, host("RSA").public.id: True, None: False}


def test_a_manifest_that_nobody_signed_is_told_so_and_makes_no_key(data: Path) -> None:
    assert "by nobody" in shown(data, f"{NAME}:unsigned")
    assert not (data / "layerstore" / "schema1-key").exists()


def test_a_manifest_of_today_has_no_signatures(data: Path) -> None:
    lines = shown(data, f"{NAME}:image").splitlines()
    assert lines[2:] == [
        f"  type      {OCI_MANIFEST}",
        f"  config    {Digest.of(CONFIG)}  {len(CONFIG)} bytes",
        f"  layer     {Digest.of(IMAGE_LAYER)}  {len(IMAGE_LAYER)} bytes",
    ]
    lines = shown(data, f"{NAME}:index").splitlines()
    assert lines[2:] == [
        f"  type      {OCI_INDEX}",
        f"  manifest  {Digest.of(IMAGE)}  {len(IMAGE)} bytes",
    ]


@pytest.mark.parametrize(
    ("reference", "status"), [(f"{NAME}:none", 1), ("none:latest", 1), ("none", 2), ("A:b", 2)]
)
def test_what_is_not_there_is_told_in_words(data: Path, reference: str, status: int) -> None:
    result = show(data, reference)
    assert result.exit_code == status
    assert result.output.startswith("layerstore: ")


def test_a_removed_manifest_is_told_as_json_too(data: Path) -> None:
    words = ["manifest", "delete", f"{NAME}@{REVISION}", "--json", "--data", str(data)]
    told = json.loads(CliRunner().invoke(app, words).output)
    assert told == {"name": NAME, "digest": REVISION, "deleted": True}
