"""docs/object-storage.md tells how many requests an operation takes: as many as it takes."""

import re
from pathlib import Path

from layerstore.clock import SystemClock
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.registry.repository import Repository
from layerstore.storage.objects.driver import ObjectStoreDriver
from tests.meddling import MeddlingClient
from tests.object_storage.operations import TAG, Counted, account
from tests.unit.registry.conftest import CONFIG, LAYER, image, push_blobs

PAGE = Path(__file__).parents[2] / "docs" / "object-storage.md"


def told(heading: str = "Requests") -> Counted:
    """The table below that heading of the page."""
    page = PAGE.read_text(encoding="utf-8")
    table = page.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| ([A-Z][^|]+) \| ([A-Z][^|]+) \|$", table, re.MULTILINE)
    return {name.strip(): kinds.strip() for name, kinds in rows}


async def test_the_page_tells_of_every_request(
    driver: ObjectStoreDriver, repository: Repository, client: MeddlingClient
) -> None:
    fresh = LocalRegistry(driver, ProcessLocks(), SystemClock()).repository(repository.name)
    taken = await account(repository, fresh, client)
    table = "\n".join(f"| {name} | {kinds} |" for name, kinds in taken.items())
    assert told() == taken, table


async def test_a_manifest_by_tag_takes_two_turns(
    driver: ObjectStoreDriver, repository: Repository, client: MeddlingClient
) -> None:
    """The link of the tag, then the link of the revision and the content side by side."""
    content = image()
    await push_blobs(repository, CONFIG, LAYER)
    await repository.manifests.put(content, None, tags=[TAG])
    fresh = LocalRegistry(driver, ProcessLocks(), SystemClock()).repository(repository.name)
    client.counted()
    assert (await fresh.manifests.get(TAG)).content == content
    assert client.turns == 2


async def test_the_references_of_a_manifest_are_looked_at_side_by_side(
    repository: Repository, client: MeddlingClient
) -> None:
    layers = tuple(b"layer %d" % number for number in range(12))
    await push_blobs(repository, CONFIG, *layers)
    client.counted()
    await repository.manifests.put(image(layers=layers), None)
    assert client.turns <= 4


async def test_the_start_asks_for_nothing_outside_of_the_root_directory(
    driver: ObjectStoreDriver, client: MeddlingClient
) -> None:
    """Credentials may be good for the folder only."""
    assert await driver.start()
    await driver.stat("/")
    kinds = {asked.kind for asked in client.asked}
    assert kinds == {"PutObject", "DeleteObject", "ListObjectsV2"}
    for asked in client.asked:
        assert "/test-" in asked.path or "prefix=test-" in asked.url, asked.url
