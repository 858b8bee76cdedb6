"""Registry-facts §2.5 and §2.6: bringing a blob."""

import re
from urllib.parse import parse_qsl, urlencode

import pytest

from tests.wire.client import Answer, Wire
from tests.wire.stock import ABSENT, LAYER, Stock, digest_of, push_blob
from tests.wire.table import Row, check, rows

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIGEST = digest_of(LAYER)
NOBODY = "00000000-0000-4000-8000-000000000000"


def start(wire: Wire, repo: str, query: str = "") -> Answer:
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/{query}")
    assert answer.status == 202, (answer, answer.body)
    return answer


def chunk(wire: Wire, location: str, content: bytes, first: int) -> Answer:
    span = f"{first}-{first + len(content) - 1}"
    headers = {"Content-Range": span, "Content-Type": "application/octet-stream"}
    return wire.ask("PATCH", location, headers, content)


def with_digest(location: str, digest: str = DIGEST) -> str:
    """As Go's url.Values does it: decoded, sorted, encoded again."""
    path, _, query = location.partition("?")
    return f"{path}?{urlencode(sorted([*parse_qsl(query), ('digest', digest)]))}"


def assert_holds(wire: Wire, repo: str, content: bytes = LAYER) -> None:
    answer = wire.ask("GET", f"/v2/{repo}/blobs/{digest_of(content)}")
    assert (answer.status, answer.body) == (200, content)


def assert_created(answer: Answer, repo: str, digest: str = DIGEST) -> None:
    assert answer.status == 201, (answer, answer.body)
    assert answer.location == f"/v2/{repo}/blobs/{digest}"
    assert answer.header("docker-content-digest") == digest
    assert answer.header("content-length") == "0"


def assert_stands_at(answer: Answer, size: int) -> None:
    assert answer.header("range") == f"0-{max(size - 1, 0)}"
    assert answer.header("docker-upload-size") == str(size)
    assert UUID.fullmatch(answer.header("docker-upload-uuid") or "")
    assert "_state=" in answer.location


def test_a_session_begins_empty(wire: Wire, repo: str) -> None:
    answer = start(wire, repo)
    assert_stands_at(answer, 0)
    assert answer.header("content-length") == "0"
    assert answer.location.startswith(f"/v2/{repo}/blobs/uploads/")
    assert answer.header("oci-chunk-min-length") is None


def test_without_a_digest_the_body_of_a_post_is_passed_over(wire: Wire, repo: str) -> None:
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/", body=LAYER)
    assert answer.status == 202
    assert_stands_at(wire.ask("GET", answer.location), 0)


def test_a_missing_slash_is_no_matter(wire: Wire, repo: str) -> None:
    assert wire.ask("POST", f"/v2/{repo}/blobs/uploads").status == 202


def test_a_blob_in_one_post(wire: Wire, repo: str) -> None:
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/?digest={DIGEST}", body=LAYER)
    assert_created(answer, repo)
    assert_holds(wire, repo)


def test_a_post_with_other_bytes_is_refused_and_leaves_nothing(wire: Wire, repo: str) -> None:
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/?digest={DIGEST}", body=b"other")
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert wire.ask("HEAD", f"/v2/{repo}/blobs/{DIGEST}").status == 404


@pytest.mark.parametrize("chunked", [False, True])
def test_a_blob_in_a_post_and_a_put(chunked: bool, wire: Wire, repo: str) -> None:
    location = with_digest(start(wire, repo).location)
    body = [LAYER[:1000], LAYER[1000:]] if chunked else LAYER
    assert_created(wire.ask("PUT", location, body=body), repo)
    assert_holds(wire, repo)
    assert wire.ask("GET", location).status == 404


