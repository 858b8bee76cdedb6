"""One parser under inputs that reach ever more of its code: `python -m tests.fuzz.guided TARGET`.

Needs atheris, which `make fuzz-guided` installs. Whatever stands behind the target goes to
libFuzzer (`-runs=100000`, `-max_total_time=60`). What it has learnt is kept in `.fuzz/TARGET/`; a
finding is left beside it, and belongs into `tests/fuzz/found/TARGET/` once it is mended.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.fuzz.mutations import INPUT_BYTES_MAX

KEPT: Final = Path(".fuzz")
CASE_SECONDS_MAX: Final = 5
"""Watching the code costs ten times as much as running it."""


def main(name: str, *options: str) -> None:
    """Fuzz the target of that name until libFuzzer has enough."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["layerstore"]):
        targets = import_module("tests.fuzz.targets")
        target = targets.TARGETS[name]
    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(target.good):
        (corpus / f"good-{number}").write_bytes(content)
    limits = [f"-max_len={INPUT_BYTES_MAX}", f"-timeout={CASE_SECONDS_MAX}"]
    findings = f"-artifact_prefix={KEPT}/{name}-"
    atheris.Setup([sys.argv[0], *limits, findings, *options, str(corpus)], target.check)
    with targets.quietly():
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
