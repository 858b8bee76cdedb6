"""Every key of the configuration has a test, or a reason why it has no effect."""

from __future__ import annotations

import ast
import itertools
from functools import cache
from pathlib import Path

import pytest

from layerstore.config.checks import NO_EFFECT, NOT_NEEDED, refusals
from layerstore.config.decode import decode
from layerstore.config.document import parse
from layerstore.config.reference import keys
from layerstore.config.storage import DRIVERS
from tests.settings.register import TESTS, keys_of, shown

ROOT = Path(__file__).parents[2]
KEYS = [key.path for key in keys()]


def covers(written: str, key: str) -> bool:
    """Whether what is written, a key or everything below a section, means this key."""
    return key == written or (written.endswith(".*") and key.startswith(written[:-1]))


def is_below(section: str, key: str) -> bool:
    """Whether a reason that is given for a key or a section holds for this key."""
    return key == section or key.startswith((f"{section}.", f"{section}[]"))


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(one.name for one in ast.walk(tree) if isinstance(one, kinds))


@pytest.mark.parametrize("key", KEYS)
def test_a_key_has_a_test_or_a_reason(key: str) -> None:
    has_test = any(covers(written, key) for written in shown())
    told = (*NO_EFFECT, *NOT_NEEDED, *refused_drivers())
    reasons = [section for section in told if is_below(section, key)]
    assert has_test or reasons, "add a test and name it in tests/settings/register.py"
    assert not (has_test and reasons), "a test shows an effect where none is told of"


@cache
def refused_drivers() -> tuple[str, ...]:
    """The sections of the storage drivers with which no server starts."""
    chosen = {name: parse(f"storage: {name}", "file").value for name in DRIVERS}
    return tuple(
        f"storage.{name}"
        for name, tree in chosen.items()
        if any(
            problem.startswith(f"storage.{name}: this version")
            for problem in refusals(decode(tree).config)
        )
    )


@pytest.mark.parametrize("test", TESTS)
def test_what_stands_in_the_register_is_there_and_speaks_of_its_keys(test: str) -> None:
    file, name = test.split("::")
    assert name in functions(file)
    text = (ROOT / file).read_text()
    for written in keys_of(test):
        assert any(covers(written, key) for key in KEYS), written
        assert written.removesuffix(".*").rpartition(".")[2] in text, written


def test_reasons_are_given_for_keys_that_there_are() -> None:
    for section, key in itertools.product(NO_EFFECT, ["no.such.key"]):
        assert not is_below(section, key)
        assert any(is_below(section, known) for known in KEYS), section