def test_a_put_with_other_bytes_is_refused_and_the_session_is_gone(wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    answer = wire.ask("PUT", with_digest(location), body=b"other")
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert wire.ask("GET", location).status == 404


def test_a_wrong_digest_after_chunks_is_refused_and_the_session_is_gone(
    wire: Wire, repo: str
) -> None:
    patched = wire.ask("PATCH", start(wire, repo).location, body=b"other")
    answer = wire.ask("PUT", with_digest(patched.location))
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert wire.ask("GET", patched.location).status == 404


@pytest.mark.parametrize("query", ["", "&digest=", "&digest=sha256:no", "&digest=md5:00"])
def test_without_a_digest_the_session_stays(query: str, wire: Wire, repo: str) -> None:
    patched = wire.ask("PATCH", start(wire, repo).location, body=LAYER)
    answer = wire.ask("PUT", patched.location + query)
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])
    assert_stands_at(wire.ask("GET", patched.location), len(LAYER))
    assert_created(wire.ask("PUT", with_digest(patched.location)), repo)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("announced", [True, False])
def test_a_blob_in_chunks(algorithm: str, announced: bool, wire: Wire, repo: str) -> None:
    digest = digest_of(LAYER, algorithm)
    answer = start(wire, repo, f"?digest-algorithm={algorithm}" if announced else "")
    for first in range(0, len(LAYER), 1000):
        answer = chunk(wire, answer.location, LAYER[first : first + 1000], first)
        assert answer.status == 202, answer
        assert_stands_at(answer, min(first + 1000, len(LAYER)))
        assert answer.header("content-length") == "0"
    assert_created(wire.ask("PUT", with_digest(answer.location, digest)), repo, digest)
    assert wire.ask("GET", f"/v2/{repo}/blobs/{digest}").body == LAYER


def test_another_digest_than_was_announced_is_right_too(wire: Wire, repo: str) -> None:
    patched = wire.ask(
        "PATCH", start(wire, repo, "?digest-algorithm=sha512").location, body=[LAYER[:5], LAYER[5:]]
    )
    assert_created(wire.ask("PUT", with_digest(patched.location)), repo)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "SHA256", "blake3"])
def test_an_unknown_algorithm_is_refused(algorithm: str, wire: Wire, repo: str) -> None:
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/?digest-algorithm={algorithm}")
    assert (answer.status, answer.codes) == (400, ["DIGEST_INVALID"])


def test_a_stream_of_unknown_length_is_appended(wire: Wire, repo: str) -> None:
    patched = wire.ask("PATCH", start(wire, repo).location, body=[LAYER[:7], LAYER[7:]])
    assert patched.status == 202
    assert_stands_at(patched, len(LAYER))
    assert_created(wire.ask("PUT", with_digest(patched.location), body=[]), repo)
    assert_holds(wire, repo)


def test_the_last_chunk_may_come_with_the_put(wire: Wire, repo: str) -> None:
    patched = chunk(wire, start(wire, repo).location, LAYER[:2000], 0)
    headers = {"Content-Range": "2000-2047"}
    answer = wire.ask("PUT", with_digest(patched.location), headers, LAYER[2000:])
    assert_created(answer, repo)
    assert_holds(wire, repo)


def test_an_empty_blob(wire: Wire, repo: str) -> None:
    digest = digest_of(b"")
    answer = wire.ask("PUT", with_digest(start(wire, repo).location, digest), body=[])
    assert_created(answer, repo, digest)
    assert_holds(wire, repo, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["as told", "without state", "old state", "digest beside"])
def test_the_status_is_told(method: str, form: str, wire: Wire, repo: str) -> None:
    first = start(wire, repo).location
    second = wire.ask("PATCH", first, body=LAYER[:100]).location
    target = {
        "as told": second,
        "without state": second.partition("?")[0],
        "old state": first,
        "digest beside": with_digest(first),
    }[form]
    answer = wire.ask(method, target)
    assert (answer.status, answer.body) == (204, b"")
    assert_stands_at(answer, 100)
    assert_created(wire.ask("PUT", with_digest(answer.location), body=LAYER[100:]), repo)


