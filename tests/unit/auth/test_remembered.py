"""What fitted a moment ago, and whose that was."""

from layerstore.auth.remembered import SECONDS_REMEMBERED, SUCCESSES_MAX, Remembered
from tests.fakes import FakeClock

ALICE = (b"alice", b"secret")


def test_a_success_is_remembered_for_a_minute() -> None:
    clock = FakeClock()
    remembered = Remembered(clock)
    key = remembered.key(*ALICE, b"line")
    assert not remembered.knows(key)
    remembered.add(key)
    clock.pass_time(SECONDS_REMEMBERED - 0.001)
    assert remembered.knows(key)
    clock.pass_time(0.001)
    assert not remembered.knows(key)


def test_no_two_callers_share_a_key() -> None:
    """Bug museum 18: names that differ by a prefix or a separator."""
    remembered = Remembered(FakeClock())
    parts = ("", "a", "b", "ab", "a:", ":b", "a\x00", "\x00b", "\x01a")
    keys = {
        remembered.key(user.encode(), password.encode(), line.encode())
        for user in parts
        for password in parts
        for line in parts
    }
    assert len(keys) == len(parts) ** 3


def test_a_key_tells_nobody_a_password() -> None:
    one, other = (Remembered(FakeClock(seed)).key(*ALICE, b"line") for seed in (1, 2))
    assert one != other


def test_what_is_remembered_is_bounded_and_the_oldest_goes() -> None:
    remembered = Remembered(FakeClock())
    keys = [remembered.key(b"%d" % n, b"", b"line") for n in range(SUCCESSES_MAX + 1)]
    for key in keys:
        remembered.add(key)
    assert not remembered.knows(keys[0])
    assert all(map(remembered.knows, keys[1:]))
