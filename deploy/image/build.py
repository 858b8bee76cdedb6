"""What is in the image, and how it runs: what registry:2 and registry:3 have, but not as root.

Three layers, the one that changes least first: Debian's packages, the libraries, Layerstore.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any, Final

from deploy.image import debian, libraries
from deploy.image.archive import image_config, write
from deploy.image.layers import Layer, Owned, layer

NAME: Final = "layerstore"
USER: Final = 65532
"""User and group that the registry runs as: a number, so that it can be seen not to be root."""

EPOCH_WITHOUT_HISTORY: Final = 315_532_800
"""1980, for sources that do not say when they were made."""

_PROJECT: Final = Path(__file__).resolve().parents[2]
_FILES: Final = Path(__file__).with_name("files")
_PYTHON: Final = "/usr/bin/python3"
_PACKAGES: Final = (
    "base-files",
    "busybox",
    "ca-certificates",
    "libc-bin",
    "libpython3-stdlib",
    "netbase",
    "python3-minimal",
)
_STORAGE: Final = "var/lib/registry"
_CONFIGURATION: Final = "etc/docker/registry/config.yml"
_BUNDLE: Final = "etc/ssl/certs/ca-certificates.crt"
_ACCOUNTS: Final = {
    "etc/passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        f"registry:x:{USER}:{USER}:registry:/{_STORAGE}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "etc/group": f"root:x:0:\nregistry:x:{USER}:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
_FOLDERS: Final = {
    "root": Owned(0, 0o700),
    "tmp": Owned(0, 0o1777),
    _STORAGE: Owned(USER, 0o755),
}
_SECOND_NS: Final = 1_000_000_000


class ImageImpossible(Exception):
    """This machine cannot make the image; the text says why."""


def build(target: Path, tag: str) -> str:
    """Write the image to the file `target`; the digest of its manifest.

    Raises ImageImpossible, PackageUnusable, LibraryUnusable, CalledProcessError.
    """
    _check_python()
    epoch = _epoch()
    with tempfile.TemporaryDirectory(prefix="layerstore-image-") as name:
        folder = Path(name)
        own, top = own_layer(folder, epoch)
        layers = [
            ("packages of Debian", layer(_debian_folder(folder / "debian"), epoch, _FOLDERS)),
            ("libraries", layer(_library_folder(folder / "libraries", own), epoch)),
            (f"{NAME} {own.version}", top),
        ]
        config = image_config(_config(own), layers, debian.architecture(), epoch)
        name = f"{NAME}:{tag or own.version}"
        return write(target, config, [content for _, content in layers], name)


def _check_python() -> None:
    """Libraries are built for one version of Python: this environment's."""
    asking = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        told = subprocess.run([_PYTHON, "-c", asking], capture_output=True, text=True, check=True)
    except OSError as error:
        raise ImageImpossible("Debian's Python is needed: apt-get install python3") from error
    here, there = f"{sys.version_info[0]}.{sys.version_info[1]}", told.stdout.strip()
    if here != there:
        raise ImageImpossible(
            f"the environment has Python {here} and the image would have Debian's {there}: "
            f"make clean, then PYTHON={_PYTHON} make image"
        )


def _epoch() -> int:
    """When the sources were made: SOURCE_DATE_EPOCH, or the last commit."""
    said = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")
    return int(said) if said else EPOCH_WITHOUT_HISTORY


def _git(*arguments: str) -> str:
    """What git says of these sources; nothing where they are no repository, or git is missing."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "-C", str(_PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _debian_folder(root: Path) -> Path:
    for package in debian.packages(_PACKAGES):
        debian.copy(package, root)
    debian.link_merged_folders(root)
    for name in ("dev", "proc", "root", "run", "sys", "tmp", "var/tmp"):
        (root / name).mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    shutil.copy("/etc/debian_version", root / "etc/debian_version")
    for name, text in _ACCOUNTS.items():
        _put(root / name, text)
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    _put(root / _BUNDLE, "".join(path.read_text() for path in authorities))
    _link_tools(root / "usr/bin")
    _compile(root)
    return root


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _link_tools(folder: Path) -> None:
    """A shell and its tools, as far as no package brings better ones."""
    busybox = folder / "busybox"
    told = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for name in told.stdout.split():
        if not (folder / name).exists() and not (folder.parent / "sbin" / name).exists():
            (folder / name).symlink_to("busybox")


def _compile(root: Path) -> None:
    """Python's files are compiled here: the registry may not write beside them."""
    options = ["-f", "-q", "-q", "-p", "/", "--invalidation-mode", "unchecked-hash"]
    command: list[str | Path] = [_PYTHON, "-m", "compileall", *options, "-s", root, root]
    steady = {"PYTHONHASHSEED": "0"}
    subprocess.run(command, cwd="/", env=steady, capture_output=True, check=True)


def _site(root: Path) -> Path:
    return root / f"usr/local/lib/python{sys.version_info[0]}.{sys.version_info[1]}/dist-packages"


def _library_folder(root: Path, own: Distribution) -> Path:
    for library in libraries.needed(own):
        libraries.copy(library, _site(root))
    _compile(root)
    return root


def own_layer(folder: Path, epoch: int) -> tuple[Distribution, Layer]:
    """Layerstore itself, made in the empty `folder`, where it stays. Raises CalledProcessError."""
    own = _own_folder(folder / "own", libraries.build_wheel(_PROJECT, folder / "wheel", epoch))
    return own, layer(folder / "own", epoch, _FOLDERS)


def _own_folder(root: Path, wheel: Path) -> Distribution:
    own = libraries.unpack(wheel, _site(root))
    libraries.write_commands(own, root / "usr/local/bin", _PYTHON)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/registry").symlink_to(
        "/usr/local/bin/registry"
    )  # the original's /bin/registry
    shutil.copy(_FILES / "entrypoint.sh", root / "entrypoint.sh")
    _put(root / _CONFIGURATION, (_FILES / "config.yml").read_text())
    (root / "etc/distribution").symlink_to("docker/registry")
    (root / _STORAGE).mkdir(parents=True)
    _compile(root)
    return own


def _config(own: Distribution) -> dict[str, Any]:
    """How the image is run, and what it says of itself."""
    return {
        "User": f"{USER}:{USER}",
        "ExposedPorts": {"5000/tcp": {}},
        "Env": [
            "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin",
            f"REGISTRY_CONFIGURATION_PATH=/{_CONFIGURATION}",
            f"SSL_CERT_FILE=/{_BUNDLE}",
        ],
        "Entrypoint": ["/entrypoint.sh"],
        "Cmd": [f"/{_CONFIGURATION}"],
        "Healthcheck": {
            "Test": ["CMD", "registry", "health"],
            "Interval": 30 * _SECOND_NS,
            "Timeout": 10 * _SECOND_NS,
            "StartPeriod": 20 * _SECOND_NS,
            "Retries": 3,
        },
        "Volumes": {f"/{_STORAGE}": {}},
        "WorkingDir": "/",
        "Labels": {
            "org.opencontainers.image.title": "Layerstore",
            "org.opencontainers.image.description": own.metadata["Summary"],
            "org.opencontainers.image.version": own.version,
            "org.opencontainers.image.revision": _git("rev-parse", "HEAD") or own.version,
            "org.opencontainers.image.licenses": own.metadata["License-Expression"],
        },
        "StopSignal": "SIGTERM",
    }
