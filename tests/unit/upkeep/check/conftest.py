"""A storage that was filled by pushes, to be damaged and checked."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest

from layerstore.clock import SystemClock
from layerstore.oci.descriptor import SCHEMA1_SIGNED
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Tag
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import Locks, ProcessLocks
from layerstore.registry.notary import Notary
from layerstore.registry.references import ManifestRules
from layerstore.registry.repository import Repository
from layerstore.storage.driver import FileInfo, StorageDriver
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.leftovers import Leftovers
from layerstore.storage.memory import MemoryDriver
from layerstore.upkeep.check.findings import Finding, Kind, Report, Severity
from layerstore.upkeep.check.run import Amount, Check, Summary, Wishes
from tests.fakes import FakeClock
from tests.memory_objects import MemoryObjects, object_store_driver
from tests.unit.oci.signers import document, host, payload
from tests.unit.registry.conftest import CONFIG, LAYER, descriptor, image, index, push_blobs

NAME: Final = Name("library/alpine")
OTHER: Final = Name("library")
LATEST: Final = Tag("latest")
LISTED: Final = Tag("listed")
OLD: Final = Tag("old")

IMAGE: Final = image()
SECOND: Final = image(annotations={"second": "yes"})
INDEX: Final = index(IMAGE, SECOND)
ARTIFACT: Final = image(subject=descriptor(IMAGE, "application/vnd.oci.image.manifest.v1+json"))
PAYLOAD: Final = payload(tag="old")
SIGNED: Final = document(PAYLOAD, host())
LAYER_OF_OLD: Final = b"layer"
LATER_HOURS: Final = 2
MEMORY_DISK: Final = Path("/dev/shm")


class LaterClock(FakeClock):
    """A clock some hours ahead of the files': all that was pushed is at rest."""

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(hours=LATER_HOURS)


class Tree:
    """A storage, the registry that fills it, and checks of it."""

    def __init__(self, driver: StorageDriver, root: Path | None) -> None:
        self.driver = driver
        self.root = root
        self.clock: FakeClock = LaterClock()
        self.locks: Locks = ProcessLocks()
        notary = Notary(self.clock, takes_pushes=True, key=lambda: host(number=9))
        self.registry = LocalRegistry(driver, self.locks, self.clock, notary=notary)
        self.repository = self.registry.repository(NAME)
        self.rules = ManifestRules()
        self.summary: Summary | None = None

    async def fill(self) -> None:
        """Two images and their index, an artifact, a signed manifest, an upload."""
        await push_all(self.repository)
        await self.repository.uploads.start()
        await push_image_only(self.registry.repository(OTHER))

    async def check(self, **wishes: Any) -> list[Finding]:
        """What one run reports."""
        found: list[Finding] = []
        with self._opened(Wishes(jobs=2, **wishes), found.append) as check:
            self.summary = await check.run()
        return found

    async def measured(self) -> Amount:
        """How much a run would hash."""
        with self._opened(Wishes(), lambda _: None) as check:
            return await check.measure()

    @contextmanager
    def _opened(self, wishes: Wishes, report: Report) -> Iterator[Check]:
        with ExitStack() as stack:
            left = stack.enter_context(closing(Leftovers(self.root))) if self.root else None
            yield Check(self.driver, self.locks, self.clock, self.rules, wishes, report, left)

    async def damage(self) -> list[Finding]:
        """What one run reports but for notes."""
        return [each for each in await self.check() if each.severity is not Severity.NOTE]

    async def files(self) -> dict[str, tuple[FileInfo, bytes]]:
        """All that is stored."""
        return {
            path: (info, await self.driver.get(path)) async for path, info in self.driver.walk("/")
        }

    async def flip(self, path: str) -> None:
        """Change one bit of a file."""
        content = bytearray(await self.driver.get(path))
        content[len(content) // 2] ^= 1
        await self.driver.put(path, bytes(content))


async def push_all(repository: Repository) -> None:
    """Push everything that the repository has, in the order of a client."""
    await push_blobs(repository, CONFIG, LAYER, LAYER_OF_OLD)
    manifests = repository.manifests
    await manifests.put(IMAGE, None, tags=[LATEST])
    await manifests.put(SECOND, None)
    await manifests.put(INDEX, None, tags=[LISTED])
    await manifests.put(ARTIFACT, None)
    await manifests.put(SIGNED, SCHEMA1_SIGNED, tags=[OLD])


async def push_image_only(repository: Repository) -> None:
    """One image under one tag."""
    await push_blobs(repository, CONFIG, LAYER)
    await repository.manifests.put(IMAGE, None, tags=[LATEST])


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A folder in memory, where that is possible: what syncs do is no matter here."""
    with TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def filled_root() -> Iterator[Path]:
    """A folder that was filled once, to be copied."""
    with quick_folder() as folder, closing(FilesystemDriver(folder, SystemClock())) as driver:
        asyncio.run(Tree(driver, folder).fill())
        yield folder


@pytest.fixture
def folder_tree(filled_root: Path) -> Iterator[Tree]:
    """A whole storage in a folder."""
    with quick_folder() as folder:
        root = shutil.copytree(filled_root, folder / "root")
        with closing(FilesystemDriver(root, SystemClock())) as driver:
            yield Tree(driver, root)


@pytest.fixture
def memory_tree() -> Tree:
    """A whole storage in memory."""
    tree = Tree(MemoryDriver(SystemClock()), None)
    asyncio.run(tree.fill())
    return tree


@pytest.fixture
def bucket_tree() -> Tree:
    """A whole storage on an object store."""
    driver = object_store_driver(MemoryObjects(SystemClock()), SystemClock())
    tree = Tree(driver, None)
    asyncio.run(tree.fill())
    return tree


@pytest.fixture(params=["memory_tree", "folder_tree", "bucket_tree"])
def tree(request: pytest.FixtureRequest) -> Tree:
    """A whole storage, over each driver."""
    found: Tree = request.getfixturevalue(request.param)
    return found


def kinds(findings: list[Finding]) -> list[Kind]:
    return sorted(each.kind for each in findings)


def digest(content: bytes) -> Digest:
    return Digest.of(content)
