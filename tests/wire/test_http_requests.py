"""What the edge makes of a request before a handler sees it, over a real socket."""

import json
import re

import pytest

from layerstore.oci.errors import Unavailable
from layerstore.web.asgi import Limits
from layerstore.web.message import Request, Response
from tests.edge import Answer, Connection, echo, serving

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PROXY = "127.0.0.1"


class Seen:
    """A handler that keeps the requests that reach it."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(200)

    @property
    def only(self) -> Request:
        (request,) = self.requests
        return request


def code(answer: Answer) -> str:
    assert answer.body is not None
    found: str = json.loads(answer.body)["errors"][0]["code"]
    return found


async def test_a_request_reaches_the_handler_as_it_was_sent() -> None:
    seen = Seen()
    async with serving(seen) as served:
        await served.ask("/v2/a/b?n=1&last=x%2Fy", headers="X-Two: a\r\nX-Two: b\r\n")
    request = seen.only
    assert (request.method, request.path, request.query) == ("GET", "/v2/a/b", "n=1&last=x%2Fy")
    assert list(request.headers) == [("host", "registry.example"), ("x-two", "a"), ("x-two", "b")]
    assert (request.peer, request.scheme) == ("127.0.0.1", "http")


async def test_a_request_has_an_id_of_ours_that_the_answer_tells() -> None:
    seen = Seen()
    async with serving(seen) as served:
        answer = await served.ask("/", headers="X-Request-Id: forged\r\n")
        told = await served.until_told()
    assert UUID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["x-request-id"] == seen.only.id == told.id


@pytest.mark.parametrize(
    "target",
    ["/v2/%00/tags/list", "/v2/a%25b/tags/list", "/v2/%ff/tags/list", "/v2/100%/tags/list"],
    ids=["nul", "percent", "not-utf-8", "bare-percent"],
)
async def test_an_address_whose_meaning_is_lost_reaches_no_handler(target: str) -> None:
    seen = Seen()
    async with serving(seen) as served:
        answer = await served.ask(target)
    assert (answer.status, code(answer), seen.requests) == (400, "NAME_INVALID", [])


HOSTS = {
    "none": b"",
    "two": b"Host: a.example\r\nHost: b.example\r\n",
    "two-that-agree": b"Host: a.example\r\nHost: a.example\r\n",
    "none-in-it": b"Host: \r\n",
    "with-a-path": b"Host: a.example/b\r\n",
    "with-a-user": b"Host: user@a.example\r\n",
    "with-a-space": b"Host: a example\r\n",
    "not-ascii": b"Host: a\xffexample\r\n",
}


@pytest.mark.parametrize("lines", HOSTS.values(), ids=HOSTS.keys())
async def test_a_request_that_does_not_name_one_host_is_refused(lines: bytes) -> None:
    seen = Seen()
    async with serving(seen) as served, served.connection() as connection:
        await connection.send(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
        answer = await connection.answer()
    assert (answer.status, seen.requests) == (400, [])


async def test_http10_knows_requests_without_a_host() -> None:
    async with serving(Seen()) as served, served.connection() as connection:
        await connection.send(b"GET / HTTP/1.0\r\n\r\n")
        answer = await connection.answer()
    assert answer.status == 200


async def test_limits_hold_for_paths_queries_and_headers() -> None:
    seen = Seen()
    limits = Limits(path_bytes_max=64, query_bytes_max=64, header_bytes_max=256)
    async with serving(seen, limits=limits) as served:
        path = await served.ask("/" + "p" * 64)
        escaped = await served.ask("/" + "%70" * 30)
        query = await served.ask("/?" + "q" * 65)
        headers = await served.ask("/", headers=f"X-Long: {'h' * 256}\r\n")
        assert seen.requests == []
        within = await served.ask("/" + "p" * 63 + "?" + "q" * 64)
    assert [answer.status for answer in (path, escaped, query, headers)] == [414, 414, 414, 431]
    assert [code(answer) for answer in (path, query)] == ["NAME_INVALID", "NAME_INVALID"]
    assert code(headers) == "SIZE_INVALID"
    assert within.status == 200


async def test_the_server_itself_bounds_heads_that_would_fill_its_memory() -> None:
    async with serving(Seen()) as served, served.connection() as connection:
        await connection.send(b"GET / HTTP/1.1\r\nX: " + b"x" * 500_000 + b"\r\n\r\n")
        answer = await connection.answer()
    assert answer.status == 431


async def test_methods_are_told_apart_by_case() -> None:
    seen = Seen()
    async with serving(seen) as served:
        await served.ask("/", method="get")
    assert seen.only.method == "get"


async def test_a_server_on_its_way_out_refuses_and_says_when_to_come_back() -> None:
    seen = Seen()
    async with serving(seen, draining=lambda: True) as served:
        answer = await served.ask("/v2/")
    assert (answer.status, code(answer), seen.requests) == (503, "UNAVAILABLE", [])
    assert answer.headers["connection"] == "close"
    assert int(answer.headers["retry-after"]) > 0


FORWARDED = (
    "X-Forwarded-For: 203.0.113.7\r\n"
    "X-Forwarded-Proto: https\r\n"
    "X-Forwarded-Host: public.example\r\n"
)


async def test_forwarded_headers_count_from_named_proxies() -> None:
    seen = Seen()
    async with serving(seen, trusted=lambda address: address == PROXY) as served:
        await served.ask("/", headers=FORWARDED)
    request = seen.only
    assert (request.peer, request.scheme) == ("203.0.113.7", "https")
    assert request.headers.first("host") == "public.example"


async def test_forwarded_headers_of_anybody_else_are_taken_away() -> None:
    seen = Seen()
    async with serving(seen) as served:
        await served.ask("/", headers=FORWARDED + "Forwarded: for=203.0.113.7\r\n")
    request = seen.only
    assert (request.peer, request.scheme) == ("127.0.0.1", "http")
    assert list(request.headers) == [("host", "registry.example")]


async def test_a_handler_that_breaks_answers_500_and_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(request: Request) -> Response:
        raise LookupError("/srv/secret/path")

    async with serving(broken) as served:
        answer = await served.ask("/")
        told = await served.until_told()
    assert (answer.status, code(answer)) == (500, "UNKNOWN")
    assert answer.body is not None
    assert b"secret" not in answer.body
    assert told.notes == {"err.code": "UNKNOWN"}
    assert caplog.records[0].getMessage() == f"request {told.id} failed"


async def test_a_handler_that_refuses_is_answered_by_the_table() -> None:
    async def busy(request: Request) -> Response:
        raise Unavailable(retry_after=7)

    async with serving(busy) as served:
        answer = await served.ask("/")
        told = await served.until_told()
    assert (answer.status, code(answer), answer.headers["retry-after"]) == (503, "UNAVAILABLE", "7")
    assert (told.status, told.notes) == (503, {"err.code": "UNAVAILABLE"})


async def test_a_connection_serves_one_request_after_the_other() -> None:
    async with serving(echo) as served, served.connection() as connection:
        for content in (b"one", b"two", b"three"):
            assert await echoed(connection, content) == content


async def echoed(connection: Connection, content: bytes) -> bytes | None:
    head = f"PUT /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(content)}\r\n\r\n"
    await connection.send(head.encode() + content)
    return (await connection.answer()).body


async def test_what_is_told_about_a_request_is_what_happened() -> None:
    async with serving(echo) as served:
        headers = "User-Agent: probe/1\r\nReferer: http://r.example/\r\nContent-Type: text/x\r\n"
        answer = await served.ask("/v2/a%2Fb?x=1", method="PUT", headers=headers, body=b"hello")
        told = await served.until_told()
    assert answer.body == b"hello"
    assert (told.method, told.uri, told.protocol) == ("PUT", "/v2/a%2Fb?x=1", "HTTP/1.1")
    assert told.asked == ("registry.example", "probe/1", "http://r.example/", "text/x")
    assert told.remote == "127.0.0.1"
    assert (told.status, told.received, told.sent) == (200, 5, 5)
    assert 0 < told.duration_s < 10
