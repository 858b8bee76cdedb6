"""Registry-facts §2.8: blobs, as they are read and deleted."""

import re

import pytest

from tests.wire.client import Wire
from tests.wire.stock import ABSENT, LAYER, Stock, digest_of, push_blob
from tests.wire.table import Row, check, rows

WHOLE = {
    "content-type": "application/octet-stream",
    "content-length": "2048",
    "docker-content-digest": "{layer}",
    "etag": '"{layer}"',
    "cache-control": "max-age=31536000",
    "accept-ranges": "bytes",
    "last-modified": None,
}


def span(first: int, last: int) -> dict[str, str]:
    return {
        "content-range": f"bytes {first}-{last}/2048",
        "content-length": str(last - first + 1),
        "docker-content-digest": "{layer}",
    }


@rows(
    Row("a blob is read", "GET /v2/{repo}/blobs/{layer}", 200, has=WHOLE, text=LAYER),
    Row("HEAD tells the same", "HEAD /v2/{repo}/blobs/{layer}", 200, has=WHOLE),
    Row("an absent one is not there", "GET /v2/{repo}/blobs/{absent}", 404, told="BLOB_UNKNOWN"),
    Row("nor is it for HEAD", "HEAD /v2/{repo}/blobs/{absent}", 404),
    Row(
        "another repository does not see it",
        "GET /v2/some/other/blobs/{layer}",
        404,
        told="BLOB_UNKNOWN",
    ),
    Row("a broken digest", "GET /v2/{repo}/blobs/sha256:abc", 400, told="DIGEST_INVALID"),
    Row("an unknown algorithm", "GET /v2/{repo}/blobs/md5:abc", 400, told="DIGEST_INVALID"),
    Row(
        "a digest in upper case",
        f"GET /v2/{{repo}}/blobs/sha256:{'A' * 64}",
        400,
        told="DIGEST_INVALID",
    ),
    Row(
        "its first bytes",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=0-9"},
        has=span(0, 9),
        text=LAYER[:10],
    ),
    Row(
        "bytes in the middle",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=500-1499"},
        has=span(500, 1499),
        text=LAYER[500:1500],
    ),
    Row(
        "from a byte to the end",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=500-"},
        has=span(500, 2047),
        text=LAYER[500:],
    ),
    Row(
        "the last bytes",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=-500"},
        has=span(1548, 2047),
        text=LAYER[-500:],
    ),
    Row(
        "a range is cut at the end",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=2000-5000"},
        has=span(2000, 2047),
        text=LAYER[2000:],
    ),
    Row(
        "a range behind the end",
        "GET /v2/{repo}/blobs/{layer}",
        416,
        {"Range": "bytes=5000-10000"},
        has={"content-range": "bytes */2048"},
        told="RANGE_INVALID",
    ),
    Row(
        "a range that ends before it begins",
        "GET /v2/{repo}/blobs/{layer}",
        416,
        {"Range": "bytes=500-0"},
        has={"content-range": "bytes */2048"},
    ),
    Row(
        "what is no range is passed over",
        "GET /v2/{repo}/blobs/{layer}",
        200,
        {"Range": "bytes=a-b"},
        has=WHOLE,
        text=LAYER,
    ),
    Row(
        "and so is another unit",
        "GET /v2/{repo}/blobs/{layer}",
        200,
        {"Range": "lines=0-9"},
        has=WHOLE,
        text=LAYER,
    ),
    Row(
        "HEAD knows no ranges",
        "HEAD /v2/{repo}/blobs/{layer}",
        200,
        {"Range": "bytes=0-9"},
        has=WHOLE,
    ),
    Row(
        "several ranges come as parts",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=0-0,-1"},
        has={"content-type": re.compile(r"multipart/byteranges; ?boundary=\S+")},
    ),
    Row(
        "a range if the blob is the one that is held",
        "GET /v2/{repo}/blobs/{layer}",
        206,
        {"Range": "bytes=0-9", "If-Range": '"{layer}"'},
        has=span(0, 9),
    ),
    Row(
        "the whole if it is not",
        "GET /v2/{repo}/blobs/{layer}",
        200,
        {"Range": "bytes=0-9", "If-Range": '"{config}"'},
        text=LAYER,
    ),
    Row(
        "the whole if only a weak tag is held",
        "GET /v2/{repo}/blobs/{layer}",
        200,
        {"Range": "bytes=0-9", "If-Range": 'W/"{layer}"'},
        text=LAYER,
    ),
    Row(
        "nothing is sent to who has it",
        "GET /v2/{repo}/blobs/{layer}",
        304,
        {"If-None-Match": '"{layer}"'},
        has={"etag": '"{layer}"', "docker-content-digest": "{layer}", "content-type": None},
        text=b"",
    ),
    Row(
        "whatever else he has",
        "GET /v2/{repo}/blobs/{layer}",
        304,
        {"If-None-Match": '"x", W/"{layer}" , "y"'},
    ),
    Row("or if he has anything", "HEAD /v2/{repo}/blobs/{layer}", 304, {"If-None-Match": "*"}),
    Row(
        "it is sent to who has another",
        "GET /v2/{repo}/blobs/{layer}",
        200,
        {"If-None-Match": '"{config}"'},
        text=LAYER,
    ),
    Row(
        "it is sent if it is the one that is expected",
        "GET /v2/{repo}/blobs/{layer}",
        200,
        {"If-Match": '"{layer}"'},
    ),
    Row(
        "it is not if another is",
        "GET /v2/{repo}/blobs/{layer}",
        412,
        {"If-Match": '"{config}"'},
        text=b"",
    ),
)
def test_reading(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


def test_parts_of_several_ranges_are_told_apart(wire: Wire, stock: Stock) -> None:
    answer = wire.ask(
        "GET", f"/v2/{stock.name}/blobs/{stock.layer}", {"Range": "bytes=0-1, 10-12,2040-"}
    )
    boundary = (answer.header("content-type") or "").partition("boundary=")[2].encode()
    parts = answer.body.split(b"--" + boundary)
    assert parts[0] in (b"", b"\r\n")
    assert parts[-1].strip() == b"--"
    received = [part.partition(b"\r\n\r\n") for part in parts[1:-1]]
    assert [content.removesuffix(b"\r\n") for _, _, content in received] == [
        LAYER[:2],
        LAYER[10:13],
        LAYER[2040:],
    ]
    assert [b"bytes 10-12/2048" in head for head, _, _ in received] == [False, True, False]


def test_more_than_sixteen_ranges_are_not_served_apart(wire: Wire, stock: Stock) -> None:
    many = ",".join(f"{i}-{i}" for i in range(0, 34, 2))
    answer = wire.ask("GET", f"/v2/{stock.name}/blobs/{stock.layer}", {"Range": f"bytes={many}"})
    assert (answer.status, answer.body) == (200, LAYER)
    assert answer.header("content-range") is None


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("content", [b"", b"{}", LAYER], ids=["empty", "braces", "layer"])
def test_a_blob_lives_under_the_digest_it_was_pushed_with(
    content: bytes, algorithm: str, wire: Wire, repo: str
) -> None:
    digest = push_blob(wire, repo, content, algorithm)
    for method in ("HEAD", "GET"):
        answer = wire.ask(method, f"/v2/{repo}/blobs/{digest}")
        assert answer.status == 200
        assert answer.header("content-length") == str(len(content))
        assert answer.header("docker-content-digest") == digest
        assert answer.body == (content if method == "GET" else b"")


def test_a_deleted_blob_is_gone_here_and_stays_elsewhere(wire: Wire, repo: str) -> None:
    digest = push_blob(wire, repo, LAYER)
    push_blob(wire, f"{repo}/other", LAYER)
    answer = wire.ask("DELETE", f"/v2/{repo}/blobs/{digest}")
    assert (answer.status, answer.body) == (202, b"")
    assert wire.ask("HEAD", f"/v2/{repo}/blobs/{digest}").status == 404
    assert wire.ask("HEAD", f"/v2/{repo}/other/blobs/{digest}").status == 200


@rows(
    Row("an absent one", "DELETE /v2/{repo}/blobs/{absent}", 404, told="BLOB_UNKNOWN"),
    Row("a broken digest", "DELETE /v2/{repo}/blobs/sha256:no", 400, told="DIGEST_INVALID"),
    Row("nowhere", "DELETE /v2/no/such/blobs/{layer}", 404, told="BLOB_UNKNOWN"),
)
def test_what_cannot_be_deleted(row: Row, wire: Wire, stock: Stock) -> None:
    check(row, wire, stock.places)


def test_an_unknown_blob_is_named(wire: Wire, repo: str) -> None:
    answer = wire.ask("GET", f"/v2/{repo}/blobs/{ABSENT}")
    assert ABSENT in answer.body.decode()
    assert digest_of(LAYER) not in answer.body.decode()
