"""What happens before a handler: who may, what is switched off, and what breaks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Self

import pytest

from layerstore.api import calls
from layerstore.api.admission import CountingGate
from layerstore.api.calls import Call
from layerstore.api.dispatch import _HANDLERS
from layerstore.auth.access import Access, Grant
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Denied, Unauthorized
from layerstore.oci.name import Name
from layerstore.storage.driver import FileInfo, OutOfSpace, StorageUnavailable
from layerstore.storage.memory import MemoryDriver
from layerstore.web.headers import HeaderLines
from layerstore.web.message import BodyBroken, Request
from tests.fakes import FakeClock
from tests.unit.api.bodies import Pieces
from tests.unit.api.direct import DirectWire
from tests.wire.stock import (
    ABSENT,
    CONFIG,
    LAYER,
    digest_of,
    image,
    index,
    push_blob,
    push_manifest,
)

CHALLENGE = 'Bearer realm="https://auth.example/token",service="registry"'


class NamedAccess:
    """A Grant of the accesses that a test names."""

    user = "alice"
    pulls_everything = False

    def __init__(self, *accesses: Access) -> None:
        self._accesses = accesses

    def allows(self, access: Access) -> bool:
        return access in self._accesses

    def sees(self, name: str) -> bool:
        return self.allows(Access("repository", name, "pull"))

    def named(self) -> Sequence[str]:
        return [access.name for access in self._accesses if access.kind == "repository"]


class ByName:
    """An Authority that knows one caller, by the word `alice`, and remembers what was asked."""

    def __init__(self, grant: NamedAccess) -> None:
        self._grant = grant
        self.asked: list[tuple[Access, ...]] = []

    async def authorize(
        self, authorization: str | None, wanted: Sequence[Access], peer: str, origin: str = ""
    ) -> Grant:
        self.asked.append(tuple(wanted))
        if authorization != "alice":
            raise Unauthorized(CHALLENGE)
        if not all(self._grant.allows(access) for access in wanted):
            raise Denied
        return self._grant


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def on(name: str, *actions: str) -> list[Access]:
    return [Access("repository", name, action) for action in actions]


ALICE = {"Authorization": "alice"}


def guarded(runner: asyncio.Runner, *accesses: Access) -> tuple[DirectWire, ByName]:
    authority = ByName(NamedAccess(*accesses))
    return DirectWire(runner, authority=authority), authority


def test_every_call_has_its_handler() -> None:
    kinds = [kind for kind in vars(calls).values() if isinstance(kind, type)]
    named = {kind for kind in kinds if issubclass(kind, Call) and "end" in vars(kind)}
    assert named == set(_HANDLERS)


def test_nobody_is_answered_before_he_is_known(runner: asyncio.Runner) -> None:
    wire, authority = guarded(runner)
    for method, target, wanted in (
        ("GET", "/v2/", []),
        ("GET", "/v2/_catalog", [Access("registry", "catalog", "*")]),
        ("GET", "/v2/_oci/ext/discover", []),
        ("GET", "/v2/_layerstore/token", [Access("registry", "token", "*")]),
        ("GET", "/v2/a/tags/list", on("a", "pull")),
        ("HEAD", f"/v2/a/blobs/{ABSENT}", on("a", "pull")),
        ("GET", f"/v2/a/referrers/{ABSENT}", on("a", "pull")),
        ("GET", "/v2/a/_oci/ext/discover", on("a", "pull")),
        ("PUT", "/v2/a/manifests/x", on("a", "pull", "push")),
        ("POST", "/v2/a/blobs/uploads/", on("a", "pull", "push")),
        ("DELETE", "/v2/a/manifests/x", on("a", "delete")),
        ("DELETE", f"/v2/a/blobs/{ABSENT}", on("a", "delete")),
        ("DELETE", "/v2/_layerstore/repositories/a", on("a", "delete")),
        (
            "POST",
            f"/v2/a/blobs/uploads/?mount={ABSENT}&from=b",
            [*on("a", "pull", "push"), *on("b", "pull")],
        ),
    ):
        answer = wire.ask(method, target)
        assert answer.status == 401, target
        assert answer.header("www-authenticate") == CHALLENGE
        assert answer.header("docker-distribution-api-version") == "registry/2.0"
        assert authority.asked[-1] == tuple(wanted), target


def test_the_root_and_options_ask_nobody(runner: asyncio.Runner) -> None:
    wire, authority = guarded(runner)
    assert wire.ask("GET", "/").status == 200
    assert wire.ask("OPTIONS", "/v2/a/tags/list").status == 200
    assert authority.asked == []


def test_who_lacks_the_right_is_denied(runner: asyncio.Runner) -> None:
    wire, _ = guarded(runner, *on("a", "pull"))
    assert wire.ask("GET", "/v2/a/tags/list", ALICE).status == 404
    answer = wire.ask("PUT", "/v2/a/manifests/x", ALICE, b"{}")
    assert (answer.status, answer.codes) == (403, ["DENIED"])


class TestMountWithoutFrom:
    """Decisions 10: the answer depends on nothing that the caller may not read."""

    digest = digest_of(LAYER)

    def asked(self, runner: asyncio.Runner, *accesses: Access, held_by: str) -> int:
        wire, _ = guarded(runner, *on("mine", "pull", "push"), *accesses)
        runner.run(self._hold(wire, held_by))
        query = f"?mount={self.digest}"
        return wire.ask("POST", f"/v2/mine/blobs/uploads/{query}", ALICE).status

    async def _hold(self, wire: DirectWire, name: str) -> None:
        await wire.registry.repository(Name(name)).blobs.put_bytes(Digest(self.digest), LAYER)

    def test_a_repository_that_he_may_read_is_enough(self, runner: asyncio.Runner) -> None:
        assert self.asked(runner, *on("his", "pull"), held_by="his") == 201

    def test_his_own_is_enough(self, runner: asyncio.Runner) -> None:
        assert self.asked(runner, held_by="mine") == 201

    def test_another_s_is_not(self, runner: asyncio.Runner) -> None:
        assert self.asked(runner, *on("his", "pull"), held_by="hers") == 202

    def test_one_that_he_may_push_to_only_is_not(self, runner: asyncio.Runner) -> None:
        assert self.asked(runner, *on("his", "push"), held_by="his") == 202

    def test_a_pattern_among_the_names_is_passed_over(self, runner: asyncio.Runner) -> None:
        assert self.asked(runner, *on("*", "pull"), held_by="hers") == 202

    def test_only_the_first_thirty_two_are_looked_at(self, runner: asyncio.Runner) -> None:
        many = [access for i in range(40) for access in on(f"r{i}", "pull")]
        assert self.asked(runner, *many, held_by="r25") == 201
        assert self.asked(runner, *many, held_by="r39") == 202


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/v2/a/manifests/x"),
        ("DELETE", "/v2/a/manifests/latest"),
        ("DELETE", f"/v2/a/blobs/{ABSENT}"),
        ("POST", "/v2/a/blobs/uploads/"),
        ("DELETE", "/v2/_layerstore/repositories/a"),
        ("PATCH", "/v2/a/blobs/uploads/0f1e2d3c-4b5a-4678-8a9b-0c1d2e3f4a5b"),
    ],
)
@pytest.mark.parametrize("switch", ["readonly", "mirror"])
def test_a_registry_that_takes_nothing_says_so(
    method: str, target: str, switch: str, runner: asyncio.Runner
) -> None:
    wire = DirectWire(runner, options={switch: True})
    answer = wire.ask(method, target, body=b"{}")
    assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"])
    assert method not in (answer.header("allow") or "")
    assert wire.ask("GET", "/v2/_catalog").status == 200


@pytest.mark.parametrize(
    ("target", "allow"),
    [
        ("/v2/a/manifests/latest", "GET, HEAD, PUT"),
        (f"/v2/a/manifests/{ABSENT}", "GET, HEAD, PUT"),
        (f"/v2/a/blobs/{ABSENT}", "GET, HEAD"),
        ("/v2/_layerstore/repositories/a", ""),
    ],
)
def test_where_deletion_is_off_nothing_is_deleted(
    target: str, allow: str, runner: asyncio.Runner
) -> None:
    """CVE-2026-41888: tags are no exception."""
    wire = DirectWire(runner, options={"delete_enabled": False})
    push_manifest(wire, "a", "latest", index())
    answer = wire.ask("DELETE", target)
    assert (answer.status, answer.codes) == (405, ["UNSUPPORTED"])
    assert answer.header("allow") == allow
    assert wire.ask("HEAD", "/v2/a/manifests/latest").status == 200


def test_where_deletion_is_off_an_upload_can_be_cancelled(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, options={"delete_enabled": False})
    location = wire.ask("POST", "/v2/a/blobs/uploads/").location
    assert wire.ask("DELETE", location).status == 204


def test_everything_lies_below_the_prefix(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, options={"prefix": "/hub/"})
    assert wire.ask("GET", "/v2/").status == 404
    assert wire.ask("GET", "/hubv2/").status == 404
    assert wire.ask("GET", "/").status == 200
    assert wire.ask("GET", "/hub/v2/").status == 200
    location = wire.ask("POST", "/hub/v2/a/blobs/uploads/").location
    assert location.startswith("/hub/v2/a/blobs/uploads/")
    assert wire.ask("PATCH", location, body=b"x").status == 202
    push = wire.ask("POST", f"/hub/v2/a/blobs/uploads/?digest={digest_of(CONFIG)}", body=CONFIG)
    assert wire.ask("GET", push.location).body == CONFIG


def test_configured_headers_stand_on_every_answer(runner: asyncio.Runner) -> None:
    headers = (("x-content-type-options", "nosniff"), ("x-a", "1"), ("x-a", "2"))
    wire = DirectWire(runner, options={"headers": headers})
    for target in ("/", "/v2/", "/nowhere", "/v2/a/tags/list"):
        answer = wire.ask("GET", target)
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.every("x-a") == ["1", "2"]


def test_a_driver_that_wants_large_chunks_says_so(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, options={"chunk_bytes_min": 5 << 20})
    answer = wire.ask("POST", "/v2/a/blobs/uploads/")
    assert answer.header("oci-chunk-min-length") == "5242880"


def test_a_manifest_above_the_setting_is_too_large(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, options={"manifest_bytes_max": 100})
    answer = wire.ask("PUT", "/v2/a/manifests/x", body=image())
    assert (answer.status, answer.codes) == (413, ["SIZE_INVALID"])


class Refilling:
    """A body that asks for another upload of the same client while it is read."""

    length = None

    def __init__(self, wire: DirectWire) -> None:
        self._wire = wire
        self.statuses: list[int] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self.statuses:
            raise StopAsyncIteration
        target = f"/v2/a/blobs/uploads/?digest={digest_of(CONFIG)}"
        path, _, query = target.partition("?")
        for peer in ("192.0.2.1", "192.0.2.2"):
            request = Request("POST", path, query, HeaderLines(), Pieces(CONFIG), peer)
            self.statuses.append((await self._wire.api.handle(request)).status)
        return LAYER


def test_a_client_sends_so_many_bodies_at_once(runner: asyncio.Runner) -> None:
    wire = DirectWire(runner, gate=CountingGate(1))
    body = Refilling(wire)
    query = f"digest={digest_of(LAYER)}"
    answer = wire.send(
        Request("POST", "/v2/a/blobs/uploads/", query, HeaderLines(), body, "192.0.2.1")
    )
    assert answer.status == 201
    assert body.statuses == [429, 201]
    push_blob(wire, "a", CONFIG)


def test_too_many_at_once_are_told_when_to_come_again(runner: asyncio.Runner) -> None:
    gate = CountingGate(1)
    assert gate.enter("192.0.2.1")
    wire = DirectWire(runner, gate=gate)
    answer = wire.ask("PUT", "/v2/a/manifests/x", body=b"{}")
    assert (answer.status, answer.codes) == (429, ["TOOMANYREQUESTS"])
    assert answer.header("retry-after") == "1"
    gate.leave("192.0.2.1")
    assert wire.ask("PUT", "/v2/a/manifests/x", body=b"{}").status == 400


class Broken(MemoryDriver):
    """A storage on which everything fails in one way."""

    def __init__(self, error: Exception) -> None:
        super().__init__(FakeClock())
        self._error = error

    async def stat(self, path: str) -> FileInfo:
        raise self._error

    async def get(self, path: str) -> bytes:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StorageUnavailable("d", "/secret", "gone"), 503, "UNAVAILABLE"),
        (OutOfSpace("d", "/secret"), 507, "UNAVAILABLE"),
        (ValueError("/secret"), 500, "UNKNOWN"),
    ],
)
def test_a_storage_that_fails_is_told_and_logged(
    error: Exception,
    status: int,
    code: str,
    runner: asyncio.Runner,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wire = DirectWire(runner, driver=Broken(error))
    with caplog.at_level(logging.ERROR):
        request = Request(
            "GET", f"/v2/a/blobs/{ABSENT}", "", HeaderLines(), Pieces(length=0), id="the-id"
        )
        answer = wire.send(request)
    assert (answer.status, answer.codes) == (status, [code])
    assert b"secret" not in answer.body
    assert (answer.header("retry-after") is not None) == (status == 503)
    assert "the-id" in caplog.text
    assert "secret" in caplog.text
    assert request.notes["err.code"] == code


class Vanishing:
    """A body whose sender goes away."""

    length = 100

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"part"
        raise BodyBroken


def test_who_goes_away_is_logged_as_gone(
    runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    wire = DirectWire(runner)
    location = wire.ask("POST", "/v2/a/blobs/uploads/").location
    path, _, query = location.partition("?")
    assert wire.send(Request("PATCH", path, query, HeaderLines(), Vanishing())).status == 499
    assert caplog.text == ""
    assert wire.ask("GET", path).header("range") == "0-3"


def test_what_is_learnt_of_a_request_is_noted_for_the_log(runner: asyncio.Runner) -> None:
    wire, _ = guarded(runner, *on("a/b", "pull"))
    target = f"/v2/a/b/blobs/{ABSENT}"
    request = Request(
        "GET", target, "", HeaderLines([("authorization", "alice")]), Pieces(length=0)
    )
    wire.send(request)
    assert request.notes == {
        "vars.name": "a/b",
        "vars.digest": ABSENT,
        "auth.user.name": "alice",
        "err.code": "BLOB_UNKNOWN",
        "err.message": "blob unknown to registry",
    }
