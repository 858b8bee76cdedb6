"""What one run of the conformance suite found, read from the files that it leaves.

`junit.xml` has the cases and their counts, `results.yaml` the settings that were in force and one
word for each API and each kind of content. This file starts nothing.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DETAIL_CHARACTERS = 600
ROOT_NAME = "OCI Conformance Test/"
DISABLED = "is disabled in the configuration"
"""How the suite words a case that its own settings left out; the XML calls it skipped."""


@dataclass(frozen=True)
class Counts:
    """How many checks ended how. A check is smaller than a case: deleting and looking are two."""

    total: int
    failed: int
    errors: int
    skipped: int
    disabled: int

    @property
    def passed(self) -> int:
        return self.total - self.failed - self.errors - self.skipped - self.disabled

    @property
    def fallen_short(self) -> int:
        """Everything that neither passed nor was left out by the suite's settings."""
        return self.failed + self.errors + self.skipped


@dataclass(frozen=True)
class Case:
    """One case of the suite; `detail` is what it complains of."""

    name: str
    status: str
    detail: str


@dataclass(frozen=True)
class Report:
    """One run. `settings` are those that were in force; `apis` and `content` map to a status."""

    counts: Counts
    cases: tuple[Case, ...]
    settings: Mapping[str, Any]
    apis: Mapping[str, str]
    content: Mapping[str, str]

    def shortfalls(self) -> list[Case]:
        """The cases that did not pass, in the suite's order, without those it was told to omit."""
        return [case for case in self.cases if case.status != "passed" and not _left_out(case)]

    def parts_off(self) -> list[str]:
        """The settings of the suite that are off, as `apis.blobs.uploadCancel`."""
        return sorted(_names_of_false("", self.settings))


def read_report(folder: Path) -> Report:
    """The report that a run left in `folder`. Raises FileNotFoundError where there is none."""
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite is not None, "the suite's own format: one testsuite"
    written: dict[str, Any] = yaml.safe_load((folder / "results.yaml").read_bytes())
    return Report(
        counts=_counts(suite),
        cases=tuple(_case(found) for found in suite.findall("testcase")),
        settings={part: written["config"][part] for part in ("apis", "data")},
        apis=written["apis"],
        content=written["data"],
    )


def _counts(suite: ElementTree.Element) -> Counts:
    def number(attribute: str) -> int:
        return int(suite.get(attribute, "0"))

    return Counts(
        total=number("tests"),
        failed=number("failures"),
        errors=number("errors"),
        skipped=number("skipped"),
        disabled=number("disabled"),
    )


def _case(found: ElementTree.Element) -> Case:
    complaint = found.findtext("system-out") or found.findtext("system-err") or ""
    name = found.get("name", "").removeprefix(ROOT_NAME)
    return Case(name, found.get("status", ""), complaint.strip()[:DETAIL_CHARACTERS])


def _left_out(case: Case) -> bool:
    return case.status == "skipped" and DISABLED in case.detail


def _names_of_false(prefix: str, settings: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            names += _names_of_false(f"{prefix}{name}.", value)
        elif value is False:
            names.append(prefix + name)
    return names
