"""What one repository sees, read afresh each time, without a word in the log.

The registry itself takes a broken link for an absent one and goes on; here the two differ.
"""

from dataclasses import dataclass

from layerstore.oci.digest import Digest
from layerstore.oci.errors import DigestInvalid, ManifestInvalid
from layerstore.oci.manifest import MANIFEST_BYTES_MAX, media_type_of
from layerstore.oci.name import Name
from layerstore.oci.tarsum import TarSum
from layerstore.registry.blobs import BlobStore
from layerstore.registry.paths import LayerLink, RevisionLink
from layerstore.storage.driver import PathNotFound, StorageDriver


@dataclass(frozen=True, slots=True)
class Link:
    """A link's file as it is."""

    path: str
    content: bytes

    @property
    def digest(self) -> Digest | None:
        """What it says; None when that is no digest."""
        try:
            return Digest.parse(self.content.decode("ascii"))
        except (DigestInvalid, UnicodeDecodeError):
            return None

    def target(self, own: Digest) -> Digest | None:
        """Where it leads, if that is right for a link below the digest `own`; None if broken.

        The original lets a link below a digest of another algorithm lead to the one that it
        keeps the content under (decisions 3), and so do links below a TarSum.
        """
        found = self.digest
        if found is None or (found.algorithm == own.algorithm and found != own):
            return None
        return found

    @property
    def complaint(self) -> str:
        """What is wrong with a broken one."""
        if not self.content:
            return "the link is empty"
        if self.digest is None:
            return "the link is no digest"
        return f"the link leads elsewhere: {self.digest}"


async def read_link(driver: StorageDriver, path: str) -> Link | None:
    """The link; None when there is none."""
    try:
        return Link(path, await driver.get(path))
    except PathNotFound:
        return None


class View:
    """The links and blobs of one repository."""

    def __init__(self, name: Name, driver: StorageDriver) -> None:
        self.name = name
        self.driver = driver
        self.blobs = BlobStore(driver)

    async def link(self, path: str) -> Link | None:
        return await read_link(self.driver, path)

    async def layer(self, digest: Digest) -> Digest | None:
        """Where the repository's link to a blob leads, or led; None without a link."""
        return _led(await self.link(LayerLink(self.name, digest).path), digest)

    async def revision(self, digest: Digest) -> Digest | None:
        """The same of a manifest."""
        return _led(await self.link(RevisionLink(self.name, digest).path), digest)

    async def has_revision(self, digest: Digest) -> bool:
        """Whether it has the manifest, also where version 2.1.0 of the original linked it."""
        return await self.revision(digest) is not None or await self.is_misplaced(digest)

    async def is_misplaced(self, digest: Digest) -> bool:
        """Whether it is a manifest whose link stands below `_layers`."""
        target = await self.layer(digest)
        size = None if target is None else await self.blobs.size(target)
        if target is None or not size or size > MANIFEST_BYTES_MAX:
            return False
        try:
            media_type_of(await self.blobs.get(target) or b"")
        except ManifestInvalid:
            return False
        return True


def _led(link: Link | None, own: Digest) -> Digest | None:
    """A broken link is a finding itself; what it is needed for goes by what it ought to be."""
    if link is None:
        return None
    return link.target(own) or (None if isinstance(own, TarSum) else own)
