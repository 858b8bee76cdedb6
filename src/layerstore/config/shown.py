"""A configuration as its owner may see it: without secrets, durations as they are written."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from layerstore.config.durations import format_duration
from layerstore.config.shape import Kind, below, field_of, is_marked, plain, struct_of
from layerstore.config.tree import Config

MASK: Final = "********"
"""Stands for a secret that is set."""

_IN_URL: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")

# Any: plain data of all shapes.
Plain = Any


def shown(config: Config) -> dict[str, Plain]:
    """All keys with their values; what was not chosen is left out."""
    tree: dict[str, Plain] = _shown(struct_of(Config), msgspec.to_builtins(config))
    return tree


def flat(tree: Plain, path: str = "") -> Iterator[tuple[str, Plain]]:
    """The path and value of everything in plain data that has nothing below it."""
    match tree:
        case dict() if tree:
            for key, value in tree.items():
                yield from flat(value, below(path, key))
        case list() if tree:
            for index, value in enumerate(tree):
                yield from flat(value, below(path, index))
        case _:
            yield path, tree


def _shown(kind: Kind, value: Plain) -> Plain:
    if is_marked(kind, "is_secret"):
        return _masked(value)
    if is_marked(kind, "is_duration"):
        return format_duration(value)
    match plain(kind):
        case inspect.StructType() as struct:
            return _section(struct, value)
        case inspect.VarTupleType() as series:
            return [_shown(series.item_type, one) for one in value]
        case inspect.DictType() as mapping:
            return {key: _shown(mapping.value_type, one) for key, one in value.items()}
        case inspect.StrType():
            return _IN_URL.sub(MASK, value)
        case _:
            return value


def _section(kind: inspect.StructType, value: dict[str, Plain]) -> Plain:
    found = {}
    for key, one in value.items():
        known = field_of(kind, key)
        if known is not None and one is not None:
            found[key] = _shown(known.type, one)
    return found


def _masked(value: Plain) -> Plain:
    match value:
        case dict():
            return {key: _masked(one) for key, one in value.items()}
        case list() | tuple():
            return [_masked(one) for one in value]
        case _:
            return MASK if value else value
