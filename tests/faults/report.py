"""Put what `make faults` counted into docs/reliability.md, between its marked lines."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.faults.counts import CACHE, Count

PAGE: Final = Path("docs/reliability.md")
KEPT: Final = Path(".pytest_cache/v") / CACHE
BEGIN: Final = "<!-- figures -->"
END: Final = "<!-- /figures -->"


def main() -> int:
    """Write the page anew from what is kept; 1 when nothing is."""
    counts = kept_counts(KEPT)
    if not counts:
        print("nothing is counted yet: run `make faults`", file=sys.stderr)
        return 1
    PAGE.write_text(filled(PAGE.read_text(), counts))
    return 0


def kept_counts(folder: Path) -> list[Count]:
    """What the long forms of all tests counted last; of tests whose file is gone, nothing."""
    return [
        Count(kept["test"], what, number)
        for file in sorted(folder.glob("*"))
        for kept in [json.loads(file.read_text())]
        for what, number in kept["counts"].items()
        if Path(kept["test"].partition("::")[0]).exists()
    ]


def filled(page: str, counts: Iterable[Count]) -> str:
    """The page with the table of figures between its marked lines. Raises ValueError without."""
    if BEGIN not in page or END not in page:
        raise ValueError(f"the page has no lines {BEGIN} and {END}")
    table = "\n".join([BEGIN, *_rows(counts), END])
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    return re.sub(pattern, lambda _: table, page, flags=re.DOTALL)


def _rows(counts: Iterable[Count]) -> Iterator[str]:
    """A row for each thing that a file of tests tried, summed over its tests."""
    total: dict[tuple[str, str], int] = {}
    for count in counts:
        key = (count.test.partition("::")[0], count.what)
        total[key] = total.get(key, 0) + count.number
    yield "| tests | tried | times |"
    yield "|---|---|--:|"
    for (file, what), number in sorted(total.items()):
        yield f"| [`{Path(file).name}`](../{file}) | {what} | {number:,} |"


if __name__ == "__main__":
    sys.exit(main())