def test_the_status_of_an_empty_session_is_told_apart_from_one_byte(wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    assert_stands_at(wire.ask("GET", location), 0)
    assert_stands_at(wire.ask("PATCH", location, body=b"x"), 1)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    "span", ["1000-1047", "0-47", "bytes 100-147/2048", "147-100", "100", "-", "a-b"]
)
def test_a_chunk_out_of_order_changes_nothing(
    method: str, span: str, wire: Wire, repo: str
) -> None:
    """Bug museum 3: `bytes 0-9/10` is no Content-Range of a request."""
    patched = wire.ask("PATCH", start(wire, repo).location, body=LAYER[:100])
    answer = wire.ask(method, with_digest(patched.location), {"Content-Range": span}, b"y" * 48)
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert_stands_at(answer, 100)
    assert_stands_at(wire.ask("GET", answer.location), 100)
    assert chunk(wire, answer.location, LAYER[100:], 100).status == 202


@pytest.mark.parametrize("span", ["bytes 0-4/5", "bytes=0-4", "0-4/5", "0-", "4"])
def test_a_form_that_is_none_is_told_with_the_one_that_is(span: str, wire: Wire, repo: str) -> None:
    answer = wire.ask("PATCH", start(wire, repo).location, {"Content-Range": span}, b"xxxxx")
    (error,) = answer.json()["errors"]
    assert error["message"] == "Content-Range of a chunk has the form start-end, such as 0-4"
    assert_stands_at(answer, 0)


def test_another_place_is_told_as_one(wire: Wire, repo: str) -> None:
    answer = chunk(wire, start(wire, repo).location, LAYER[1024:], 1024)
    (error,) = answer.json()["errors"]
    assert error["message"] == "the chunk does not begin where the upload stands"
    assert error["detail"] == {"size": 0}


def test_a_chunk_ahead_of_an_empty_session_changes_nothing(wire: Wire, repo: str) -> None:
    answer = chunk(wire, start(wire, repo).location, LAYER[1024:], 1024)
    assert answer.status == 416
    assert_stands_at(answer, 0)


def test_a_length_beside_its_range_is_refused(wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    answer = wire.ask("PATCH", location, {"Content-Range": "0-9"}, b"x" * 11)
    assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])
    assert_stands_at(wire.ask("GET", location), 0)


