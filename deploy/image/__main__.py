"""`python -m deploy.image [--output FILE] [--tag TAG]`: write the image as one file."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.image.build import ImageImpossible, build
from deploy.image.debian import PackageUnusable
from deploy.image.libraries import LibraryUnusable

OUTPUT_DEFAULT = Path("dist/layerstore-image.tar")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build once. The answer is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image", description=__doc__)
    parser.add_argument("--output", type=Path, default=OUTPUT_DEFAULT, help="default: %(default)s")
    parser.add_argument("--tag", default="", help="default: the version")
    asked = parser.parse_args(arguments)
    try:
        digest = build(asked.output, asked.tag)
    except (ImageImpossible, PackageUnusable, LibraryUnusable) as error:
        sys.stderr.write(f"image: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        told = (error.stderr or b"").decode(errors="replace").strip()
        sys.stderr.write(f"image: {error}\n{told}\n")
        return 1
    sys.stdout.write(f"{asked.output}  {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
