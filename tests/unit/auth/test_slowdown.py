"""Guessing is slow, from one address, and nobody else's business."""

import pytest

from layerstore.auth.slowdown import (
    ADDRESSES_MAX,
    FAILURES_FREE,
    WAIT_SECONDS_MAX,
    Slowdown,
)
from layerstore.oci.errors import TooManyRequests
from tests.fakes import FakeClock

GUESSER, ANOTHER = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def slowdown(clock: FakeClock) -> Slowdown:
    return Slowdown(clock)


async def fail(slowdown: Slowdown, times: int, address: str = GUESSER) -> None:
    for _ in range(times):
        await slowdown.take_turn(address)


async def test_a_few_failures_cost_nothing(slowdown: Slowdown, clock: FakeClock) -> None:
    await fail(slowdown, FAILURES_FREE)
    assert clock.monotonic() == 0


async def test_each_one_more_costs_a_second(slowdown: Slowdown, clock: FakeClock) -> None:
    await fail(slowdown, FAILURES_FREE + 7)
    assert clock.monotonic() == pytest.approx(7)


async def test_others_do_not_wait(slowdown: Slowdown, clock: FakeClock) -> None:
    await fail(slowdown, FAILURES_FREE)
    await fail(slowdown, FAILURES_FREE, ANOTHER)
    assert clock.monotonic() == 0


async def test_what_would_wait_too_long_is_refused_with_a_time_to_come_again(
    clock: FakeClock,
) -> None:
    frozen = Slowdown(_Frozen(clock))
    await fail(frozen, FAILURES_FREE + int(WAIT_SECONDS_MAX))
    with pytest.raises(TooManyRequests) as refusal:
        await frozen.take_turn(GUESSER)
    assert refusal.value.retry_after == 12
    clock.pass_time(12)
    await frozen.take_turn(GUESSER)


class _Frozen(FakeClock):
    """Attempts side by side: no time passes for one while others wait."""

    def __init__(self, real: FakeClock) -> None:
        super().__init__()
        self._real = real

    def monotonic(self) -> float:
        return self._real.monotonic()


async def test_time_forgives(slowdown: Slowdown, clock: FakeClock) -> None:
    await fail(slowdown, FAILURES_FREE)
    clock.pass_time(FAILURES_FREE)
    await fail(slowdown, FAILURES_FREE)
    assert clock.monotonic() == FAILURES_FREE


async def test_who_succeeds_never_waits(slowdown: Slowdown, clock: FakeClock) -> None:
    for _ in range(10 * FAILURES_FREE):
        await slowdown.take_turn(GUESSER)
        slowdown.succeeded(GUESSER)
    assert clock.monotonic() == 0


async def test_a_network_of_ipv6_counts_as_one_guesser(
    slowdown: Slowdown, clock: FakeClock
) -> None:
    for number in range(FAILURES_FREE + 3):
        await slowdown.take_turn(f"2001:db8::{number:x}")
    assert clock.monotonic() == pytest.approx(3)
    await slowdown.take_turn("2001:db8:0:1::1")
    assert clock.monotonic() == pytest.approx(3)


async def test_an_ipv4_address_is_the_same_in_ipv6_clothes(
    slowdown: Slowdown, clock: FakeClock
) -> None:
    await fail(slowdown, FAILURES_FREE)
    await slowdown.take_turn(f"::ffff:{GUESSER}")
    assert clock.monotonic() == pytest.approx(1)


async def test_on_a_unix_socket_nobody_is_slowed_for_others(
    slowdown: Slowdown, clock: FakeClock
) -> None:
    await fail(slowdown, 3 * FAILURES_FREE, "")
    assert clock.monotonic() == 0


async def test_what_is_remembered_is_bounded(slowdown: Slowdown, clock: FakeClock) -> None:
    await fail(slowdown, FAILURES_FREE)
    for number in range(ADDRESSES_MAX):
        await slowdown.take_turn(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(slowdown._paid_at) == ADDRESSES_MAX
    await fail(slowdown, FAILURES_FREE)
    assert clock.monotonic() == 0
