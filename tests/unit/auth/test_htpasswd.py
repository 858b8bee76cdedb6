"""`auth.htpasswd`: who is let in, how soon that changes, and what the time tells."""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from layerstore.auth import passwords
from layerstore.auth.access import AuthorityUnusable
from layerstore.auth.compares import Compares
from layerstore.auth.htpasswd import HtpasswdAuthority
from layerstore.auth.remembered import SECONDS_REMEMBERED
from layerstore.auth.slowdown import FAILURES_FREE
from layerstore.oci.errors import TooManyRequests, Unauthorized
from tests.fakes import FakeClock
from tests.unit.auth.headers import basic, challenge_of, grant_of, on

CHALLENGE = 'Basic realm="our registry"'
ALICE = basic("alice", "secret")
CHEAP, DEAR = 4, 8


def line(user: str, password: str, cost: int = CHEAP) -> str:
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    path.write_text(line("alice", "secret") + line("bob", "secret"))
    return path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def authority(path: Path, clock: FakeClock) -> Iterator[HtpasswdAuthority]:
    authority = HtpasswdAuthority(path, "our registry", clock)
    yield authority
    authority.close()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The passwords that were compared with a hash."""
    seen: list[bytes] = []
    real = Compares.matches

    async def counted(self: Compares, key: bytes, password: bytes, hashed: bytes) -> bool:
        seen.append(password)
        return await real(self, key, password, hashed)

    monkeypatch.setattr(Compares, "matches", counted)
    return seen


async def test_a_user_is_let_in_and_may_do_everything(authority: HtpasswdAuthority) -> None:
    grant = await grant_of(authority, ALICE, on("a/b", "pull", "push", "delete"))
    assert grant.user == "alice"
    assert grant.pulls_everything
    assert grant.sees("whatever")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic Og==",
        "Bearer token",
        basic("alice", ""),
        basic("alice", "Secret"),
        basic("alice", "secret "),
        basic("Alice", "secret"),
        basic("alic", "secret"),
        basic("alice:", "secret"),
        basic("", "secret"),
        basic("carol", "secret"),
        basic("alice", "secret\x00"),
        basic("alice", "s" * 10_000),
    ],
)
async def test_everybody_else_is_asked_for_name_and_password(
    authorization: str | None, authority: HtpasswdAuthority
) -> None:
    assert await challenge_of(authority, authorization, on("a", "pull")) == CHALLENGE


async def test_bcrypt_runs_once_a_minute_for_one_user(
    authority: HtpasswdAuthority, clock: FakeClock, compared: list[bytes]
) -> None:
    for _ in range(5):
        await grant_of(authority, ALICE)
    assert compared == [b"secret"]
    clock.pass_time(SECONDS_REMEMBERED)
    await grant_of(authority, ALICE)
    assert compared == [b"secret"] * 2


async def test_bcrypt_runs_once_for_many_requests_at_the_same_time(
    authority: HtpasswdAuthority, compared: list[bytes]
) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(200):
            group.create_task(grant_of(authority, ALICE))
    assert compared == [b"secret"]


async def test_a_failure_is_not_remembered(
    authority: HtpasswdAuthority, compared: list[bytes]
) -> None:
    for _ in range(3):
        await challenge_of(authority, basic("alice", "wrong"))
    assert compared == [b"wrong"] * 3


async def test_who_is_taken_out_is_out_at_once(authority: HtpasswdAuthority, path: Path) -> None:
    await grant_of(authority, ALICE)
    path.write_text(line("bob", "secret"))
    assert await challenge_of(authority, ALICE) == CHALLENGE


async def test_a_new_password_is_good_at_once_and_the_old_one_no_more(
    authority: HtpasswdAuthority, path: Path
) -> None:
    await grant_of(authority, ALICE)
    replacement = path.with_name("new")
    replacement.write_text(line("alice", "changed") + line("bob", "secret"))
    os.utime(replacement, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    replacement.rename(path)
    assert await challenge_of(authority, ALICE) == CHALLENGE
    assert (await grant_of(authority, basic("alice", "changed"))).user == "alice"


async def test_a_broken_file_lets_in_whom_the_last_good_one_did(
    authority: HtpasswdAuthority, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("nonsense")
    assert (await grant_of(authority, ALICE)).user == "alice"
    assert "line 1 is not of the form name:hash; what it said before stays" in caplog.text


def test_a_broken_file_stops_the_start(path: Path, clock: FakeClock) -> None:
    path.write_text("nonsense")
    with pytest.raises(AuthorityUnusable, match="line 1"):
        HtpasswdAuthority(path, "x", clock)


async def test_a_missing_file_lets_its_first_user_in(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    authority = HtpasswdAuthority(tmp_path / "new", "x", clock)
    password = caplog.records[-1].getMessage().rpartition(" ")[2]
    assert (await grant_of(authority, basic("docker", password))).user == "docker"
    authority.close()


async def test_guesses_from_one_address_become_slow_and_others_do_not_wait(
    authority: HtpasswdAuthority, clock: FakeClock
) -> None:
    for guess in range(FAILURES_FREE + 5):
        await challenge_of(authority, basic("alice", f"guess {guess}"))
    assert clock.monotonic() == pytest.approx(5)
    await grant_of(authority, ALICE, peer="192.0.2.99")
    assert clock.monotonic() == pytest.approx(5)


async def test_too_many_at_the_same_time_are_told_to_come_again(
    authority: HtpasswdAuthority,
) -> None:
    async def tried(number: int) -> bool:
        try:
            wrong = basic("alice", f"guess {number}")
            await authority.authorize(wrong, (), f"192.0.2.{number}")
        except TooManyRequests as refusal:
            return refusal.retry_after > 0
        except Unauthorized:
            return False
        raise AssertionError("a guess was right")

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(tried(number)) for number in range(200)]
    refused = sum(task.result() for task in asked)
    assert 0 < refused <= 136


async def test_no_password_reaches_the_log(
    authority: HtpasswdAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        await challenge_of(authority, basic("alice\nforged", "pass-that-is-wrong"))
    assert "pass-that-is-wrong" not in caplog.text
    assert r"'alice\nforged' from 192.0.2.7" in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)


async def test_the_time_does_not_tell_whether_a_name_is_known(path: Path, clock: FakeClock) -> None:
    """Medians of interleaved attempts: a missing comparison would show, noise does not."""
    path.write_text(line("alice", "secret", DEAR))
    authority = HtpasswdAuthority(path, "x", clock)
    taken: dict[str, list[float]] = {"alice": [], "nobody": []}
    for attempt in range(15):
        for name, seconds in taken.items():
            begun = time.perf_counter()
            await challenge_of(authority, basic(name, f"wrong {attempt}"), peer="")
            seconds.append(time.perf_counter() - begun)
    authority.close()
    known, unknown = (statistics.median(seconds) for seconds in taken.values())
    single = _seconds_of_one_comparison()
    assert 0.5 * single < unknown
    assert 0.5 < known / unknown < 2


def _seconds_of_one_comparison() -> float:
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        passwords.matches(b"wrong", passwords.decoy(DEAR))
        taken.append(time.perf_counter() - begun)
    return min(taken)


async def test_a_peer_is_not_needed(authority: HtpasswdAuthority) -> None:
    assert (await grant_of(authority, ALICE, peer="")).user == "alice"
