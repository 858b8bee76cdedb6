"""Every parser of what comes from outside, with what must hold for any input at all.

A target takes bytes. It returns when all is well: the input was understood, and what was made of it
is as it must be, or it was refused by an error of the room's own. Anything else is a finding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec
import pytest

from layerstore.api.negotiation import Accept, choose
from layerstore.api.routes import build, methods_at, parse
from layerstore.api.spans import chunk_span
from layerstore.api.state import StateSealer, UploadState
from layerstore.auth import jws
from layerstore.auth.basic import parse_basic
from layerstore.auth.bearer import TokenInvalid, parse_bearer
from layerstore.auth.passes import Passes
from layerstore.auth.patterns import Pattern
from layerstore.auth.token import Claims
from layerstore.auth.users import parse_users
from layerstore.config.decode import decode
from layerstore.config.document import Table
from layerstore.config.document import parse as parse_document
from layerstore.config.durations import format_duration, parse_duration
from layerstore.config.errors import ConfigError
from layerstore.config.loading import defaults_without_file
from layerstore.config.variables import override
from layerstore.oci import schema1, signed
from layerstore.oci.descriptor import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from layerstore.oci.digest import Digest
from layerstore.oci.errors import (
    BlobUploadInvalid,
    ManifestInvalid,
    RangeInvalid,
    RegistryError,
    SizeInvalid,
)
from layerstore.oci.hashstate import new_hasher, resume_hasher
from layerstore.oci.keys import private_key
from layerstore.oci.manifest import media_type_of
from layerstore.oci.manifest import parse as parse_manifest
from layerstore.oci.name import Name, is_name, is_tag, parse_name, parse_reference
from layerstore.oci.tarsum import parse_digest
from layerstore.oci.webkeys import KeyInvalid
from layerstore.registry.links import LinkStore
from layerstore.registry.paths import recognise
from layerstore.registry.uploads import _parse_time
from layerstore.storage.driver import PathNotFound
from layerstore.telemetry.lines import FORMATS, combined
from layerstore.web.forwarded import origin
from layerstore.web.headers import HeaderLines
from layerstore.web.message import Request
from layerstore.web.ranges import conditional, parse_range
from tests.fakes import FakeClock
from tests.fuzz import seeds
from tests.unit.api.bodies import Pieces

Check = Callable[[bytes], None]

SIZE: Final = 1000
SECRET: Final = b"a secret"
NOW: Final = datetime(2026, 1, 2, tzinfo=UTC)


class Target(NamedTuple):
    """What is fuzzed: good inputs to start from, and the check that any input must pass."""

    good: Sequence[bytes]
    check: Check


def _text(content: bytes) -> str:
    """As header values and addresses reach us: UTF-8, with what is none replaced."""
    return content.decode("utf-8", "replace")


def _latin(content: bytes) -> str:
    return content.decode("latin-1")


def _request(name: str, content: bytes, length: int | None = None) -> Request:
    headers = [(name, line) for line in _latin(content).split("\n")]
    return Request("GET", "/", "", HeaderLines(headers), Pieces(length=length))


def routes(content: bytes) -> None:
    """An address is a call, whose own address is the same call again; or is refused."""
    method, _, target = _text(content).partition(" ")
    path, _, query = target.partition("?")
    methods_at(path)
    try:
        call = parse(method, path, query)
    except RegistryError:
        return
    if type(call).__name__ == "Options":
        return
    built = build(call)
    assert built.isascii()
    assert built.isprintable()
    path, _, query = built.partition("?")
    assert parse(call.method, unquote(path), query) == call


def names(content: bytes) -> None:
    """What fits a grammar is kept as it is, and is harmless as a path."""
    text = _text(content)
    with suppress(RegistryError):
        assert parse_name(text) == text
        assert is_name(text)
    if is_name(text):
        assert ".." not in text.split("/")
        assert text.isascii()
        assert text == text.lower()
    if is_tag(text):
        assert text.isascii()
        assert "/" not in text
        assert text not in (".", "..")
    with suppress(RegistryError):
        assert parse_reference(text) == text


def digests(content: bytes) -> None:
    text = _text(content)
    with suppress(RegistryError):
        assert f"{Digest.parse(text).algorithm}:{Digest.parse(text).hex}" == text
    with suppress(RegistryError):
        assert parse_digest(text) == text


def ranges(content: bytes) -> None:
    """Spans lie in the content, hold something and do not overlap."""
    spans = parse_range(_latin(content), SIZE)
    ordered = sorted(spans or [])
    assert all(0 <= span.start < span.end <= SIZE for span in ordered)
    assert all(one.end <= other.start for one, other in pairwise(ordered))
    assert sum(span.size for span in ordered) <= SIZE


def content_ranges(content: bytes) -> None:
    with suppress(RangeInvalid, SizeInvalid):
        span = chunk_span(_request("content-range", content, length=10))
        assert span is None or span.size == 10


def conditions(content: bytes) -> None:
    for name in ("if-match", "if-none-match"):
        assert conditional(_request(name, content), f'"{seeds.DIGEST}"') in (None, 304, 412)


def accepts(content: bytes) -> None:
    accept = Accept(_latin(content))
    for stored in (DOCKER_MANIFEST, OCI_MANIFEST, OCI_INDEX):
        with suppress(RegistryError):
            choose(stored, by_tag=True, accept=accept, agent=_latin(content), schema1=True)


def manifests(content: bytes) -> None:
    """What is taken names content by good digests, no more than there may be."""
    for kind in ("", OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, _latin(content[:40])):
        with suppress(ManifestInvalid):
            manifest = parse_manifest(content, kind, references_max=50)
            found = [*manifest.blobs(), *manifest.children]
            assert len(found) <= 50
            assert all(Digest.parse(target.digest) and target.size >= 0 for target in found)
            msgspec.json.encode(manifest.annotations)
    with suppress(ManifestInvalid):
        assert media_type_of(content).isascii()


def signatures(content: bytes) -> None:
    """What can be taken apart can be put together; nothing that is changed is verified."""
    for read in (schema1.parse, schema1.check_members, signed.read_signature):
        with suppress(RegistryError):
            read(content)
    with suppress(RegistryError):
        document = signed.split(content)
        for signature in document.signatures:
            signed.verify(document.payload, signature)
            assert document.payload == seeds.PAYLOAD


def schema1_images(content: bytes) -> None:
    """Any configuration of an image, told in schema 1."""
    image = parse_manifest(seeds.IMAGE, "")
    with suppress(RegistryError):
        made = schema1.made_of(image, content, Name("a"), seeds.TAG)
        assert schema1.parse(made).name == "a"


def keys(content: bytes) -> None:
    with suppress(KeyInvalid):
        private_key(content)


def tokens(content: bytes) -> None:
    """A token has three parts of base64, or is refused; its claims are read or refused."""
    text = _latin(content)
    bearer = parse_bearer(text)
    try:
        parts = jws.parse(bearer if bearer is not None else text)
    except TokenInvalid:
        return
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        claims = msgspec.json.decode(parts.payload, type=Claims)
        assert all(isinstance(name, str) for name in claims.audience)


def passwords(content: bytes) -> None:
    credentials = parse_basic(_latin(content))
    if credentials is not None:
        assert credentials.user or credentials.password
        credentials.user.encode()


@cache
def _passes() -> Passes:
    return Passes(SECRET, FakeClock(), lambda user: None)


def passes(content: bytes) -> None:
    """Only the one pass that was made is believed, in whatever padding."""
    with suppress(TokenInvalid):
        assert _passes().user_of(_latin(content)) == ""
        assert seeds.pass_of(_passes())[:-1] in content


def states(content: bytes) -> None:
    """No state is believed that was not made here; one that was is the same again."""
    sealer, text = StateSealer(SECRET), _latin(content)
    with suppress(BlobUploadInvalid):
        state = sealer.open(text, Name(seeds.STATE.name), seeds.STATE.upload_id)
        assert state == seeds.STATE
    made = UploadState(_text(content[:200]), seeds.UUID, len(content), "2026-01-02T03:04:05Z")
    assert sealer.open(sealer.seal(made), Name(made.name), made.upload_id) == made


def configurations(content: bytes) -> None:
    """A configuration, or a sentence about what is wrong with it."""
    with suppress(ConfigError):
        document = parse_document(_text(content), "a file")
        if isinstance(document.value, Table):
            decode(document.value)


@cache
def _defaults() -> Table:
    document = parse_document(seeds.CONFIGURATION.decode(), "a file").value
    assert isinstance(document, Table)
    assert defaults_without_file(as_root=True)
    return document


def variables(content: bytes) -> None:
    """Lines of NAME=value, as an environment has them: no zero bytes, and no empty names."""
    lines = [line.partition("=") for line in _text(content).replace("\0", "").split("\n")]
    environ = {name: value for name, _, value in lines if name and not name.endswith("_FILE")}
    with suppress(ConfigError):
        decode(override(_defaults(), environ).tree)


def durations(content: bytes) -> None:
    with suppress(ValueError):
        seconds = parse_duration(_text(content))
        again = parse_duration(format_duration(seconds)) if abs(seconds) < 10**6 else seconds
        assert abs(again - seconds) <= max(1e-6, abs(seconds) * 1e-6)


def password_files(content: bytes) -> None:
    with suppress(ValueError):
        users = parse_users(content, SECRET)
        for name in ("docker", "nobody"):
            assert (users.hash_of(name) or b"") in content
            users.decoy_for(name)


def patterns(content: bytes) -> None:
    """A pattern of names, asked whether it fits."""
    pattern, _, name = _text(content).partition(" ")
    with suppress(ValueError):
        Pattern(pattern).fits(name or "a/b", "a-user")


class _OneFile:
    """As much of a storage as reading a link needs."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def get(self, path: str) -> bytes:
        if self._content == b"absent":
            raise PathNotFound("fuzz", path)
        return self._content


