"""Reading a run's report: a shortfall is never overlooked, and the page shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.report import written
from tests.conformance.results import Report, read_report
from tests.conformance.runs import RUNS, Run, configuration
from tests.conformance.suite import Parts, run_suite

JUNIT = """\
<testsuites tests="5" failures="1" skipped="1">
  <testsuite name="OCI Conformance Test" tests="5" failures="1" errors="0" disabled="1" skipped="1">
    <testcase name="OCI Conformance Test/ping" status="passed"></testcase>
    <testcase name="OCI Conformance Test/image/pull" status="failure">
      <system-out>expected 200, received 500</system-out>
    </testcase>
    <testcase name="OCI Conformance Test/image/delete" status="skipped">
      <system-out>registry returned status 405</system-out>
    </testcase>
    <testcase name="OCI Conformance Test/post cancel" status="skipped">
      <system-err>skipping test: api is disabled in the configuration</system-err>
    </testcase>
  </testsuite>
</testsuites>
"""
RESULTS = """\
config:
  apis: {ping: true, blobs: {atomic: true, uploadCancel: false}}
  data: {image: true, sparse: false}
apis: {Ping: Pass, Blob get: FAIL}
data: {Image: FAIL, Sparse Manifests: Disabled}
"""


@pytest.fixture
def report(tmp_path: Path) -> Report:
    (tmp_path / "junit.xml").write_text(JUNIT)
    (tmp_path / "results.yaml").write_text(RESULTS)
    return read_report(tmp_path)


def test_counts_tell_passed_from_left_out(report: Report) -> None:
    assert (report.counts.total, report.counts.passed, report.counts.disabled) == (5, 2, 1)


def test_a_skipped_check_falls_short_like_a_failed_one(report: Report) -> None:
    assert report.counts.fallen_short == 2
    assert [case.name for case in report.shortfalls()] == ["image/pull", "image/delete"]


def test_a_shortfall_tells_the_complaint(report: Report) -> None:
    assert report.shortfalls()[0].detail == "expected 200, received 500"


def test_settings_that_are_off_are_named_with_their_section(report: Report) -> None:
    assert report.parts_off() == ["apis.blobs.uploadCancel", "data.sparse"]


def test_a_suite_that_leaves_no_report_is_an_error(tmp_path: Path) -> None:
    program = tmp_path / "suite"
    program.write_text("#!/bin/sh\necho settings are broken >&2\n")
    program.chmod(0o755)
    with pytest.raises(RuntimeError, match="settings are broken"):
        run_suite(program, "127.0.0.1:1", tmp_path, "1.1", Parts.DEFAULT)


def test_the_page_names_each_run_and_each_shortfall(report: Report) -> None:
    page = written({Run("1.1", "inmemory", Parts.DEFAULT): report})
    assert "| 1.1 | defaults | inmemory | 5 | 2 | 1 | 0 | 1 | 1 |" in page
    assert "| Blob get | fail |" in page
    assert "- image/delete: 1" in page


def test_drivers_that_disagree_are_both_told(report: Report) -> None:
    worse = Report(report.counts, (), {}, {"Ping": "FAIL"}, {})
    page = written(
        {
            Run("dev", "inmemory", Parts.EVERY): worse,
            Run("dev", "filesystem", Parts.EVERY): report,
        }
    )
    assert "| Ping | fail / pass |" in page


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_run_has_one_storage_driver_and_may_delete(run: Run) -> None:
    storage = configuration(run)["storage"]
    drivers = [name for name, value in storage.items() if name != "delete" and value is not None]
    assert drivers == ([] if run.driver == "filesystem" else ["inmemory"])
    assert storage["delete"] == {"enabled": True}
