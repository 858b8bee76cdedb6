"""What Google Cloud Storage says, in JSON: read and written here only."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from layerstore.storage.objects.store import ObjectInfo, Page, Part

UPLOAD_SESSION: Final = "application/x-docker-upload-session"
"""The type of what the original keeps of an unfinished upload: such an object is no file."""

OCTET_STREAM: Final = "application/octet-stream"


class AnswerUnreadable(Exception):
    """The answer is not what the store answers."""


class Described(msgspec.Struct, frozen=True, rename="camel"):
    """An object resource. Numbers of 64 bits are texts; every content has its own generation."""

    name: str
    generation: str
    size: str = "0"
    updated: datetime = datetime.min.replace(tzinfo=UTC)
    content_type: str = ""

    @property
    def is_file(self) -> bool:
        return self.content_type != UPLOAD_SESSION

    def info(self) -> ObjectInfo:
        return ObjectInfo(self.name, int(self.size), self.updated, self.generation)


class _Listed(msgspec.Struct, frozen=True, rename="camel"):
    items: tuple[Described, ...] = ()
    prefixes: tuple[str, ...] = ()
    next_page_token: str = ""


class Rewritten(msgspec.Struct, frozen=True, rename="camel"):
    """How far a copy came; with a token it has to be asked for once more."""

    done: bool
    rewrite_token: str = ""
    resource: Described | None = None


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    errors: tuple[_Cause, ...] = ()


class _Refused(msgspec.Struct, frozen=True):
    error: _Error


def described(content: bytes) -> Described:
    """Raises AnswerUnreadable."""
    try:
        return msgspec.json.decode(content, type=Described)
    except msgspec.DecodeError as error:
        raise AnswerUnreadable from error


def rewritten(content: bytes) -> Rewritten:
    """Raises AnswerUnreadable."""
    try:
        return msgspec.json.decode(content, type=Rewritten)
    except msgspec.DecodeError as error:
        raise AnswerUnreadable from error


def page_of(content: bytes) -> Page:
    """A page of a listing. Raises AnswerUnreadable."""
    try:
        listed = msgspec.json.decode(content, type=_Listed)
        objects = [item.info() for item in listed.items]
    except (msgspec.DecodeError, ValueError) as error:
        raise AnswerUnreadable from error
    return Page(objects, listed.prefixes, listed.next_page_token or None)


def composition(parts: Sequence[Part]) -> bytes:
    """The body of a compose request; of each part it names the object and its generation."""
    sources = [
        {"name": name, "generation": generation}
        for name, _, generation in (part.etag.rpartition("@") for part in parts)
    ]
    destination = {"contentType": OCTET_STREAM}
    return msgspec.json.encode({"sourceObjects": sources, "destination": destination})


def reason_of(content: bytes) -> str:
    """The word for what is wrong; empty when the answer has none."""
    error = _error(content)
    reason = error.errors[0].reason if error.errors else ""
    return reason if reason.isidentifier() else ""


def bucket_is_absent(content: bytes) -> bool:
    """Of what is not found: whether it is the bucket."""
    return "bucket does not exist" in _error(content).message.lower()


def _error(content: bytes) -> _Error:
    try:
        return msgspec.json.decode(content, type=_Refused).error
    except msgspec.DecodeError:
        return _Error()
