"""Running the OCI conformance suite against a registry: its settings, one run, where it writes.

The suite is an outside program (`tests/programs/catalogue.py` pins its version). What it found is
read in `results.py`; which server it meets is chosen in `runs.py`.
"""

from __future__ import annotations

import os
import subprocess
from enum import Enum
from pathlib import Path

from tests.conformance.results import Report, read_report

RUN_SECONDS = 240
VERSIONS = ("1.1", "dev")
"""Versions of the distribution specification; `dev` is the text that becomes the next one."""

OPTIONAL_PARTS = (
    "API_BLOBS_ATOMIC",
    "API_BLOBS_DELETE",
    "API_BLOBS_DIGEST_HEADER",
    "API_BLOBS_MOUNT_ANONYMOUS",
    "API_BLOBS_UPLOAD_CANCEL",
    "API_MANIFESTS_ATOMIC",
    "API_MANIFESTS_DELETE",
    "API_MANIFESTS_DIGEST_HEADER",
    "API_MANIFESTS_TAG_PARAM",
    "API_PING",
    "API_PULL",
    "API_PUSH",
    "API_REFERRER",
    "API_TAGS_ATOMIC",
    "API_TAGS_DELETE",
    "API_TAGS_LIST",
    "DATA_ARTIFACT",
    "DATA_ARTIFACT_LIST",
    "DATA_CUSTOM_FIELDS",
    "DATA_DATA_FIELD",
    "DATA_EMPTY_BLOB",
    "DATA_IMAGE",
    "DATA_INDEX",
    "DATA_INDEX_LIST",
    "DATA_NONDISTRIBUTABLE",
    "DATA_NO_LAYERS",
    "DATA_SHA512",
    "DATA_SPARSE",
    "DATA_SUBJECT",
    "DATA_SUBJECT_LIST",
    "DATA_SUBJECT_MISSING",
)


class Parts(Enum):
    """How much of the suite runs: what it does by default for a version, or all it can do."""

    DEFAULT = "defaults"
    EVERY = "every part"


def run_suite(program: Path, registry: str, folder: Path, version: str, parts: Parts) -> Report:
    """Run the whole suite once and read its report.

    `program` is the suite's executable, `registry` the `host:port` of a server without TLS, and
    `folder` an existing empty folder for the report's files. `version` is one of VERSIONS.
    Raises RuntimeError when the suite leaves no report (it ends with 0 on broken settings),
    subprocess.TimeoutExpired after RUN_SECONDS.
    """
    told = subprocess.run(
        [program],
        cwd=folder,
        env=_settings(registry, folder, version, parts),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    try:
        return read_report(folder)
    except FileNotFoundError as error:
        raise RuntimeError(f"the suite left no report:\n{told.stderr}") from error


def _settings(registry: str, folder: Path, version: str, parts: Parts) -> dict[str, str]:
    """The suite's environment: nothing of the caller's own OCI_* variables is left in it."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("OCI_")}
    chosen = {f"OCI_{part}": "true" for part in OPTIONAL_PARTS} if parts is Parts.EVERY else {}
    return {
        **inherited,
        **chosen,
        "OCI_REGISTRY": registry,
        "OCI_TLS": "disabled",
        "OCI_VERSION": version,
        "OCI_RESULTS_DIR": str(folder),
    }
