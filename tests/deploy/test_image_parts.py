"""What makes the image the same on every machine, and what refuses to make another one."""

from __future__ import annotations

import os
import tarfile
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path

import pytest

from deploy.image import debian, libraries
from deploy.image.build import own_layer
from deploy.image.debian import PackageUnusable
from deploy.image.layers import Owned, layer
from tests.programs import need

EPOCH = 1_000_000_000


def tree(root: Path, mask: int, moment: int) -> Path:
    """The same content, made by another user at another time."""
    before = os.umask(mask)
    try:
        (root / "bin").mkdir(parents=True)
        (root / "bin/tool").write_text("#!/bin/sh\n")
        (root / "bin/tool").chmod(0o777 & ~mask)
        (root / "kept").mkdir()
        (root / "kept/file").write_text("content")
        (root / "link").symlink_to("bin/tool")
        for path in root.rglob("*"):
            os.utime(path, (moment, moment), follow_symlinks=False)
    finally:
        os.umask(before)
    return root


def test_a_layer_is_the_same_whoever_makes_it_and_when(tmp_path: Path) -> None:
    one = layer(tree(tmp_path / "one", 0o022, EPOCH - 5), EPOCH)
    other = layer(tree(tmp_path / "other", 0o077, EPOCH + 5), EPOCH)
    assert one == other
    assert one.digest != layer(tmp_path / "one", EPOCH + 1).digest


def test_the_same_sources_make_the_same_layer_of_compiled_files(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        made.append(own_layer(tmp_path / name, EPOCH)[1].digest)
    assert made[0] == made[1]


def test_in_a_layer_everything_is_of_root_but_for_what_is_named(tmp_path: Path) -> None:
    made = layer(tree(tmp_path, 0o022, EPOCH), EPOCH, {"kept": Owned(7, 0o700)})
    with tarfile.open(fileobj=BytesIO(made.content)) as tar:
        found = {entry.name: (entry.uid, entry.mode, entry.mtime) for entry in tar}
    assert found == {
        "bin": (0, 0o755, EPOCH),
        "bin/tool": (0, 0o755, EPOCH),
        "kept": (7, 0o700, EPOCH),
        "kept/file": (0, 0o644, EPOCH),
        "link": (0, 0o777, EPOCH),
    }


def test_a_package_that_is_not_there_is_named_with_how_to_get_it() -> None:
    need("python3")
    with pytest.raises(PackageUnusable, match="apt-get install no-such-package"):
        debian.packages(["no-such-package"])


def test_a_package_brings_what_it_needs_and_not_what_only_installs_it() -> None:
    need("update-ca-certificates")
    found = {package.plain_name for package in debian.packages(["ca-certificates", "libc6"])}
    assert {"ca-certificates", "libc6", "libgcc-s1"} <= found
    assert found.isdisjoint(debian.NOT_NEEDED)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("bin/sh", "usr/bin/sh"),
        ("lib64/ld.so", "usr/lib64/ld.so"),
        ("library/x", "library/x"),
        ("usr/bin/env", "usr/bin/env"),
    ],
)
def test_files_stand_where_a_merged_usr_has_them(path: str, place: str) -> None:
    assert debian.merged(path) == place


def test_libraries_are_those_that_layerstore_needs_and_no_tools() -> None:
    names = {
        found.metadata["Name"].lower() for found in libraries.needed(distribution("layerstore"))
    }
    assert {"granian", "click", "cffi", "bcrypt"} <= names
    assert names.isdisjoint({"pytest", "mypy", "layerstore"})


def test_of_a_library_for_every_service_of_amazon_only_the_needed_ones_are_taken(
    tmp_path: Path,
) -> None:
    libraries.copy(distribution("botocore"), tmp_path)
    services = {path.name for path in (tmp_path / "botocore/data").iterdir() if path.is_dir()}
    assert {"s3", "sts"} <= services
    assert len(services) < 10
    assert (tmp_path / "botocore/data/endpoints.json").exists()