def links(content: bytes) -> None:
    """A link is the exact text of a digest, or is none."""
    store = LinkStore(_OneFile(content))  # type: ignore[arg-type]  # nothing else is asked
    with pytest.raises(StopIteration) as end:
        store.read("/link").send(None)
    assert end.value.value is None or end.value.value == content.decode("ascii")


def paths(content: bytes) -> None:
    """What is recognised has this very path, and no other."""
    text = _text(content)
    found = recognise(text)
    assert found is None or found.path == text


def hash_states(content: bytes) -> None:
    """A state is the one of so many bytes, or is not believed."""
    for algorithm in ("sha256", "sha512"):
        hasher = resume_hasher(algorithm, content, 100)
        if hasher is not None:
            assert hasher.size == 100
            hasher.update(b"more")
            assert hasher.digest().algorithm == algorithm
    assert new_hasher("sha256").size == 0


def moments(content: bytes) -> None:
    """When an upload began, as any program may have written it."""
    assert _parse_time(content).tzinfo is not None


def forwarded(content: bytes) -> None:
    """Whatever proxies say, a host may stand in a URL and a scheme is one of two."""
    for name in ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"):
        headers = _request(name, content).headers
        found = origin(
            HeaderLines(headers), "192.0.2.1", "http", lambda address: address != "203.0.113.9"
        )
        assert found.scheme in ("http", "https")
        assert found.peer.isprintable()
        for _, value in found.headers:
            assert value.isascii()
            assert value.isprintable()


def log_lines(content: bytes) -> None:
    """One line, of printable ASCII, whatever it tells of."""
    for text in (_text(content), _latin(content)):
        access = combined("stamp", text, text, text, 200, 0, text, text)
        for line in (access, *(form(NOW, "info", text, {"a": text}) for form in FORMATS.values())):
            assert line.isascii()
            assert line.isprintable()


TARGETS: Final = {
    check.__name__: Target(seeds.GOOD[check.__name__], check)
    for check in (
        routes,
        names,
        digests,
        ranges,
        content_ranges,
        conditions,
        accepts,
        manifests,
        signatures,
        schema1_images,
        keys,
        tokens,
        passwords,
        passes,
        states,
        configurations,
        variables,
        durations,
        password_files,
        patterns,
        links,
        paths,
        hash_states,
        moments,
        forwarded,
        log_lines,
    )
}


@contextmanager
def quietly() -> Iterator[None]:
    """What parsers log of bad input would be most of the work."""
    logger = logging.getLogger("layerstore")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
