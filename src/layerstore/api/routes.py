"""Addresses: `parse` makes a Call from one, `build` makes one from a Call.

An address is told by its last segments, so that a repository may be named `a/tags/list` or
`x/blobs/uploads`. Paths arrive decoded and without `http.prefix`. Every Location and Link is made
by `build`.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, quote_plus

from layerstore.api.calls import (
    Alive,
    AppendChunk,
    Call,
    CancelUpload,
    DeleteBlob,
    DeleteManifest,
    DeleteRepository,
    Discover,
    FinishUpload,
    GetBlob,
    GetManifest,
    IssueToken,
    ListReferrers,
    ListRepositories,
    ListTags,
    Options,
    Page,
    Ping,
    PutManifest,
    StartUpload,
    UploadStatus,
)
from layerstore.oci.digest import HEX_LENGTHS, Digest
from layerstore.oci.errors import (
    BlobUploadUnknown,
    DigestInvalid,
    MethodNotAllowed,
    NameInvalid,
    PaginationNumberInvalid,
    RouteUnknown,
    TagInvalid,
    UrlTooLong,
)
from layerstore.oci.name import (
    TAG_LENGTH_MAX,
    Name,
    Reference,
    Tag,
    is_tag,
    parse_name,
    parse_reference,
)
from layerstore.oci.tarsum import parse_digest
from layerstore.registry.paths import is_upload_id

QUERY_FIELDS_MAX: Final = 1_000
"""Parameters in one query."""

_PAGE_DIGITS_MAX: Final = 18
_OWN = "_layerstore/repositories/"
_TOKEN = "_layerstore/token"  # noqa: S105 - the end of an address
_DISCOVER = "_oci/ext/discover"


class Shape(Enum):
    """What kind of thing an address names."""

    ROOT = auto()
    PING = auto()
    CATALOG = auto()
    TOKEN = auto()
    DISCOVER = auto()
    TAGS = auto()
    MANIFEST = auto()
    BLOB = auto()
    UPLOADS = auto()
    UPLOAD = auto()
    REFERRERS = auto()
    REPOSITORY = auto()


class Address(NamedTuple):
    """A shape, the repository's name as it was written, and the last segment where it matters."""

    shape: Shape
    name: str = ""
    last: str = ""


