"""A clock that jumps: an administrator sets it, a virtual machine wakes up, a battery is empty.

The time of day goes where it likes; the time that only passes goes on. What is good for a while is
good for exactly that, uploads and work in the background bear it, and nothing waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from layerstore.auth.access import Access
from layerstore.auth.bearer import TokenInvalid
from layerstore.auth.htpasswd import HtpasswdAuthority
from layerstore.auth.passes import PASS_SECONDS, Passes
from layerstore.auth.passwords import new_hash
from layerstore.auth.slowdown import FAILURES_FREE, Slowdown
from layerstore.auth.token import TokenAuthority, TokenSettings
from layerstore.clock import Clock
from layerstore.oci.digest import Digest
from layerstore.oci.errors import Unauthorized
from layerstore.oci.name import Name
from layerstore.registry.local import LocalRegistry
from layerstore.registry.locks import ProcessLocks
from layerstore.storage.filesystem import FilesystemDriver
from layerstore.storage.memory import MemoryDriver
from layerstore.telemetry.lines import Stamps
from layerstore.upkeep.duties import Duty, Upkeep
from layerstore.upkeep.post import Post
from layerstore.upkeep.purge import purge_old_uploads
from tests.contract.content import chunks
from tests.fakes import EPOCH, FakeClock
from tests.faults.counts import Counted
from tests.issuer import ISSUER, SERVICE, Signer, certificate, claims, entry, pem

PULL = (Access("repository", "a", "pull"),)
YEAR_S = 365 * 24 * 3600.0
DAY_S = 24 * 3600.0
JUMPS = (-50 * YEAR_S, -YEAR_S, -DAY_S, -3600.0, 3600.0, DAY_S, YEAR_S, 50 * YEAR_S)
NAME = Name("library/alpine")


class JumpingClock(FakeClock):
    """A clock whose time of day is off by what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.off_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.off_s)


_: type[Clock] = JumpingClock


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
def signer() -> Signer:
    return Signer.new("EdDSA")


@pytest.fixture
def tokens(signer: Signer, clock: JumpingClock, tmp_path: Path) -> TokenAuthority:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(pem(certificate(signer, EPOCH)))
    settings = TokenSettings(realm="r", service=SERVICE, issuer=ISSUER, bundle=bundle)
    return TokenAuthority(settings, clock)


async def believed(authority: TokenAuthority, token: str) -> bool:
    try:
        await authority.authorize(f"Bearer {token}", PULL, "192.0.2.1")
    except Unauthorized:
        return False
    return True


async def test_a_token_is_good_in_its_time_and_at_no_other(
    signer: Signer, tokens: TokenAuthority, clock: JumpingClock, counted: Counted
) -> None:
    """Also one that was verified a moment ago and is remembered."""
    token = signer.token(claims(EPOCH, access=[entry("a", "pull")]), kid=signer.thumbprint)
    for jump in JUMPS:
        assert await believed(tokens, token)
        clock.off_s = jump
        assert not await believed(tokens, token)
        clock.off_s = 0.0
    counted("jumps of the clock", len(JUMPS))


async def test_a_pass_ends_with_its_time_and_not_before(clock: JumpingClock) -> None:
    passes = Passes(b"a secret", clock, lambda user: b"a hash")
    text = passes.issue("alice").text
    for jump in (0.0, PASS_SECONDS - 1, -YEAR_S):
        clock.off_s = jump
        assert passes.user_of(text) == "alice"
    for jump in (PASS_SECONDS + 1, YEAR_S):
        clock.off_s = jump
        with pytest.raises(TokenInvalid):
            passes.user_of(text)


@pytest.fixture
def passwords(clock: JumpingClock, tmp_path: Path) -> Iterator[HtpasswdAuthority]:
    path = tmp_path / "htpasswd"
    path.write_bytes(b"alice:" + new_hash(b"a password") + b"\n")
    with closing(HtpasswdAuthority(path, "x", clock)) as authority:
        yield authority


