"""What S3 says in XML is read, and what is none is refused."""

from datetime import UTC, datetime

import pytest

from layerstore.storage.objects.store import ObjectInfo, Part
from layerstore.storage.s3.answers import (
    AnswerUnreadable,
    completion,
    deletion,
    error_code,
    latest_upload,
    meaning,
    modified_of,
    page_of,
    parts_of,
    refused_deletes,
)

LIST = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name><Prefix>f%2F</Prefix><EncodingType>url</EncodingType>
  <IsTruncated>true</IsTruncated><NextContinuationToken>more+of/it=</NextContinuationToken>
  <Contents><Key>f/a+b%2Bc%26</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified>
    <ETag>&quot;e&quot;</ETag><Size>7</Size></Contents>
  <CommonPrefixes><Prefix>f/g%20h/</Prefix></CommonPrefixes>
</ListBucketResult>"""


def test_a_page_is_read() -> None:
    page = page_of(LIST)
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    assert page.objects == [ObjectInfo("f/a b+c&", 7, moment, '"e"')]
    assert page.folders == ["f/g h/"]
    assert page.more == "more+of/it="
    assert page.last == "f/g h/"


def test_the_last_page_asks_for_no_more() -> None:
    page = page_of(LIST.replace(b"<IsTruncated>true", b"<IsTruncated>false"))
    assert page.more is None


@pytest.mark.parametrize(
    "content",
    [b"", b"no XML", b"<html></html>", LIST[:-20], LIST.replace(b"<Size>7", b"<Size>x")],
)
def test_what_is_no_page_is_unreadable(content: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        page_of(content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<Error><Code>SlowDown</Code></Error>", "SlowDown"),
        (b'<Error xmlns="x"><Code>NoSuchKey</Code><Key>k</Key></Error>', "NoSuchKey"),
        (b"<CopyObjectResult></CopyObjectResult>", ""),
        (b"", ""),
        (b"<html>", ""),
    ],
)
def test_an_error_has_a_code(content: bytes, code: str) -> None:
    assert error_code(content) == code


def test_keys_that_were_not_deleted_are_told() -> None:
    content = b"<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    assert refused_deletes(content) == ["AccessDenied"]
    assert refused_deletes(b"<DeleteResult/>") == []


def test_what_is_written_is_escaped() -> None:
    assert b"<Key>a&lt;b&amp;c</Key>" in deletion(["a<b&c"])
    assert b'<PartNumber>3</PartNumber><ETag>"x&gt;"</ETag>' in completion([Part(3, 5, '"x>"')])


@pytest.mark.parametrize("header", [None, "", "yesterday"])
def test_a_moment_that_cannot_be_read_is_the_beginning_of_time(header: str | None) -> None:
    assert modified_of(header) == datetime.min.replace(tzinfo=UTC)


UPLOADS = b"""<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Upload><Key>a/data</Key><UploadId>old</UploadId>
    <Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload>
  <Upload><Key>a/data</Key><UploadId>new</UploadId>
    <Initiated>2026-01-02T03:04:06.000Z</Initiated></Upload>
  <Upload><Key>a/data-2</Key><UploadId>other</UploadId>
    <Initiated>2026-02-02T03:04:06.000Z</Initiated></Upload>
</ListMultipartUploadsResult>"""


def test_of_the_uploads_at_a_key_the_latest_counts() -> None:
    assert latest_upload(UPLOADS, "a/data") == "new"
    assert latest_upload(UPLOADS, "a/dat") is None


def test_parts_are_read_page_by_page() -> None:
    part = b"<Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag><Size>7</Size></Part>"
    more = b"<IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker>"
    page = b"<ListPartsResult>%b%b</ListPartsResult>"
    assert parts_of(page % (part, more)) == ([Part(1, 7, '"e"')], "1")
    assert parts_of(page % (b"", b"<IsTruncated>false</IsTruncated>")) == ([], None)
    with pytest.raises(AnswerUnreadable):
        parts_of(page % (part.replace(b"7", b"x"), b""))


def test_an_error_says_which_parameter_to_look_at() -> None:
    assert meaning("SignatureDoesNotMatch") == "SignatureDoesNotMatch: secretkey is not right"
    assert meaning("NoSuchKey") == "NoSuchKey"
    assert meaning("") == ""
