"""`storage`: where everything is kept, and what may be done to it."""

from typing import ClassVar

from layerstore.config.drivers import S3, Azure, Filesystem, Gcs, InMemory
from layerstore.config.section import Count, Duration, Section

_GONE = (
    "this driver was removed from the original too; "
    "many such stores speak S3: use storage.s3 with regionendpoint"
)


class Cache(Section, frozen=True):
    """A cache of descriptors."""

    other_names: ClassVar = {"layerinfo": "blobdescriptor"}

    blobdescriptor: str = ""
    """`inmemory` or `redis`."""

    blobdescriptorsize: int = 10_000
    """Entries of the cache in memory."""


class Delete(Section, frozen=True):
    """Deletion over HTTP."""

    enabled: bool = False
    """Whether blobs, manifests and tags can be deleted."""


class Redirect(Section, frozen=True):
    """Redirects to the object store."""

    disable: bool = False
    """Whether blobs are sent from here instead."""


class UploadPurging(Section, frozen=True):
    """Removal of uploads that nobody went on with."""

    enabled: bool = True
    """Whether it is done."""

    age: Duration = 7 * 24 * 60 * 60
    """Time since the last write, not since the beginning, after which an upload is removed."""

    interval: Duration = 24 * 60 * 60
    """How often it is looked for such; the first time within an hour of the start, and within the
    interval."""

    dryrun: bool = False
    """Whether they are only told of in the log."""


class ReadOnly(Section, frozen=True):
    """A registry that takes nothing new."""

    enabled: bool = False
    """Whether pushes and deletes are refused."""


class Maintenance(Section, frozen=True):
    """What is done, or not done, to the storage."""

    uploadpurging: UploadPurging = UploadPurging()
    """Removal of uploads that nobody went on with."""

    readonly: ReadOnly = ReadOnly()
    """A registry that takes nothing new."""


class TagLookup(Section, frozen=True):
    """How tags are looked through."""

    concurrencylimit: Count = 0
    """Tags that are looked at at the same time when a manifest is deleted; 0: as many as are
    sensible here."""


class Storage(Section, frozen=True):
    """Where everything is kept: exactly one driver is named."""

    chooses: ClassVar = True
    other_names: ClassVar = {"s3aws": "s3"}
    closed: ClassVar = {"oss": _GONE, "swift": _GONE, "rados": _GONE}

    filesystem: Filesystem | None = None
    """A folder on this machine."""

    inmemory: InMemory | None = None
    """Memory."""

    s3: S3 | None = None
    """Amazon S3 and its like; `s3aws` is the same."""

    gcs: Gcs | None = None
    """Google Cloud Storage."""

    azure: Azure | None = None
    """Azure Blob Storage."""

    cache: Cache = Cache()
    """A cache of descriptors."""

    delete: Delete = Delete()
    """Deletion over HTTP."""

    redirect: Redirect = Redirect()
    """Redirects to the object store."""

    maintenance: Maintenance = Maintenance()
    """What is done, or not done, to the storage."""

    tag: TagLookup = TagLookup()
    """How tags are looked through."""

    @property
    def drivers(self) -> list[str]:
        """The drivers that are named."""
        return [name for name in DRIVERS if getattr(self, name) is not None]

    @property
    def driver(self) -> str:
        """The one that is chosen; empty when none is."""
        return next(iter(self.drivers), "")


DRIVERS = ("filesystem", "inmemory", "s3", "gcs", "azure")
"""The names of the storage drivers."""