async def test_who_may_come_in_by_password_may_at_any_time(
    passwords: HtpasswdAuthority, clock: JumpingClock
) -> None:
    for jump in (0.0, *JUMPS):
        clock.off_s = jump
        grant = await passwords.authorize("Basic YWxpY2U6YSBwYXNzd29yZA==", PULL, "192.0.2.1")
        assert grant.user == "alice"


async def test_guessing_gets_no_cheaper_and_nobody_waits_longer(clock: JumpingClock) -> None:
    slowdown = Slowdown(clock)
    for _ in range(FAILURES_FREE):
        await slowdown.take_turn("192.0.2.1")
    for jump in JUMPS:
        clock.off_s = jump
        before = clock.monotonic()
        await slowdown.take_turn("192.0.2.1")
        assert 0.9 < clock.monotonic() - before < 1.1


@pytest.mark.parametrize("jump", JUMPS)
async def test_an_upload_is_begun_carried_on_and_finished_whatever_the_clock_says(
    jump: float, clock: JumpingClock
) -> None:
    registry = LocalRegistry(MemoryDriver(clock), ProcessLocks(), clock)
    uploads = registry.repository(NAME).uploads
    session = await uploads.start()
    await session.append(chunks(b"one "))
    clock.off_s = jump
    again = await uploads.resume(session.id)
    assert again.size == 4
    await again.append(chunks(b"two"))
    clock.off_s = 0.0
    digest = Digest.of(b"one two")
    await (await uploads.resume(session.id)).commit(digest)
    assert (await registry.repository(NAME).blobs.stat(digest)).size == 7


async def test_a_hash_from_before_the_machine_started_is_not_believed(tmp_path: Path) -> None:
    """The clock went back between two chunks: so it seems, and the bytes are read again."""
    clock = FakeClock()
    with closing(FilesystemDriver(tmp_path, clock)) as driver:
        start = datetime.now(UTC) + timedelta(days=365)
        registry = LocalRegistry(driver, ProcessLocks(), clock, states_since=start)
        uploads = registry.repository(NAME).uploads
        session = await uploads.start()
        await session.append(chunks(b"one "))
        await (await uploads.resume(session.id)).append(chunks(b"two"))
        digest = Digest.of(b"one two")
        await (await uploads.resume(session.id)).commit(digest)
        assert (await registry.repository(NAME).blobs.stat(digest)).size == 7


async def test_purging_bears_a_clock_that_went_back_and_does_its_work_later(
    clock: JumpingClock,
) -> None:
    registry = LocalRegistry(MemoryDriver(clock), ProcessLocks(), clock)
    session = await registry.repository(NAME).uploads.start()
    await session.append(chunks(b"one"))
    for jump in JUMPS[:4]:
        clock.off_s = jump
        await purge_old_uploads(registry, clock, 7 * DAY_S)
        assert (await registry.repository(NAME).uploads.resume(session.id)).size == 3
    clock.off_s = 8 * DAY_S
    await purge_old_uploads(registry, clock, 7 * DAY_S)
    assert [upload async for upload in registry.repository(NAME).uploads.ids()] == []


@pytest.mark.parametrize("jump", JUMPS)
async def test_duties_keep_their_interval(jump: float, clock: JumpingClock) -> None:
    """Neither again and again without a pause, nor not for years."""
    moments: list[float] = []
    enough = asyncio.Event()

    async def duty() -> None:
        moments.append(clock.monotonic())
        clock.off_s = jump if len(moments) % 2 else 0.0
        if len(moments) == 6:
            enough.set()
            await asyncio.Event().wait()

    upkeep = Upkeep([Duty("jumping", duty, DAY_S)], Post(None), clock)
    upkeep.start()
    await enough.wait()
    await upkeep.stop()
    assert [later - earlier for earlier, later in pairwise(moments)] == [pytest.approx(DAY_S)] * 5


def test_lines_of_the_log_tell_the_time_that_it_is(clock: JumpingClock) -> None:
    stamps = Stamps()
    for jump in (*JUMPS, 0.0, -0.4, 0.4, -1.0):
        clock.off_s = jump
        clock.pass_time(0.25)
        moment = clock.now()
        structured, access = stamps.of(moment)
        assert structured == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert access == f"{moment:%d/%b/%Y:%H:%M:%S} +0000"
