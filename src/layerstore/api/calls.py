"""What a client can ask for: one class each, with the access that it needs.

A Call is a checked value: names, tags, digests and upload ids in it fit their grammars. Each class
names its end-number in the distribution specification (Endpoints). Nothing here reads a request;
`routes.py` makes calls from addresses and addresses from calls.
"""

from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from layerstore.auth.access import REGISTRY, REPOSITORY, TOKEN, Access
from layerstore.oci.digest import Digest
from layerstore.oci.name import Name, Reference, Tag


class Page(NamedTuple):
    """Which part of a list is wanted: at most `n` entries (None: no such wish) behind `last`."""

    n: int | None = None
    last: str = ""


FIRST_PAGE: Final = Page()


class Call:
    """Something that a client asks for.

    `writes` and `deletes` say what a read-only registry and one without deletion refuse; a
    `public` call is answered without asking who the caller is.
    """

    __slots__ = ()

    end: ClassVar[str]
    method: ClassVar[str] = "GET"
    writes: ClassVar[bool] = False
    deletes: ClassVar[bool] = False
    public: ClassVar[bool] = False

    @property
    def wanted(self) -> tuple[Access, ...]:
        """All that the caller must be allowed."""
        return ()


@dataclass(frozen=True, slots=True)
class Alive(Call):
    """Is there anybody? Not of the specification: `GET /`."""

    end: ClassVar = "-"
    public: ClassVar = True


@dataclass(frozen=True, slots=True)
class Options(Call):
    """Which methods an address takes; browsers ask before they send credentials."""

    end: ClassVar = "-"
    method: ClassVar = "OPTIONS"
    public: ClassVar = True

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ping(Call):
    """Is this a registry, and may I come in?"""

    end: ClassVar = "end-1"


@dataclass(frozen=True, slots=True)
class ListRepositories(Call):
    """The catalog, an extension that the specification has registered as `_catalog`."""

    end: ClassVar = "-"

    page: Page = FIRST_PAGE

    @property
    def wanted(self) -> tuple[Access, ...]:
        return (Access(REGISTRY, "catalog", "*"),)


@dataclass(frozen=True, slots=True)
class IssueToken(Call):
    """A pass for whoever asks, as token services hand them out (auth/passes.py). Ours."""

    end: ClassVar = "-"

    @property
    def wanted(self) -> tuple[Access, ...]:
        return (TOKEN,)


@dataclass(frozen=True, slots=True)
class Discover(Call):
    """The extensions that the registry, or one repository in it, has (extensions/_oci)."""

    end: ClassVar = "-"

    name: Name | None = None

    @property
    def wanted(self) -> tuple[Access, ...]:
        return () if self.name is None else (Access(REPOSITORY, self.name, "pull"),)


@dataclass(frozen=True, slots=True)
class RepositoryCall(Call):
    """A call on one repository, which needs `actions` there."""

    actions: ClassVar[tuple[str, ...]] = ("pull",)

    name: Name

    @property
    def wanted(self) -> tuple[Access, ...]:
        return tuple([Access(REPOSITORY, self.name, action) for action in self.actions])


@dataclass(frozen=True, slots=True)
class WritingCall(RepositoryCall):
    """A call that adds content."""

    writes: ClassVar = True
    actions: ClassVar = ("pull", "push")


@dataclass(frozen=True, slots=True)
class DeletingCall(RepositoryCall):
    """A call that takes content away (decisions 8)."""

    method: ClassVar = "DELETE"
    writes: ClassVar = True
    deletes: ClassVar = True
    actions: ClassVar = ("delete",)


@dataclass(frozen=True, slots=True)
class GetBlob(RepositoryCall):
    end: ClassVar = "end-2"

    digest: Digest


@dataclass(frozen=True, slots=True)
class DeleteBlob(DeletingCall):
    end: ClassVar = "end-10"

    digest: Digest


@dataclass(frozen=True, slots=True)
class GetManifest(RepositoryCall):
    end: ClassVar = "end-3"

    reference: Reference


@dataclass(frozen=True, slots=True)
class PutManifest(WritingCall):
    """A manifest under its digest, with `tags` put on it, or under one tag."""

    end: ClassVar = "end-7"
    method: ClassVar = "PUT"

    reference: Reference
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteManifest(DeletingCall):
    """A tag, or a manifest with all its tags."""

    end: ClassVar = "end-9"

    reference: Reference


@dataclass(frozen=True, slots=True)
class ListTags(RepositoryCall):
    end: ClassVar = "end-8"

    page: Page = FIRST_PAGE


@dataclass(frozen=True, slots=True)
class ListReferrers(RepositoryCall):
    """The manifests whose subject this is, behind the digest `last`."""

    end: ClassVar = "end-12"

    subject: Digest
    artifact_type: str | None = None
    last: Digest | None = None


@dataclass(frozen=True, slots=True)
class StartUpload(WritingCall):
    """Bring a blob: by mounting it, in the body of this request, or in a session to come.

    `mount` without `source` asks for any repository that has the blob; `algorithm` announces the
    one that the session will end with.
    """

    end: ClassVar = "end-4, end-11"
    method: ClassVar = "POST"

    digest: Digest | None = None
    mount: Digest | None = None
    source: Name | None = None
    algorithm: str | None = None

    @property
    def wanted(self) -> tuple[Access, ...]:
        own = tuple(Access(REPOSITORY, self.name, action) for action in self.actions)
        return own if self.source is None else (*own, Access(REPOSITORY, self.source, "pull"))


@dataclass(frozen=True, slots=True)
class UploadStatus(RepositoryCall):
    """How far has it come? Needs no state, so that a client who lost it can go on.

    The address of a session is the same for all that is done to it: an answer's Location is this
    call's. `algorithm` is what was announced at its start, for whoever hashes meanwhile.
    """

    end: ClassVar = "end-13"

    upload_id: str
    state: str | None = None
    algorithm: str | None = None


@dataclass(frozen=True, slots=True)
class AppendChunk(WritingCall):
    end: ClassVar = "end-5"
    method: ClassVar = "PATCH"

    upload_id: str
    state: str | None = None
    algorithm: str | None = None


@dataclass(frozen=True, slots=True)
class FinishUpload(WritingCall):
    end: ClassVar = "end-6"
    method: ClassVar = "PUT"

    upload_id: str
    digest: Digest
    state: str | None = None


@dataclass(frozen=True, slots=True)
class CancelUpload(RepositoryCall):
    """Give a session up: nothing stored goes away, so deletion need not be switched on."""

    end: ClassVar = "end-14"
    method: ClassVar = "DELETE"
    writes: ClassVar = True
    actions: ClassVar = ("delete",)

    upload_id: str
    state: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteRepository(DeletingCall):
    """Everything under a name; not of the specification."""

    end: ClassVar = "-"
