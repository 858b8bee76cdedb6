"""`python -m tests.conformance.report [FILE]`: conduct every run, write what was found as Markdown.

Two reports on the same code by the same suite are the same to the byte: nothing in them is a time,
a path, a port or a name made by chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tests.conformance.results import Report
from tests.conformance.runs import RUNS, Run, conduct
from tests.programs.catalogue import GoModule, named

Reports = Mapping[Run, Report]

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
INTRODUCTION = """\
# Conformance

What the conformance suite of the OCI distribution specification finds when it is let loose on
Layerstore. `make conformance-report` conducts every run and writes this page; the same runs are
part of `make test`, which fails unless every case passes.

The suite is the Go module `{module}` at `{version}`.

- **defaults**: the suite's own defaults for that version of the specification, on
  [`defaults.yml`](../tests/conformance/defaults.yml): ours, and beside them deletion and the URLs
  of layers that may not be distributed.
- **every part**: every optional part of the suite on, on
  [`open.yml`](../tests/conformance/open.yml), which also admits manifests whose references are not
  there.

*Skipped* counts what the registry said it does not support; here that is a shortfall like a
failure. *Off* counts what the suite leaves out by its own defaults for that version.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page. The answer is the exit code: 1 when any run fell short."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.report", description=__doc__)
    parser.add_argument("page", nargs="?", type=Path, default=PAGE, metavar="FILE")
    page: Path = parser.parse_args(arguments).page
    reports = {run: _conducted(run) for run in RUNS}
    page.write_text(written(reports), encoding="utf-8")
    return 1 if any(report.counts.fallen_short for report in reports.values()) else 0


def written(reports: Reports) -> str:
    """The page for these runs."""
    origin = named("conformance").origin
    assert isinstance(origin, GoModule)
    return "\n".join(
        [
            INTRODUCTION.format(module=origin.path, version=origin.version),
            "## Runs\n",
            *_table_of_runs(reports),
            "\n## Endpoints\n",
            *_table_of_statuses("endpoint", reports, lambda report: report.apis),
            "\n## Content\n",
            *_table_of_statuses("content", reports, lambda report: report.content),
            *_shortfalls(reports),
            "",
        ]
    )


def _conducted(run: Run) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        report = conduct(run, Path(folder))
    print(f"{run}: {report.counts}", file=sys.stderr, flush=True)
    return report


def _table_of_runs(reports: Reports) -> Iterable[str]:
    yield "| version | suite | driver | checks | passed | failed | errors | skipped | off |"
    yield "|---|---|---|--:|--:|--:|--:|--:|--:|"
    for run, report in reports.items():
        c = report.counts
        numbers = (c.total, c.passed, c.failed, c.errors, c.skipped, c.disabled)
        yield _row(run.version, run.parts.value, run.driver, *map(str, numbers))


def _table_of_statuses(
    title: str, reports: Reports, statuses: Callable[[Report], Mapping[str, str]]
) -> Iterable[str]:
    """A row for each name, a column for each kind of run; drivers that disagree share a cell."""
    kinds = list(dict.fromkeys((run.version, run.parts) for run in reports))
    yield _row(title, *(f"{version}, {parts.value}" for version, parts in kinds))
    yield "|---" * (len(kinds) + 1) + "|"
    for name in sorted({name for report in reports.values() for name in statuses(report)}):
        yield _row(name, *(_told(name, kind, reports, statuses) for kind in kinds))


def _told(
    name: str,
    kind: tuple[object, object],
    reports: Reports,
    statuses: Callable[[Report], Mapping[str, str]],
) -> str:
    found = {
        statuses(report).get(name, "").lower().replace("disabled", "off")
        for run, report in reports.items()
        if (run.version, run.parts) == kind
    }
    return " / ".join(sorted(found))


def _shortfalls(reports: Reports) -> Iterable[str]:
    """The names of the cases that fell short, each with how often; nothing where none did."""
    for run, report in reports.items():
        names = [case.name for case in report.shortfalls()]
        if names:
            yield f"\n## Short: {run}\n"
            yield from (f"- {name}: {names.count(name)}" for name in sorted(set(names)))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
