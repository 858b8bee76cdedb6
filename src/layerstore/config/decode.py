"""From texts to the typed tree: what each text means, and what is wrong with it.

All problems are found in one go, each with its key and its place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import inspect

from layerstore.config.document import Scalar, Series, Table, Value
from layerstore.config.durations import parse_duration
from layerstore.config.errors import ConfigError
from layerstore.config.shape import (
    Kind,
    as_table,
    below,
    field_of,
    is_marked,
    nearest,
    plain,
    section_of,
    struct_of,
)
from layerstore.config.tree import Config

_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_FALSE: Final = frozenset({"false", "no", "off", "n"})
_WHOLE: Final = re.compile(r"[+-]?(0x[0-9a-f]+|0o[0-7]+|[0-9]+)", re.IGNORECASE | re.ASCII)
_WHOLE_LENGTH_MAX: Final = 32
_INT_MAX: Final = 2**63 - 1

# Any: plain data of all shapes, checked once more when it becomes the tree.
Plain = Any


@dataclass(frozen=True, slots=True)
class Decoded:
    """A configuration, what is strange about it, and where its values come from."""

    config: Config
    warnings: tuple[str, ...]
    origins: Mapping[str, str]


def decode(tree: Value) -> Decoded:
    """The typed tree. Raises ConfigError with everything that is wrong."""
    decoder = _Decoder()
    plain_tree = decoder.section(struct_of(Config), tree, "")
    if decoder.problems:
        raise ConfigError(*decoder.problems)
    config = msgspec.convert(plain_tree, Config)
    return Decoded(config, tuple(decoder.warnings), decoder.origins)


class _Wrong(Exception):
    """A text does not mean what it should; the message says what it should."""


@dataclass(slots=True)
class _Decoder:
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)

    def section(self, kind: inspect.StructType, value: Value, path: str) -> Plain:
        table = as_table(kind, value)
        if table is None:
            return self._wrong(value, path, "keys and values are expected here")
        found = {}
        for key, one in table.entries.items():
            known = field_of(kind, key)
            if known is None:
                self._unknown(kind, one, path, key)
            elif not _is_unset(kind, known.type, one):
                found[key] = self._value(known.type, one, below(path, key))
        return found

    def _value(self, kind: Kind, value: Value, path: str) -> Plain:
        match plain(kind):
            case inspect.StructType() as struct:
                self.origins.setdefault(path, value.origin)
                return self.section(struct, value, path)
            case inspect.VarTupleType() as series:
                return self._series(series, self._split(kind, value), path)
            case inspect.DictType() as mapping:
                return self._mapping(mapping, value, path)
            case leaf:
                return self._leaf(kind, leaf, value, path)

    def _split(self, kind: Kind, value: Value) -> Value:
        """A list that is written as one text."""
        if not isinstance(value, Scalar) or not is_marked(kind, "is_comma_separated"):
            return value
        words = (word.strip() for word in value.text.split(","))
        return Series(tuple(Scalar(word, value.origin) for word in words if word), value.origin)

    def _series(self, kind: inspect.VarTupleType, value: Value, path: str) -> Plain:
        if not isinstance(value, Series):
            return self._wrong(value, path, "a list is expected, as in [one, two]")
        self.origins[path] = value.origin
        return [
            self._value(kind.item_type, one, below(path, index))
            for index, one in enumerate(value.items)
        ]

    def _mapping(self, kind: inspect.DictType, value: Value, path: str) -> Plain:
        if not isinstance(value, Table):
            return self._wrong(value, path, "keys and values are expected here")
        self.origins[path] = value.origin
        return {
            key: self._value(kind.value_type, one, below(path, key))
            for key, one in value.entries.items()
        }

    def _leaf(self, kind: Kind, leaf: Kind, value: Value, path: str) -> Plain:
        if not isinstance(value, Scalar):
            return self._wrong(value, path, f"{_expected(kind, leaf)} is expected")
        self.origins[path] = value.origin
        try:
            if is_marked(kind, "is_duration"):
                return self._duration(kind, value, path)
            return _leaf(leaf, "" if value.is_null else value.text)
        except _Wrong as error:
            return self._wrong(value, path, str(error))

    def _duration(self, kind: Kind, value: Scalar, path: str) -> float:
        if value.text.isdigit() and len(value.text) < _WHOLE_LENGTH_MAX and int(value.text):
            self._warn(value, path, f"{value.text} without a unit means nanoseconds, as in Go")
            seconds = int(value.text) / 1e9
        else:
            try:
                seconds = parse_duration(value.text)
            except ValueError as error:
                raise _Wrong(str(error)) from error
        if _limit(kind) == "gt" and seconds <= 0:
            raise _Wrong("this has to be longer than 0")
        return seconds

    def _unknown(self, kind: inspect.StructType, value: Value, path: str, key: str) -> None:
        closed = section_of(kind).closed.get(key)
        if closed is not None:
            self._wrong(value, below(path, key), closed)
            return
        near = nearest(key, [one.encode_name for one in kind.fields])
        hint = f"; is {below(path, near)} meant?" if near else ""
        if section_of(kind).exact:
            self._wrong(value, below(path, key), f"there is no such key here{hint}")
        else:
            self._warn(value, below(path, key), f"this key is unknown and has no effect{hint}")

    def _warn(self, value: Value, path: str, text: str) -> None:
        self.warnings.append(f"{path}: {text} ({value.origin})")

    def _wrong(self, value: Value, path: str, text: str) -> None:
        where = f"{path}: " if path else ""
        self.problems.append(f"{where}{text} ({value.origin})")


def _is_unset(kind: inspect.StructType, key_kind: Kind, value: Value) -> bool:
    """Nothing written keeps the default, except where the key itself is a choice."""
    section = section_of(kind)
    is_choice = section.chooses and isinstance(plain(key_kind), inspect.StructType)
    return isinstance(value, Scalar) and value.is_null and not is_choice and not section.exact


def _leaf(kind: Kind, text: str) -> Plain:
    match kind:
        case inspect.BoolType():
            return _truth(text)
        case inspect.IntType():
            return _whole(kind, text)
        case inspect.LiteralType():
            return _one_of(kind, text)
        case _:
            return _text(text)


def _text(text: str) -> str:
    """No path, header or name has a zero in it, and the system stumbles over one."""
    if "\0" in text:
        raise _Wrong("a text without characters of value zero is expected")
    return text


def _truth(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise _Wrong("true or false is expected")


def _whole(kind: inspect.IntType, text: str) -> int:
    digits = text.replace("_", "")
    if len(digits) > _WHOLE_LENGTH_MAX or not _WHOLE.fullmatch(digits):
        raise _Wrong("a whole number is expected")
    number = int(digits) if digits.lstrip("+-").isdigit() else int(digits, 0)
    if abs(number) > _INT_MAX:
        raise _Wrong("this number is too large")
    if kind.ge is not None and number < kind.ge:
        raise _Wrong(f"this has to be at least {kind.ge}")
    return number


def _one_of(kind: inspect.LiteralType, text: str) -> str:
    for value in kind.values:
        if str(value).lower() == text.lower():
            return str(value)
    choices = ", ".join(str(value) for value in kind.values if value)
    raise _Wrong(f"{text[:64]!r} is none of {choices}")


def _limit(kind: Kind) -> str:
    inner = plain(kind)
    return "gt" if isinstance(inner, inspect.FloatType) and inner.gt is not None else ""


def _expected(kind: Kind, leaf: Kind) -> str:
    if is_marked(kind, "is_duration"):
        return "a duration such as 90s"
    match leaf:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case _:
            return "a single text"
