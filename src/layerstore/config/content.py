"""What may be pushed, what is listed, and what a request may cost."""

from typing import Literal

from layerstore.config.section import Patience, Positive, Section

MIB = 1024 * 1024


class Urls(Section, frozen=True):
    """URLs in manifests, of layers that are kept elsewhere. Without `allow` and `deny` none may
    stand there."""

    allow: tuple[str, ...] = ()
    """Regular expressions, one of which has to be found in a URL."""

    deny: tuple[str, ...] = ()
    """Regular expressions, none of which may be found in a URL."""


class Platform(Section, frozen=True):
    """A platform of an index."""

    architecture: str = ""
    """Such as `amd64`."""

    os: str = ""
    """Such as `linux`."""


class Indexes(Section, frozen=True):
    """Which images of an index have to be there when it is pushed."""

    platforms: Literal["all", "none", "list"] = "all"
    """All, none, or those of `platformlist`."""

    platformlist: tuple[Platform, ...] = ()
    """Platforms whose images have to be there."""


class ManifestValidation(Section, frozen=True):
    """What is asked of a pushed manifest."""

    urls: Urls = Urls()
    """URLs of layers."""

    indexes: Indexes = Indexes()
    """Images of an index."""

    references: Literal["all", "none"] = "all"
    """Ours: Whether everything that a manifest names has to be there (`all`), or nothing."""


class Validation(Section, frozen=True):
    """What is asked of pushed content."""

    disabled: bool = False
    """Whether `manifests` counts for nothing: any URL is allowed then, and everything that a
    manifest names has to be there."""

    enabled: bool | None = None
    """v2: The former switch."""

    manifests: ManifestValidation = ManifestValidation()
    """Manifests."""

    @property
    def in_force(self) -> ManifestValidation:
        """What is asked of a manifest after all."""
        return ManifestValidation(urls=Urls(allow=(".*",))) if self.disabled else self.manifests


class RepositoryPolicy(Section, frozen=True):
    """What repositories may hold."""

    classes: tuple[Literal["image", "plugin"], ...] = ()
    """Classes of content that is taken; none: every class."""


class Policy(Section, frozen=True):
    """What may be pushed."""

    repository: RepositoryPolicy = RepositoryPolicy()
    """What repositories may hold."""


class Schema1(Section, frozen=True):
    """Manifests of schema 1, from before Docker 1.10."""

    enabled: bool = False
    """v2: Whether they are taken and made."""

    signingkeyfile: str = ""
    """v2: File with the key that signs them, JWK or PEM; empty: one is made, and kept."""


class Compatibility(Section, frozen=True):
    """What old clients need."""

    schema1: Schema1 = Schema1()
    """v2: Manifests of schema 1."""


class Catalog(Section, frozen=True):
    """The list of repositories."""

    maxentries: Positive = 1_000
    """Names on one page."""


class Tags(Section, frozen=True):
    """The list of tags."""

    maxtags: Positive = 1_000
    """Tags on one page."""


class Limits(Section, frozen=True):
    """Ours: What a request may cost. What is too much is answered with 408, 413, 414 or 429."""

    manifestbytes: Positive = 4 * MIB
    """Ours: Bytes of a manifest."""

    references: Positive = 10_000
    """Ours: Blobs and manifests that one manifest names."""

    indexdepth: Positive = 8
    """Ours: Indexes within indexes."""

    tagsperpush: Positive = 64
    """Ours: Tags that one push of a manifest sets (`?tag=`)."""

    uploadsperclient: Positive = 1_000
    """Ours: Requests with a body that one user, or one address where nobody logged in, may have
    running at the same time."""

    pathbytes: Positive = 4 * 1024
    """Ours: Bytes of a path."""

    querybytes: Positive = 8 * 1024
    """Ours: Bytes of a query."""

    headerbytes: Positive = 64 * 1024
    """Ours: Bytes of all headers of a request."""

    progresstimeout: Patience = 30
    """Ours: Time that the sender of a body may be silent."""

    leastrate: Positive = 1024
    """Ours: Bytes a second that a body has to bring on average."""

    ratewindow: Patience = 60
    """Ours: Time over which that average is taken."""
