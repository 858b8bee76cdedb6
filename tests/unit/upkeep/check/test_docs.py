"""What can be found is documented, with its weight."""

from pathlib import Path

from layerstore.upkeep.check.findings import SEVERITIES, Kind

PAGE = Path(__file__).parents[4] / "docs" / "reliability.md"


def rows() -> dict[str, str]:
    """The weight of every kind in the table."""
    cells = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {
        kind.strip("|` "): weight
        for kinds, weight, *_ in (cell for cell in cells if len(cell) == 4)
        for kind in kinds.split(", ")
    }


def test_every_kind_of_finding_is_in_the_table_with_its_weight() -> None:
    documented = rows()
    assert {kind: documented.get(kind) for kind in Kind} == SEVERITIES