def test_a_stream_longer_than_its_range_is_refused(wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    answer = wire.ask("PATCH", location, {"Content-Range": "0-9"}, [b"x" * 11])
    assert (answer.status, answer.codes) == (400, ["SIZE_INVALID"])


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_old_state_does_not_add_twice(method: str, wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    assert wire.ask("PATCH", location, body=LAYER[:100]).status == 202
    answer = wire.ask(method, with_digest(location), body=LAYER[:100])
    assert (answer.status, answer.codes) == (416, ["RANGE_INVALID"])
    assert_stands_at(answer, 100)
    assert_stands_at(wire.ask("GET", location), 100)


def test_an_upload_is_cancelled(wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    wire.ask("PATCH", location, body=LAYER)
    answer = wire.ask("DELETE", location)
    assert (answer.status, answer.body) == (204, b"")
    assert UUID.fullmatch(answer.header("docker-upload-uuid") or "")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        gone = wire.ask(method, with_digest(location))
        assert (gone.status, gone.codes) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("state", ["", "?_state=", "?_state=AAAA", "?_state=%00%ff"])
def test_without_its_state_a_session_takes_nothing(
    method: str, state: str, wire: Wire, repo: str
) -> None:
    path = start(wire, repo).location.partition("?")[0]
    target = with_digest(path + state) if method == "PUT" else path + state
    answer = wire.ask(method, target, body=b"x")
    assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_INVALID"])
    is_missing = state in ("", "?_state=")
    assert ("missing" in str(answer.json()["errors"][0]["detail"])) == is_missing
    assert_stands_at(wire.ask("GET", path), 0)


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_the_state_of_another_session_is_refused(method: str, wire: Wire, repo: str) -> None:
    one, other = start(wire, repo).location, start(wire, repo).location
    mixed = one.partition("?")[0] + "?" + other.partition("?")[2]
    elsewhere = one.replace(f"/{repo}/", f"/{repo}/other/")
    for target in (mixed, elsewhere):
        answer = wire.ask(method, with_digest(target))
        assert (answer.status, answer.codes) == (404, ["BLOB_UPLOAD_INVALID"])


@rows(
    Row("one that nobody began", "GET /v2/{repo}/blobs/uploads/" + NOBODY, 404),
    Row("an id that is none", "GET /v2/{repo}/blobs/uploads/abc", 404),
    Row("an id that climbs", "GET /v2/{repo}/blobs/uploads/..", 404),
    Row("an id in upper case", "GET /v2/{repo}/blobs/uploads/" + "A" + NOBODY[1:], 404),
    Row("an id with an odd character", "PATCH /v2/{repo}/blobs/uploads/a=b_c", 404),
)
def test_an_unknown_session(row: Row, wire: Wire, stock: Stock) -> None:
    answer = check(row, wire, stock.places)
    assert answer.codes == ["BLOB_UPLOAD_UNKNOWN"]


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8"])
def test_a_chunk_of_another_type_is_refused(kind: str, wire: Wire, repo: str) -> None:
    location = start(wire, repo).location
    answer = wire.ask("PATCH", location, {"Content-Type": kind}, b"x")
    assert (answer.status, answer.codes) == (415, ["UNSUPPORTED"])
    assert_stands_at(wire.ask("GET", location), 0)


def test_parameters_of_the_type_do_not_matter(wire: Wire, repo: str) -> None:
    headers = {"Content-Type": "Application/Octet-Stream; x=y"}
    assert wire.ask("PATCH", start(wire, repo).location, headers, b"x").status == 202


def test_a_blob_is_mounted_from_where_it_is(wire: Wire, stock: Stock, repo: str) -> None:
    query = f"?mount={stock.layer}&from={stock.name}"
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/{query}")
    assert_created(answer, repo, stock.layer)
    assert_holds(wire, repo)


def test_a_blob_is_mounted_from_anywhere(wire: Wire, stock: Stock, repo: str) -> None:
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/?mount={stock.layer}")
    assert_created(answer, repo, stock.layer)


@pytest.mark.parametrize(
    "query",
    [
        "?mount={layer}&from=no/such",
        "?mount={absent}&from={repo}",
        "?mount={absent}",
        "?mount=sha256:no&from={repo}",
        "?mount={layer}&from=NO/SUCH",
        "?mount=&from={repo}",
        "?from={repo}",
    ],
)
def test_what_cannot_be_mounted_begins_a_session(
    query: str, wire: Wire, stock: Stock, repo: str
) -> None:
    start(wire, repo, query.format_map(stock.places))


def test_a_form_mounts_nothing(wire: Wire, stock: Stock, repo: str) -> None:
    """Deliberately unlike the original: what a call may do follows from its address."""
    form = urlencode({"mount": stock.layer, "from": stock.name}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = wire.ask("POST", f"/v2/{repo}/blobs/uploads/", headers, form)
    assert answer.status == 202
    assert wire.ask("HEAD", f"/v2/{repo}/blobs/{stock.layer}").status == 404


def test_what_cannot_be_mounted_is_taken_from_the_body(wire: Wire, repo: str) -> None:
    query = f"?mount={ABSENT}&from=no/such&digest={DIGEST}"
    assert_created(wire.ask("POST", f"/v2/{repo}/blobs/uploads/{query}", body=LAYER), repo)
    assert_holds(wire, repo)


def test_a_blob_that_is_there_may_be_pushed_again(wire: Wire, repo: str) -> None:
    for _ in range(2):
        push_blob(wire, repo, LAYER)
    assert_holds(wire, repo)


def test_the_second_of_two_writers_is_told_where_the_upload_stands(wire: Wire, repo: str) -> None:
    """Both have the same Location; nothing of the second one is added."""
    location = start(wire, repo).location
    first, second = (chunk(wire, location, content, 0) for content in (LAYER[:1000], b"y" * 50))
    assert (first.status, second.status) == (202, 416)
    assert_stands_at(second, 1000)
    assert_created(wire.ask("PUT", with_digest(second.location), body=LAYER[1000:]), repo)
    assert_holds(wire, repo)
