"""docs/protocol.md says what the code does."""

import re
from pathlib import Path

from layerstore.api import calls
from layerstore.api.calls import Call
from layerstore.api.errors import status_of
from layerstore.oci.errors import SeveralErrors
from tests.unit.api.test_errors import classes

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()


def test_every_code_stands_there_with_every_status_that_it_has() -> None:
    told = set(re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", DOCUMENT, re.MULTILINE))
    made = {
        (kind.code, str(status_of(kind.__new__(kind))))
        for kind in classes()
        if kind is not SeveralErrors
    }
    assert told == made


def test_an_answer_that_has_no_code_stands_there_too() -> None:
    """A 412 is empty (tests/wire: `If-Match` of blobs and manifests)."""
    assert re.search(r"^\| – \| 412 \| .*no body", DOCUMENT, re.MULTILINE)


def test_every_endpoint_of_the_specification_stands_there() -> None:
    ends = {
        end
        for kind in vars(calls).values()
        if isinstance(kind, type) and issubclass(kind, Call) and "end" in vars(kind)
        for end in kind.end.split(", ")
    }
    assert ends - {"-"} == {f"end-{number}" for number in range(1, 15)}
    missing = {end for end in ends - {"-"} if not re.search(rf"{end}\b|{end}[abc]\b", DOCUMENT)}
    assert missing == set()
