"""`python -m tests.programs install [NAME…]` and `python -m tests.programs list [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from tests.programs.catalogue import PROGRAMS, Program, named
from tests.programs.finding import find, programs_are_required, version
from tests.programs.install import install


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. The answer is the exit code.

    A program that could not be installed is named with a hint; it makes `install` fail only
    where LAYERSTORE_NEED_PROGRAMS=1 says that every program is needed.
    """
    asked = _parser().parse_args(arguments)
    if asked.command == "list":
        _list(as_json=asked.json)
        return 0
    return _install([named(name) for name in asked.names] or list(PROGRAMS))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.programs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser("install", help="install what is missing, as far as possible")
    every_name = [program.name for program in PROGRAMS]
    installing.add_argument("names", nargs="*", metavar="NAME", help=", ".join(every_name))
    listing = commands.add_parser("list", help="say what is there, and its version")
    listing.add_argument("--json", action="store_true")
    return parser


def _install(programs: list[Program]) -> int:
    missing = install(programs)
    for program in missing:
        print(f"missing: {program.name}; {program.hint}", file=sys.stderr)
    print(f"{len(programs) - len(missing)} of {len(programs)} programs are there")
    return 1 if missing and programs_are_required() else 0


def _list(*, as_json: bool) -> None:
    rows = [_row(program) for program in PROGRAMS]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print(f"{row['name']:16}{row['path'] or 'missing; ' + row['hint']}  {row['version']}")


def _row(program: Program) -> dict[str, str]:
    path = find(program.name)
    return {
        "name": program.name,
        "path": str(path) if path else "",
        "version": version(program),
        "hint": program.hint,
    }


if __name__ == "__main__":
    sys.exit(main())
