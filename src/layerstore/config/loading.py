"""From a file and variables to a configuration: the one way in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import inspect

from layerstore.config.checks import cautions, notices, refusals
from layerstore.config.decode import decode
from layerstore.config.document import DOCUMENT_BYTES_MAX, Scalar, Series, Table, Value, parse
from layerstore.config.errors import ConfigError
from layerstore.config.shape import as_table, field_of, plain, struct_of
from layerstore.config.storage import DRIVERS
from layerstore.config.tree import Config
from layerstore.config.variables import PATH_VARIABLE, override

SYSTEM_FOLDER: Final = "/var/lib/registry"
"""Where root stores without a file, as the original does."""

OWN_FOLDER: Final = "layerstore-data"
"""Where anybody else does, below the present folder."""

WITHOUT_FILE: Final = "default without a file"

_DEFAULTS: Final = """
http: {addr: 'localhost:5000'}
storage: {delete: {enabled: true}}
validation: {manifests: {urls: {allow: ['.*']}}}
"""

_MAJOR: Final = 0
_MINOR_MAX: Final = 1


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, what to tell its owner, and where its values come from.

    `origins` maps the path of a key to a line of the file or the name of a variable; a key that is
    not there has its default.
    """

    config: Config
    warnings: tuple[str, ...]
    origins: Mapping[str, str]


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """The configuration to serve with; without a path that of `REGISTRY_CONFIGURATION_PATH`.

    Without either it is that of decisions 9. Raises ConfigError for what cannot be read, for what
    makes no sense, and for what asks for something without which serving would be wrong.
    """
    loaded = read(path, environ)
    refused = refusals(loaded.config)
    if refused:
        raise ConfigError(*refused)
    return loaded


def read(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """The configuration as it is written, whether or not it can be served. Raises ConfigError."""
    named = environ.get(PATH_VARIABLE)
    if path is None and named:
        path = Path(named)
    return _read(path, environ, as_root=os.geteuid() == 0)


def defaults_without_file(*, as_root: bool) -> Config:
    """What is served with when nobody says anything (decisions 9)."""
    return _read(None, {}, as_root=as_root).config


def _read(path: Path | None, environ: Mapping[str, str], *, as_root: bool) -> Loaded:
    tree, warnings = _document(path) if path is not None else (Table({}, WITHOUT_FILE), [])
    overridden = override(tree, environ)
    tree = _with_log_level(overridden.tree)
    if path is None:
        tree = _completed(tree, SYSTEM_FOLDER if as_root else OWN_FOLDER)
    decoded = decode(tree)
    read = (*warnings, *overridden.warnings, *decoded.warnings)
    told = (*read, *notices(decoded.origins), *cautions(decoded.config))
    return Loaded(decoded.config, told, decoded.origins)


def _with_log_level(tree: Table) -> Table:
    """The tree with `log.level` from its former key, where only that is there."""
    former, log = tree.entries.get("loglevel"), tree.entries.get("log")
    if not isinstance(former, Scalar) or isinstance(log, Series):
        return tree
    return tree.put("log", _filled(log, Table({"level": former}, former.origin)))


def _document(path: Path) -> tuple[Table, list[str]]:
    document = parse(_text(path), str(path))
    tree = document.value
    if not isinstance(tree, Table):
        raise ConfigError(f"{path}: keys and values are expected")
    _check_version(tree, path)
    return tree, document.warnings


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(DOCUMENT_BYTES_MAX + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: this is no text in UTF-8") from error


def _check_version(tree: Table, path: Path) -> None:
    version = tree.entries.get("version")
    if not isinstance(version, Scalar) or version.is_null:
        raise ConfigError(f"version: {path} does not say it; write 'version: 0.1'")
    major, _, minor = version.text.partition(".")
    is_known = major.isdecimal() and minor.isdecimal() and int(major) == _MAJOR
    if not is_known or int(minor) > _MINOR_MAX:
        raise ConfigError(f"version: {version.text[:16]!r} is not known here; 0.1 is")


def _filled(value: Value | None, defaults: Value) -> Value:
    """A value with what it does not say taken from the defaults."""
    if value is None or (isinstance(value, Scalar) and value.is_null):
        return defaults
    if not isinstance(value, Table) or not isinstance(defaults, Table):
        return value
    entries = {key: _filled(value.entries.get(key), one) for key, one in defaults.entries.items()}
    return Table({**value.entries, **entries}, value.origin)


def _completed(tree: Table, folder: str) -> Table:
    """The tree with the defaults of decisions 9 for what it does not say."""
    for key, defaults in _defaults(_is_elsewhere(tree), folder).entries.items():
        tree = tree.put(key, _filled(_chosen(tree, key), defaults))
    return tree


def _defaults(is_elsewhere: bool, folder: str) -> Table:
    """Those of decisions 9; the folder only where nothing is stored elsewhere."""
    defaults = parse(_DEFAULTS, WITHOUT_FILE, lines=False).value
    assert isinstance(defaults, Table), "_DEFAULTS is a mapping"
    if is_elsewhere:
        return defaults
    root = Table({"rootdirectory": Scalar(folder, WITHOUT_FILE)}, WITHOUT_FILE)
    storage = Table({"filesystem": root}, WITHOUT_FILE)
    return defaults.put("storage", _filled(storage, defaults.entries["storage"]))


def _is_elsewhere(tree: Table) -> bool:
    """Whether another driver than the filesystem is chosen."""
    storage = _chosen(tree, "storage")
    return isinstance(storage, Table) and any(
        name in storage.entries for name in DRIVERS if name != "filesystem"
    )


def _chosen(tree: Table, key: str) -> Value | None:
    """A section, a bare name made a choice."""
    value = tree.entries.get(key)
    known = field_of(struct_of(Config), key)
    assert known is not None, f"{key} is a section"
    struct = plain(known.type)
    if value is None or not isinstance(struct, inspect.StructType):
        return value
    return as_table(struct, value) or value
