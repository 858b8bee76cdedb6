"""What lies in a storage beside its repositories: remains, strangers, what nobody links to."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from layerstore.oci.digest import Digest
from layerstore.oci.errors import NameUnknown
from layerstore.oci.manifest import MANIFEST_BYTES_MAX
from layerstore.oci.name import Name
from layerstore.oci.tarsum import TarSum
from layerstore.registry.paths import (
    PREFIX,
    BlobData,
    LayerLink,
    RevisionLink,
    TagCurrent,
    blob_folder,
)
from layerstore.registry.references import ManifestRules
from layerstore.storage.memory import MemoryDriver
from layerstore.upkeep.check.findings import Kind
from tests.fakes import FakeClock
from tests.unit.registry.conftest import CONFIG, LAYER
from tests.unit.upkeep.check.conftest import (
    IMAGE,
    LATEST,
    NAME,
    OTHER,
    SECOND,
    Tree,
    digest,
    kinds,
)

UNKNOWN = Digest.of(b"nobody pushed this")
ID = FakeClock().new_id()


async def test_a_blob_that_nobody_links_to_is_an_orphan(tree: Tree) -> None:
    await tree.driver.put(BlobData(digest(b"lonely")).path, b"lonely")
    (finding,) = await tree.check(repairs=True)
    assert (finding.kind, finding.digest) == (Kind.ORPHAN, digest(b"lonely"))
    assert await tree.driver.get(BlobData(digest(b"lonely")).path) == b"lonely"


@pytest.mark.parametrize(
    "path",
    [
        f"{PREFIX}/notes.txt",
        f"{PREFIX}/blobs/md5/ab/abcd/data",
        f"{PREFIX}/blobs/sha256/00/{digest(LAYER).hex}/data",
        f"{PREFIX}/repositories/library/alpine/_other/file",
        f"{PREFIX}/repositories/library/README",
        f"{PREFIX}/repositories/library/alpine/_layers/sha256/link",
        f"{PREFIX}/repositories/library/alpine/_manifests/revisions/link",
        f"{PREFIX}/repositories/library/alpine/_manifests/tags/latest/why",
        f"{PREFIX}/repositories/library/alpine/_uploads/1/data",
        f"{PREFIX}/repositories/library/alpine/_uploads/{ID}/hashstates/sha256/one",
    ],
)
async def test_a_file_whose_place_means_nothing_is_noted(tree: Tree, path: str) -> None:
    await tree.driver.put(path, b"what is this")
    found = [each for each in await tree.check(repairs=True) if each.kind is Kind.UNKNOWN_FILE]
    assert len(found) == 1
    assert path.startswith(found[0].path)
    if "_uploads" not in path:
        assert await tree.driver.get(path) == b"what is this"


async def test_a_folder_without_data_is_removed(folder_tree: Tree) -> None:
    assert folder_tree.root is not None
    folder = folder_tree.root / blob_folder(UNKNOWN)[1:]
    folder.mkdir(parents=True)
    assert kinds(await folder_tree.check(repairs=True)) == [Kind.NO_DATA]
    assert not folder.exists()


def remains(root: Path) -> list[Path]:
    """What a process leaves that is killed while it writes, gathers, or removes."""
    link = root / LayerLink(NAME, digest(LAYER)).path[1:]
    temporary = link.with_name(f"link.{ID}.tmp")
    gathering = root / "layerstore" / "incoming" / ID
    trash = root / "layerstore" / "trash" / ID / "below" / "data"
    for path in (temporary, gathering, trash):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    return [temporary, gathering, trash.parents[1]]


async def test_what_dead_processes_left_is_removed(folder_tree: Tree) -> None:
    assert folder_tree.root is not None
    left = remains(folder_tree.root)
    found = await folder_tree.check()
    assert {each.path for each in found} == {
        f"/{path.relative_to(folder_tree.root)}" for path in left
    }
    assert all(path.exists() for path in left)
    assert kinds(await folder_tree.check(repairs=True)) == [Kind.LEFTOVER] * 3
    assert not any(path.exists() for path in left)
    assert await folder_tree.check() == []


async def test_what_a_living_process_gathers_is_its_own(folder_tree: Tree) -> None:
    assert folder_tree.root is not None
    _, gathering, _ = remains(folder_tree.root)
    with gathering.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert kinds(await folder_tree.check(repairs=True)) == [Kind.LEFTOVER] * 2
        assert gathering.exists()


async def test_one_repository_is_checked_with_its_own_blobs_only(tree: Tree) -> None:
    await tree.driver.delete(TagCurrent(NAME, LATEST).path)
    await tree.flip(BlobData(digest(SECOND)).path)
    assert await tree.check(repository=OTHER) == []
    assert tree.summary is not None
    assert (tree.summary.repositories, tree.summary.blobs) == (1, 3)
    found = kinds(await tree.check(repository=NAME))
    assert {Kind.TAG_WITHOUT_CURRENT, Kind.BAD_BYTES} <= set(found)


async def test_a_repository_that_is_not_there_is_an_error(tree: Tree) -> None:
    with pytest.raises(NameUnknown):
        await tree.check(repository=Name("library/none"))


async def test_nothing_is_found_in_an_empty_storage() -> None:
    assert await Tree(MemoryDriver(FakeClock()), None).check(repairs=True) == []


async def test_where_references_need_not_be_there_only_their_loss_is_damage(tree: Tree) -> None:
    tree.rules = ManifestRules(references="none")
    await tree.repository.blobs.delete(digest(CONFIG))
    assert await tree.damage() == []
    await tree.driver.delete(BlobData(digest(LAYER)).path)
    assert Kind.MISSING_BLOB in kinds(await tree.damage())


async def test_a_link_of_another_algorithm_may_lead_to_where_the_content_lies(tree: Tree) -> None:
    """The original keeps content under sha256, whatever it was pushed as."""
    alias = Digest.of(LAYER, "sha512")
    await tree.driver.put(LayerLink(NAME, alias).path, digest(LAYER).encode())
    tarsum = TarSum.parse("tarsum.v1+sha256:" + "0" * 64)
    await tree.driver.put(LayerLink(NAME, tarsum).path, digest(LAYER).encode())
    assert await tree.check(repairs=True) == []


async def test_an_empty_link_of_a_tarsum_tells_nothing_and_is_removed(tree: Tree) -> None:
    place = LayerLink(NAME, TarSum.parse("tarsum.v1+sha256:" + "0" * 64))
    await tree.driver.put(place.path, b"")
    (finding,) = await tree.check(repairs=True)
    assert (finding.kind, finding.is_mended) == (Kind.BROKEN_LINK, True)
    assert await tree.check() == []


async def test_a_manifest_that_2_1_0_linked_as_a_layer_is_one(tree: Tree) -> None:
    link = RevisionLink(OTHER, digest(IMAGE)).path
    await tree.driver.move(link, LayerLink(OTHER, digest(IMAGE)).path)
    assert await tree.check(repairs=True) == []


async def test_its_layers_are_needed_though_it_is_not_looked_at(tree: Tree) -> None:
    """So a link stays that leads to a layer which somebody may push again."""
    await tree.driver.move(
        RevisionLink(OTHER, digest(IMAGE)).path, LayerLink(OTHER, digest(IMAGE)).path
    )
    await tree.driver.delete(BlobData(digest(CONFIG)).path)
    await tree.check(repairs=True)
    assert await tree.driver.stat(LayerLink(OTHER, digest(CONFIG)).path)


async def test_a_child_that_the_rules_do_not_ask_for_may_be_absent(tree: Tree) -> None:
    await tree.driver.delete(RevisionLink(NAME, digest(SECOND)).path)
    assert kinds(await tree.damage()) == [Kind.MISSING_CHILD]
    tree.rules = ManifestRules(platforms="none")
    assert await tree.damage() == []


async def test_what_is_too_large_for_a_manifest_is_not_read_as_one(tree: Tree) -> None:
    content = bytes(MANIFEST_BYTES_MAX + 1)
    await tree.driver.put(BlobData(digest(content)).path, content)
    await tree.driver.put(RevisionLink(OTHER, digest(content)).path, digest(content).encode())
    (finding,) = await tree.damage()
    assert finding.kind is Kind.BAD_MANIFEST
    assert "more than a manifest may have" in finding.text


async def test_no_more_is_read_than_the_rate_allows(memory_tree: Tree) -> None:
    await memory_tree.check(bytes_per_s=100)
    assert memory_tree.summary is not None
    assert memory_tree.summary.seconds >= (memory_tree.summary.blob_bytes - len(LAYER)) / 100


async def test_the_amount_is_what_is_hashed(tree: Tree) -> None:
    await tree.check()
    assert tree.summary is not None
    amount = await tree.measured()
    assert amount == (tree.summary.blobs, tree.summary.blob_bytes)
