"""What the tree's types say about keys: which there are, and what may stand under them."""

import difflib
from collections.abc import Iterable
from typing import TypeAlias, cast

from msgspec import inspect

from layerstore.config.document import Scalar, Table, Value
from layerstore.config.section import Section

Kind: TypeAlias = inspect.Type


def struct_of(section: type[Section]) -> inspect.StructType:
    """A section's keys."""
    return cast(inspect.StructType, inspect.type_info(section))


def plain(kind: Kind) -> Kind:
    """A type without its marks and without the possibility of being left out."""
    if isinstance(kind, inspect.Metadata):
        return plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        return plain(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
    return kind


def is_marked(kind: Kind, mark: str) -> bool:
    """Whether a type carries a mark: `is_duration`, `is_secret`, `is_comma_separated`."""
    if isinstance(kind, inspect.Metadata):
        return bool((kind.extra or {}).get(mark)) or is_marked(kind.type, mark)
    if isinstance(kind, inspect.UnionType):
        return any(is_marked(one, mark) for one in kind.types)
    return False


def section_of(kind: inspect.StructType) -> type[Section]:
    """The class that a struct type stands for."""
    return cast(type[Section], kind.cls)


def field_of(kind: inspect.StructType, key: str) -> inspect.Field | None:
    """The key of that name."""
    return next((one for one in kind.fields if one.encode_name == key), None)


def as_table(kind: inspect.StructType, value: Value) -> Table | None:
    """A section's mapping, under first names, a bare name made a choice; None for what is none."""
    section = section_of(kind)
    if isinstance(value, Scalar):
        if value.is_null:
            return Table({}, value.origin)
        if not section.chooses:
            return None
        value = Table({value.text: Table({}, value.origin)}, value.origin)
    if not isinstance(value, Table):
        return None
    names = section.other_names
    return Table({names.get(key, key): one for key, one in value.entries.items()}, value.origin)


def below(path: str, key: str | int) -> str:
    """The path of what stands under a path."""
    return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that looks most like one, if any looks like it at all."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)
