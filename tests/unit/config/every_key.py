"""Every key of the tree, found by reflection, with something that may be written there."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from layerstore.config.shape import Kind, is_marked, plain, struct_of
from layerstore.config.tree import Config

# Any: plain data of all shapes.
Plain = Any


def keys(kind: inspect.StructType, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Kind]]:
    """The path of every key that has a value of its own, entries of lists as [0], and its kind."""
    for known in kind.fields:
        path = (*above, known.encode_name)
        match plain(known.type):
            case inspect.StructType() as section if section.fields:
                yield from keys(section, path)
            case inspect.VarTupleType(item_type=inspect.StructType() as section):
                yield from keys(section, (*path, "0"))
            case _:
                yield ".".join(path), known.type


KEYS = dict(keys(struct_of(Config)))
LISTS = [path for path, kind in KEYS.items() if isinstance(plain(kind), inspect.VarTupleType)]
SECRETS = [path for path, kind in KEYS.items() if is_marked(kind, "is_secret")]


def value(kind: Kind) -> Plain:
    """What may be written there, and is no default."""
    if is_marked(kind, "is_duration"):
        return "90s"
    match plain(kind):
        case inspect.StructType():
            return {}
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 7
        case inspect.LiteralType(values=values):
            return [one for one in values if one][-1]
        case inspect.VarTupleType(item_type=item):
            return [value(item), value(item)]
        case inspect.DictType(value_type=item):
            return {"name": value(item)}
        case _:
            return "a text"


DIFFERENT: Mapping[str, Plain] = {
    "version": "0.0",
    "log.level": "warn",
    "log.formatter": "json",
    "auth.token.deletescope": "*",
    "storage.s3.secure": False,
    "storage.s3.v4auth": False,
    "storage.maintenance.uploadpurging.enabled": False,
    "validation.manifests.references": "none",
}
"""Values for keys whose default is what `value` says."""


def written(path: str) -> Plain:
    return DIFFERENT.get(path, value(KEYS[path]))


def nested(path: str, value: Plain) -> Plain:
    key, _, rest = path.partition(".")
    inner = nested(rest, value) if rest else value
    return [inner] if key == "0" else {key: inner}


def variable(path: str) -> str:
    return "REGISTRY_" + path.upper().replace(".", "_")
