"""The recorder notes what the kernel sees: as many calls of each kind, on the same folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from tests.faults.crash_points import record
from tests.faults.recording import Cut, Linked, Made, Noted, Removed, Renamed, Synced, Written
from tests.programs import need

TRACED: Final = (
    "mkdir,mkdirat,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,"
    "fsync,fdatasync,syncfs,sync,rename,renameat,renameat2,link,linkat,symlinkat,mknodat,"
    "unlink,unlinkat,rmdir,fallocate,copy_file_range,sendfile"
)
KINDS: Final = {
    "mkdir": Made,
    "creat": Made,
    "open": Made,
    "write": Written,
    "pwrite": Written,
    "truncate": Cut,
    "ftruncate": Cut,
    "fsync": Synced,
    "fdatasync": Synced,
    "syncfs": Synced,
    "rename": Renamed,
    "link": Linked,
    "unlink": Removed,
    "rmdir": Removed,
}
"""What a successful call of the system is in a recording; every other kind must not occur."""

_CALL: Final = re.compile(r"^\d+ +(?P<name>\w+)\((?P<rest>.*)\) += (?P<result>-?\d+)")


def test_the_kernel_saw_what_was_recorded_and_no_call_more(tmp_path: Path) -> None:
    root, trace, noted = tmp_path / "watched-root", tmp_path / "trace", tmp_path / "noted"
    root.mkdir()
    traced: list[str | Path] = [need("strace"), "-f", "-y", "-qq", "-s", "0", "-e"]
    traced += [f"trace={TRACED}", "-o", trace]
    telling = [sys.executable, "-m", "tests.faults.test_crash_record"]
    subprocess.run([*traced, *telling, root, noted], check=True, timeout=120)
    seen = _seen(trace.read_text().splitlines(), root)
    assert seen == Counter(json.loads(noted.read_text()))
    assert seen["Synced"]
    assert seen["Renamed"]


def _seen(lines: list[str], root: Path) -> Counter[str]:
    """How often the kernel changed or synced something below the root, by kind."""
    seen: Counter[str] = Counter()
    for line in _joined(lines):
        call = _CALL.match(line)
        if call is None or call["result"].startswith("-") or str(root) not in line:
            continue
        name = re.sub(r"(at2?|64|v2?)$", "", call["name"])
        if name == "open" and "O_CREAT" not in call["rest"]:
            continue
        seen[KINDS[name].__name__] += 1
    return seen


def _joined(lines: list[str]) -> list[str]:
    """Calls that another thread interrupted stand in two lines."""
    whole: list[str] = []
    begun: dict[str, str] = {}
    for line in lines:
        process = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>").rstrip()
        elif (resumed := re.search(r"<\.\.\. \w+ resumed>", line)) is not None:
            whole.append(begun.pop(process) + line[resumed.end() :])
        else:
            whole.append(line)
    return whole


def main(root: str, noted: str) -> None:
    """Record the story on `root`, and note how often each kind of event happened."""
    events = record(Path(root)).events
    counts = Counter(type(event).__name__ for event in events if not isinstance(event, Noted))
    Path(noted).write_text(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