class Query:
    """The parameters of a query; the first of a name counts, unless all are asked for."""

    __slots__ = ("_first", "_pairs")

    def __init__(self, text: str) -> None:
        try:
            self._pairs = (
                parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
                if text
                else []
            )
        except ValueError as error:
            raise UrlTooLong({"limit": QUERY_FIELDS_MAX}) from error
        self._first = dict(reversed(self._pairs))

    def every(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def one(self, name: str) -> str | None:
        """The first value; None when there is none, or an empty one."""
        return self._first.get(name) or None


_Maker: TypeAlias = Callable[[Address, Query], Call]


def parse(method: str, path: str, query: str = "") -> Call:
    """What the request asks for.

    Raises RouteUnknown, MethodNotAllowed, or what is wrong with a name, a tag, a digest, an upload
    id or a parameter.
    """
    address = locate(path)
    makers = _MAKERS[address.shape]
    maker = makers.get(method)
    if maker is not None:
        return maker(address, Query(query))
    if method == "OPTIONS" and address.shape is not Shape.PING:
        return Options(tuple(makers))
    raise MethodNotAllowed(tuple(makers))


def methods_at(path: str) -> tuple[str, ...]:
    """Every method that the address takes; none when it names nothing."""
    try:
        return tuple(_MAKERS[locate(path).shape])
    except RouteUnknown:
        return ()


def locate(path: str) -> Address:
    """What a path names; RouteUnknown when that is nothing. One slash at the end is no matter."""
    if path == "/":
        return Address(Shape.ROOT)
    if not path.startswith("/v2/"):
        if path == "/v2":
            return Address(Shape.PING)
        raise RouteUnknown
    inner = path[4:-1] if path.endswith("/") else path[4:]
    if not inner or inner.startswith("_"):
        return _locate_special(path, inner)
    return _locate_in_repository(inner)


def _locate_special(path: str, inner: str) -> Address:
    if path == "/v2/":
        return Address(Shape.PING)
    if inner == "_catalog":
        return Address(Shape.CATALOG)
    if inner == _TOKEN:
        return Address(Shape.TOKEN)
    if inner == _DISCOVER:
        return Address(Shape.DISCOVER)
    if inner.startswith(_OWN):
        return Address(Shape.REPOSITORY, inner[len(_OWN) :])
    raise RouteUnknown


def _locate_in_repository(inner: str) -> Address:
    head, _, last = inner.rpartition("/")
    name, _, noun = head.rpartition("/")
    if noun == "manifests":
        return Address(Shape.MANIFEST, name, last)
    if noun == "blobs":
        if last == "uploads":
            return Address(Shape.UPLOADS, name)
        return Address(Shape.BLOB, name, last)
    if noun == "uploads" and name.endswith("/blobs"):
        return Address(Shape.UPLOAD, name[: -len("/blobs")], last)
    if noun == "tags" and last == "list":
        return Address(Shape.TAGS, name)
    if noun == "referrers":
        return Address(Shape.REFERRERS, name, last)
    if inner.endswith("/" + _DISCOVER):
        return Address(Shape.DISCOVER, inner[: -len(_DISCOVER) - 1])
    raise RouteUnknown


def _name(address: Address) -> Name:
    return parse_name(address.name)


def _page(query: Query) -> Page:
    text, last = query.one("n"), _printable(query.one("last") or "")
    if text is None:
        return Page(None, last)
    if not (text.isascii() and text.isdigit() and len(text) <= _PAGE_DIGITS_MAX):
        raise PaginationNumberInvalid({"n": text[:_PAGE_DIGITS_MAX]})
    return Page(int(text), last)


def _printable(last: str) -> str:
    """Up to the first control character: it sorts before all that a name or a tag may hold."""
    end = next((place for place, letter in enumerate(last) if letter < " "), len(last))
    return last[:end]


def _upload_id(address: Address) -> str:
    if not is_upload_id(address.last):
        raise BlobUploadUnknown
    return address.last


def _discover(address: Address, query: Query) -> Call:
    return Discover(_name(address) if address.name else None)


def _list_repositories(address: Address, query: Query) -> Call:
    """`last` leads through folders, so it has to be a name; it need not exist."""
    page = _page(query)
    return ListRepositories(page if not page.last else Page(page.n, parse_name(page.last)))


def _list_tags(address: Address, query: Query) -> Call:
    return ListTags(_name(address), _page(query))


def _list_referrers(address: Address, query: Query) -> Call:
    last = query.one("last")
    return ListReferrers(
        _name(address),
        Digest.parse(address.last),
        query.one("artifactType"),
        None if last is None else Digest.parse(last),
    )


def _get_blob(address: Address, query: Query) -> Call:
    return GetBlob(_name(address), parse_digest(address.last))


def _delete_blob(address: Address, query: Query) -> Call:
    return DeleteBlob(_name(address), parse_digest(address.last))


def _get_manifest(address: Address, query: Query) -> Call:
    return GetManifest(_name(address), parse_reference(address.last))


def _delete_manifest(address: Address, query: Query) -> Call:
    return DeleteManifest(_name(address), parse_reference(address.last))


def _put_manifest(address: Address, query: Query) -> Call:
    """Tags beside a tag mean nothing (specification, Pushing Manifests) and are passed over."""
    name, reference = _name(address), _new_reference(address.last)
    if not isinstance(reference, Digest):
        return PutManifest(name, reference)
    tags = dict.fromkeys(_new_tag(text) for text in query.every("tag"))
    return PutManifest(name, reference, tuple(tags))


def _new_reference(text: str) -> Reference:
    return Digest.parse(text) if ":" in text else _new_tag(text)


def _new_tag(text: str) -> Tag:
    if not is_tag(text):
        raise TagInvalid({"tag": text[:TAG_LENGTH_MAX]}, message="not a tag")
    return Tag(text)


def _start_upload(address: Address, query: Query) -> Call:
    digest = query.one("digest")
    mount, source = _mount(query)
    return StartUpload(
        _name(address),
        digest=None if digest is None else Digest.parse(digest),
        mount=mount,
        source=source,
        algorithm=_algorithm(query),
    )


def _mount(query: Query) -> tuple[Digest | None, Name | None]:
    """What to mount and from where: nothing when either cannot be read (registry-facts §2.5)."""
    mount, source = query.one("mount"), query.one("from")
    if mount is None:
        return None, None
    try:
        return Digest.parse(mount), None if source is None else parse_name(source)
    except (DigestInvalid, NameInvalid):
        return None, None


def _algorithm(query: Query) -> str | None:
    algorithm = query.one("digest-algorithm")
    if algorithm is not None and algorithm not in HEX_LENGTHS:
        raise DigestInvalid(
            {"supported": list(HEX_LENGTHS)}, message="content is not taken under this algorithm"
        )
    return algorithm


def _upload_status(address: Address, query: Query) -> Call:
    return UploadStatus(_name(address), _upload_id(address), query.one("_state"), _algorithm(query))


def _append_chunk(address: Address, query: Query) -> Call:
    return AppendChunk(_name(address), _upload_id(address), query.one("_state"), _algorithm(query))


def _cancel_upload(address: Address, query: Query) -> Call:
    return CancelUpload(_name(address), _upload_id(address), query.one("_state"))


def _finish_upload(address: Address, query: Query) -> Call:
    name, upload_id = _name(address), _upload_id(address)
    digest = query.one("digest")
    if digest is None:
        raise DigestInvalid(message="the parameter digest is missing")
    return FinishUpload(name, upload_id, Digest.parse(digest), query.one("_state"))


def _delete_repository(address: Address, query: Query) -> Call:
    return DeleteRepository(_name(address))


def _reading(maker: _Maker) -> dict[str, _Maker]:
    return {"GET": maker, "HEAD": maker}


_MAKERS: Final[Mapping[Shape, Mapping[str, _Maker]]] = {
    Shape.ROOT: _reading(lambda address, query: Alive()),
    Shape.PING: _reading(lambda address, query: Ping()),
    Shape.CATALOG: _reading(_list_repositories),
    Shape.TOKEN: _reading(lambda address, query: IssueToken()),
    Shape.DISCOVER: _reading(_discover),
    Shape.TAGS: _reading(_list_tags),
    Shape.REFERRERS: _reading(_list_referrers),
    Shape.MANIFEST: _reading(_get_manifest) | {"PUT": _put_manifest, "DELETE": _delete_manifest},
    Shape.BLOB: _reading(_get_blob) | {"DELETE": _delete_blob},
    Shape.UPLOADS: {"POST": _start_upload},
    Shape.UPLOAD: _reading(_upload_status)
    | {"PATCH": _append_chunk, "PUT": _finish_upload, "DELETE": _cancel_upload},
    Shape.REPOSITORY: {"DELETE": _delete_repository},
}


def build(call: Call) -> str:
    """The address of a call, percent-encoded, without `http.prefix`: the inverse of `parse`."""
    query = "&".join(
        [f"{key}={_quoted(value)}" for key, value in _parameters(call) if value is not None]
    )
    return f"{_path(call)}?{query}" if query else _path(call)


def _quoted(value: str) -> str:
    """As the library does it, which takes letter by letter what has anything to be encoded.

    The state of an upload is some 200 letters, and what is to be encoded stands at its end.
    """
    plain = value.rstrip("=")
    return quote_plus(plain) + "%3D" * (len(value) - len(plain))


def _path(call: Call) -> str:
    match call:
        case (
            UploadStatus(name, upload_id)
            | AppendChunk(name, upload_id)
            | FinishUpload(name, upload_id)
            | CancelUpload(name, upload_id)
        ):
            return f"/v2/{name}/blobs/uploads/{upload_id}"
        case Alive():
            return "/"
        case Ping():
            return "/v2/"
        case ListRepositories():
            return "/v2/_catalog"
        case IssueToken():
            return f"/v2/{_TOKEN}"
        case Discover(name):
            return f"/v2/{name}/{_DISCOVER}" if name else f"/v2/{_DISCOVER}"
        case DeleteRepository(name):
            return f"/v2/{_OWN}{name}"
        case ListTags(name):
            return f"/v2/{name}/tags/list"
        case ListReferrers(name, subject):
            return f"/v2/{name}/referrers/{subject}"
        case GetBlob(name, digest) | DeleteBlob(name, digest):
            return f"/v2/{name}/blobs/{digest}"
        case StartUpload(name):
            return f"/v2/{name}/blobs/uploads/"
        case (
            GetManifest(name, reference)
            | PutManifest(name, reference)
            | DeleteManifest(name, reference)
        ):
            return f"/v2/{name}/manifests/{reference}"
    raise TypeError(f"{type(call).__name__} has no address of its own")


def _parameters(call: Call) -> list[tuple[str, str | None]]:
    match call:
        case UploadStatus(_, _, state, algorithm) | AppendChunk(_, _, state, algorithm):
            return [("_state", state), ("digest-algorithm", algorithm)]
        case ListRepositories(page) | ListTags(_, page):
            return [
                ("last", page.last or None),
                ("n", None if page.n is None else str(page.n)),
            ]
        case ListReferrers(_, _, artifact_type, last):
            return [("artifactType", artifact_type), ("last", last)]
        case PutManifest(_, _, tags):
            return [("tag", tag) for tag in tags]
        case StartUpload(_, digest, mount, source, algorithm):
            return [
                ("digest", digest),
                ("digest-algorithm", algorithm),
                ("from", source),
                ("mount", mount),
            ]
        case FinishUpload(_, _, digest, state):
            return [("_state", state), ("digest", digest)]
        case CancelUpload(_, _, state):
            return [("_state", state)]
    return []
