"""What an unknown name costs: exactly the work that a wrong password of a known one does.

The work is counted, not timed, so that nothing here depends on how busy the machine is; one coarse
look at the clock is in `test_htpasswd.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from layerstore.auth import passwords
from layerstore.auth.htpasswd import HtpasswdAuthority
from tests.fakes import FakeClock
from tests.unit.auth.headers import basic, challenge_of

CHEAP, DEAR = 4, 6
UNKNOWN = [f"unknown-{number}" for number in range(40)]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The costs of the hashes that were compared with, in order."""
    done: list[int] = []
    real = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        done.append(passwords.cost(hashed) or 0)
        return real(password, hashed)

    monkeypatch.setattr("bcrypt.checkpw", counted)
    return done


def line(name: str, cost: int) -> str:
    return f"{name}:{bcrypt.hashpw(name.encode(), bcrypt.gensalt(cost)).decode()}\n"


@pytest.fixture(params=[[CHEAP], [DEAR], [CHEAP, DEAR]], ids=str)
def costs(request: pytest.FixtureRequest) -> list[int]:
    chosen: list[int] = request.param
    return chosen


@pytest.fixture
def authority(tmp_path: Path, costs: list[int]) -> Iterator[HtpasswdAuthority]:
    path = tmp_path / "htpasswd"
    path.write_text("".join(line(f"known-{cost}", cost) for cost in costs))
    authority = HtpasswdAuthority(path, "x", FakeClock())
    yield authority
    authority.close()


async def spent(authority: HtpasswdAuthority, work: list[int], name: str, password: str) -> int:
    """The cost of the one comparison that an attempt makes."""
    before = len(work)
    await challenge_of(authority, basic(name, password), peer="")
    (cost,) = work[before:]
    return cost


async def test_an_unknown_name_costs_one_comparison_as_dear_as_that_of_some_user(
    authority: HtpasswdAuthority, costs: list[int], work: list[int]
) -> None:
    known = [await spent(authority, work, f"known-{cost}", "wrong") for cost in costs]
    unknown = Counter([await spent(authority, work, name, "wrong") for name in UNKNOWN])
    assert known == costs
    assert set(unknown) == set(costs)


async def test_a_name_costs_the_same_each_time(
    authority: HtpasswdAuthority, work: list[int]
) -> None:
    """Or the mean of several attempts would tell what a single one does not."""
    for name in UNKNOWN[:5]:
        seen = {await spent(authority, work, name, f"wrong {attempt}") for attempt in range(5)}
        assert len(seen) == 1


@pytest.mark.parametrize("password", ["", "p", "x" * 72, "x" * 5_000, "with\x00zero"])
async def test_the_password_makes_no_difference(
    password: str, authority: HtpasswdAuthority, costs: list[int], work: list[int]
) -> None:
    known = await spent(authority, work, f"known-{costs[0]}", password)
    unknown = await spent(authority, work, UNKNOWN[0], password)
    assert known == costs[0]
    assert unknown in costs


async def test_both_are_told_the_same(authority: HtpasswdAuthority, costs: list[int]) -> None:
    known = await challenge_of(authority, basic(f"known-{costs[0]}", "wrong"))
    assert known == await challenge_of(authority, basic("unknown", "wrong"))
