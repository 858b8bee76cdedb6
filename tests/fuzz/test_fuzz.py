"""Every parser under inputs near good ones: a second of each, or its share of a million cases.

No error but the room's own, what is built is parsed again, and no case takes longer than it may.
A finding names its seed and its input; `tests/fuzz/found/` keeps inputs that once were findings.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.counts import Counted
from tests.fuzz.mutations import Mutator
from tests.fuzz.targets import TARGETS, quietly

CASES = int(os.environ.get("LAYERSTORE_FUZZ_CASES", "0"))
"""Cases of each target; 0: as many as fit into SECONDS."""

SHARES = {"variables": 0.02, "configurations": 0.1, "signatures": 0.2}
"""Of targets that take much longer than others, fewer cases are tried."""

SEED = int(os.environ.get("LAYERSTORE_FUZZ_SEED", "1"))
SECONDS = 1.0
CASE_SECONDS_MAX = 0.5
"""Time of the processor for one case of at most 64 KiB."""

FOUND = Path(__file__).with_name("found")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with quietly():
        yield


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_is_answered_but_in_words(name: str, counted: Counted) -> None:
    target = TARGETS[name]
    inputs = Mutator(SEED, target.good).inputs()
    over = time.monotonic() + SECONDS
    number = 0
    cases = int(CASES * SHARES.get(name, 1))
    for content in islice(inputs, cases) if cases else inputs:
        check(name, content)
        number += 1
        if not cases and time.monotonic() > over:
            break
    counted(f"cases of {name.replace('_', ' ')}", number)
    assert number >= len(target.good)


def check(name: str, content: bytes) -> None:
    began = time.process_time()
    try:
        TARGETS[name].check(content)
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__} at {content[:2000]!r}") from error
    spent = time.process_time() - began
    assert spent < CASE_SECONDS_MAX, f"{name}: {spent:.2f} s for {content[:2000]!r}"


FINDINGS = sorted(FOUND.glob("*/*"))


@pytest.mark.parametrize("path", FINDINGS, ids=[f"{p.parent.name}-{p.name}" for p in FINDINGS])
def test_what_was_found_once_stays_mended(path: Path) -> None:
    check(path.parent.name, path.read_bytes())
