"""What Azure Blob Storage says, in XML: read and written here only."""

from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from layerstore.storage.azure.signature import LentKey
from layerstore.storage.objects.store import ObjectInfo, Page

OCTET_STREAM: Final = "application/octet-stream"
UNFINISHED: Final = "application/x-layerstore-unfinished"
"""The type of a blob that stands there for a moment to have its blocks thrown away: no file."""

_XML: Final = b'<?xml version="1.0" encoding="utf-8"?>'


class AnswerUnreadable(Exception):
    """The answer is not what the store answers."""


def _parsed(content: bytes, kind: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314  # expat bounds what entities make
    except ElementTree.ParseError as error:
        raise AnswerUnreadable from error
    if root.tag != kind:
        raise AnswerUnreadable
    return root


def page_of(content: bytes) -> Page:
    """A page of List Blobs. Raises AnswerUnreadable."""
    root = _parsed(content, "EnumerationResults")
    objects = [_blob(item) for item in root.iterfind("Blobs/Blob")]
    folders = [_name(item) for item in root.iterfind("Blobs/BlobPrefix")]
    return Page(objects, folders, root.findtext("NextMarker") or None)


def _blob(item: ElementTree.Element) -> ObjectInfo:
    try:
        return ObjectInfo(
            _name(item),
            int(item.findtext("Properties/Content-Length") or 0),
            modified_of(item.findtext("Properties/Last-Modified")),
            quoted(item.findtext("Properties/Etag") or ""),
        )
    except ValueError as error:
        raise AnswerUnreadable from error


def _name(item: ElementTree.Element) -> str:
    found = item.find("Name")
    if found is None or not found.text:
        raise AnswerUnreadable
    return unquote(found.text) if found.get("Encoded") == "true" else found.text


def quoted(etag: str) -> str:
    """As it stands in headers: listings leave the quotes away."""
    return etag if etag.startswith('"') or not etag else f'"{etag}"'


def modified_of(text: str | None) -> datetime:
    """The moment of a Last-Modified; the beginning of time when there is none."""
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def uncommitted_blocks(content: bytes) -> list[str]:
    """The ids in an answer of Get Block List. Raises AnswerUnreadable."""
    root = _parsed(content, "BlockList")
    return [item.findtext("Name") or "" for item in root.iterfind("UncommittedBlocks/Block")]


def block_list(ids: Sequence[str]) -> bytes:
    """The body of Put Block List. Done once more it finds the blocks in the blob, and is right."""
    items = "".join(f"<Latest>{escape(block)}</Latest>" for block in ids)
    return _XML + f"<BlockList>{items}</BlockList>".encode()


def key_wanted(start: str, end: str) -> bytes:
    """The body of Get User Delegation Key."""
    return _XML + f"<KeyInfo><Start>{start}</Start><Expiry>{end}</Expiry></KeyInfo>".encode()


def lent_key(content: bytes) -> LentKey:
    """Its answer. Raises AnswerUnreadable."""
    root = _parsed(content, "UserDelegationKey")

    def text(name: str) -> str:
        return root.findtext(name) or ""

    try:
        key = b64decode(text("Value"), validate=True)
    except ValueError as error:
        raise AnswerUnreadable from error
    return LentKey(
        owner=text("SignedOid"),
        tenant=text("SignedTid"),
        starts=text("SignedStart"),
        ends=text("SignedExpiry"),
        service=text("SignedService"),
        version=text("SignedVersion"),
        key=key,
    )
