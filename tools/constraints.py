"""Writes constraints.txt: the versions installed in this environment, without any address."""

from importlib.metadata import distributions
from pathlib import Path

HEAD = (
    "# Every version that the set-up installs, without download addresses. "
    "Renewed by 'make constraints'.\n"
)
OWN = {"layerstore", "pip", "setuptools"}


def main() -> None:
    pins = {
        f"{found.metadata['Name']}=={found.version}"
        for found in distributions()
        if found.metadata["Name"] not in OWN
    }
    lines = sorted(pins, key=str.lower)
    Path("constraints.txt").write_text(HEAD + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
