"""What S3 says, in XML: read and written here only."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import md5
from typing import Final
from urllib.parse import unquote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from layerstore.storage.objects.store import ObjectInfo, Page, Part

_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"

_MEANINGS: Final = {
    "AuthorizationHeaderMalformed": "region is not the bucket's",
    "IllegalLocationConstraintException": "region is not the bucket's",
    "InvalidAccessKeyId": "accesskey is not known there",
    "PermanentRedirect": "region is not the bucket's",
    "RequestTimeTooSkewed": "its clock and ours differ",
    "SignatureDoesNotMatch": "secretkey is not right",
    "XAdminUserNotFound": "accesskey is not known there",
}


class AnswerUnreadable(Exception):
    """The answer is not what S3 answers."""


class Answered:
    """An XML document of S3's, without its namespace."""

    def __init__(self, content: bytes) -> None:
        """Raises AnswerUnreadable."""
        try:
            root = ElementTree.fromstring(content)  # noqa: S314  # expat bounds what entities make
        except ElementTree.ParseError as error:
            raise AnswerUnreadable from error
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        self._root = root

    @property
    def kind(self) -> str:
        return self._root.tag

    def text(self, path: str) -> str:
        """The text of the first element there; empty when there is none."""
        return self._root.findtext(path) or ""

    def all(self, path: str) -> Iterable[ElementTree.Element]:
        return self._root.iterfind(path)


def error_code(content: bytes) -> str:
    """The code of an error; empty when the answer is none."""
    if not content:
        return ""
    try:
        answered = Answered(content)
    except AnswerUnreadable:
        return ""
    return answered.text("Code") if answered.kind == "Error" else ""


def meaning(code: str) -> str:
    """The code of an error, and what to look at in the configuration where that is known."""
    hint = _MEANINGS.get(code)
    return f"{code}: {hint}" if hint else code


def page_of(content: bytes) -> Page:
    """A page of ListObjectsV2 whose keys are URL-encoded. Raises AnswerUnreadable."""
    answered = Answered(content)
    if answered.kind != "ListBucketResult":
        raise AnswerUnreadable
    is_encoded = answered.text("EncodingType") == "url"
    objects = [_object(item, is_encoded=is_encoded) for item in answered.all("Contents")]
    folders = [
        _key(item.findtext("Prefix") or "", is_encoded=is_encoded)
        for item in answered.all("CommonPrefixes")
    ]
    more = answered.text("NextContinuationToken")
    is_cut = answered.text("IsTruncated") == "true"
    return Page(objects, folders, more if is_cut and more else None)


def _object(item: ElementTree.Element, *, is_encoded: bool) -> ObjectInfo:
    try:
        return ObjectInfo(
            _key(item.findtext("Key") or "", is_encoded=is_encoded),
            int(item.findtext("Size") or 0),
            datetime.fromisoformat(item.findtext("LastModified") or "").astimezone(UTC),
            item.findtext("ETag") or "",
        )
    except ValueError as error:
        raise AnswerUnreadable from error


def _key(text: str, *, is_encoded: bool) -> str:
    return unquote_plus(text) if is_encoded else text


def latest_upload(content: bytes, key: str) -> str | None:
    """The id of the upload at exactly that key that was begun last. Raises AnswerUnreadable."""
    begun = [
        (item.findtext("Initiated") or "", item.findtext("UploadId") or "")
        for item in Answered(content).all("Upload")
        if item.findtext("Key") == key
    ]
    return max(begun)[1] if begun else None


def parts_of(content: bytes) -> tuple[list[Part], str | None]:
    """A page of ListParts, and where the next one begins. Raises AnswerUnreadable."""
    answered = Answered(content)
    try:
        parts = [
            Part(
                int(item.findtext("PartNumber") or 0),
                int(item.findtext("Size") or 0),
                item.findtext("ETag") or "",
            )
            for item in answered.all("Part")
        ]
    except ValueError as error:
        raise AnswerUnreadable from error
    is_cut = answered.text("IsTruncated") == "true"
    return parts, answered.text("NextPartNumberMarker") if is_cut else None


def refused_deletes(content: bytes) -> list[str]:
    """The codes of the keys that DeleteObjects left. Raises AnswerUnreadable."""
    answered = Answered(content)
    return [item.findtext("Code") or "unknown" for item in answered.all("Error")]


def deletion(keys: Sequence[str]) -> bytes:
    """The body of DeleteObjects."""
    items = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    return f'<Delete xmlns="{_NAMESPACE}"><Quiet>true</Quiet>{items}</Delete>'.encode()


def completion(parts: Sequence[Part]) -> bytes:
    """The body of CompleteMultipartUpload."""
    items = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>"
        for part in parts
    )
    return (
        f'<CompleteMultipartUpload xmlns="{_NAMESPACE}">{items}</CompleteMultipartUpload>'
    ).encode()


def content_md5(content: bytes) -> str:
    return b64encode(md5(content, usedforsecurity=False).digest()).decode()


def modified_of(header: str | None) -> datetime:
    """The moment of a Last-Modified header; the beginning of time when there is none."""
    try:
        return parsedate_to_datetime(header or "").astimezone(UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
