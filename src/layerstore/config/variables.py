"""`REGISTRY_…` variables, laid over the tree in the original's order (registry-facts §3.1).

The parts of a name, between underscores, are keys and places in lists; a value is YAML. General
variables come before specific ones. Ours: a key that contains an underscore is found too, and a
text may be in a file that a variable with `_FILE` at its end names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec import inspect

from layerstore.config.document import Scalar, Series, Table, Value, parse
from layerstore.config.errors import ConfigError
from layerstore.config.shape import Kind, as_table, nearest, plain, section_of, struct_of
from layerstore.config.tree import Config

PREFIX: Final = "REGISTRY_"
PATH_VARIABLE: Final = "REGISTRY_CONFIGURATION_PATH"
"""Names the file, where the command line names none."""

FILE_SUFFIX: Final = "_FILE"

NAME_LENGTH_MAX: Final = 512
"""Characters of a variable's name; no key has a longer one."""

SECRET_BYTES_MAX: Final = 64 * 1024
"""Bytes of a file that a `…_FILE` variable names."""

_PART: Final = "_"


@dataclass(slots=True)
class Overridden:
    """A tree with the variables laid over it, and what they said that meant nothing."""

    tree: Table
    warnings: list[str] = field(default_factory=list)


def override(tree: Table, environ: Mapping[str, str]) -> Overridden:
    """Lay all variables over the tree. Raises ConfigError, which names the variable."""
    names = sorted(name for name in environ if name.startswith(PREFIX) and name != PATH_VARIABLE)
    result = Overridden(tree)
    for name in names:
        try:
            result.tree = _applied(result.tree, name, environ)
        except _MatchesNothing as nothing:
            if nothing.in_exact_section:
                raise ConfigError(f"{name}: no key has this name{_hint(name)}") from None
            result.warnings.append(
                f"{name}: no key has this name; the variable has no effect{_hint(name)}"
            )
    return result


class _MatchesNothing(Exception):
    """There is no key of that name."""

    def __init__(self, *, in_exact_section: bool = False) -> None:
        super().__init__()
        self.in_exact_section = in_exact_section


def _applied(tree: Table, name: str, environ: Mapping[str, str]) -> Table:
    root = struct_of(Config)
    if len(name) > NAME_LENGTH_MAX:
        raise _MatchesNothing
    try:
        return _over_section(root, tree, _parts(name), _Text(name, environ[name]))
    except _MatchesNothing:
        plain_name = name.removesuffix(FILE_SUFFIX)
        if plain_name == name:
            raise
    if plain_name in environ:
        raise ConfigError(f"{plain_name} and {name} are both set; one of them is enough")
    return _over_section(root, tree, _parts(plain_name), _FileNamed(name, environ[name]))


def _parts(name: str) -> list[str]:
    return name.removeprefix(PREFIX).split(_PART)


@dataclass(frozen=True, slots=True)
class _Text:
    """A variable whose value is YAML."""

    name: str
    text: str

    def value(self, kind: Kind) -> Value:
        """What it says. Text that YAML cannot mean stays as it is where a text is wanted."""
        is_text = isinstance(plain(kind), inspect.StrType)
        try:
            value = parse(self.text, self.name, lines=False).value
        except ConfigError:
            if is_text:
                return Scalar(self.text, self.name)
            raise
        if is_text and not isinstance(value, Scalar):
            return Scalar(self.text, self.name)
        return value


@dataclass(frozen=True, slots=True)
class _FileNamed:
    """A variable whose value names a file that holds a text."""

    name: str
    text: str

    def value(self, kind: Kind) -> Value:
        if not isinstance(plain(kind), inspect.StrType):
            raise _MatchesNothing
        return Scalar(self._content(), f"the file that {self.name} names")

    def _content(self) -> str:
        try:
            with Path(self.text).open("rb") as file:
                content = file.read(SECRET_BYTES_MAX + 1)
            text = content.decode()
        except OSError as error:
            raise ConfigError(f"{self.name}: {self.text}: {error.strerror}") from error
        except ValueError as error:
            raise ConfigError(f"{self.name}: the file is no text in UTF-8") from error
        if len(content) > SECRET_BYTES_MAX:
            raise ConfigError(f"{self.name}: the file has more than {SECRET_BYTES_MAX} bytes")
        return text.rstrip("\r\n")


_Variable = _Text | _FileNamed


def _over(kind: Kind, value: Value | None, parts: Sequence[str], variable: _Variable) -> Value:
    """A value with a variable laid over it, at the place that the parts name."""
    if not parts:
        return variable.value(kind)
    match plain(kind):
        case inspect.StructType() as struct:
            return _over_section(struct, value, parts, variable)
        case inspect.DictType() as mapping:
            return _over_mapping(mapping, value, parts, variable)
        case inspect.VarTupleType() as series:
            return _over_series(series, value, parts, variable)
        case _:
            raise _MatchesNothing


def _over_section(
    kind: inspect.StructType, value: Value | None, parts: Sequence[str], variable: _Variable
) -> Table:
    table = (value and as_table(kind, value)) or Table({}, variable.name)
    for length in range(len(parts), 0, -1):  # private_key_id begins as private_key does
        word = _PART.join(parts[:length])
        for known in kind.fields:
            if known.encode_name.upper() == word:
                key, rest = known.encode_name, parts[length:]
                return table.put(key, _over(known.type, table.entries.get(key), rest, variable))
    return _over_other_name(kind, table, parts, variable)


def _over_other_name(
    kind: inspect.StructType, table: Table, parts: Sequence[str], variable: _Variable
) -> Table:
    """A key under its second name, or one that only the driver's absence can explain."""
    section = section_of(kind)
    for other, key in section.other_names.items():
        if other.upper() == parts[0]:
            return _over_section(kind, table, [key.upper(), *parts[1:]], variable)
    for key in section.closed:
        if key.upper() == parts[0]:
            return table.put(key, Scalar("", variable.name))
    raise _MatchesNothing(in_exact_section=section.exact)


def _over_mapping(
    kind: inspect.DictType, value: Value | None, parts: Sequence[str], variable: _Variable
) -> Value:
    """Any key is good here; a new one is made in lower case, the rest of the name is part of it."""
    table = value if isinstance(value, Table) else Table({}, variable.name)
    rest: Sequence[str] = ()
    if isinstance(plain(kind.value_type), inspect.VarTupleType):
        if parts[-1] == FILE_SUFFIX.strip(_PART):
            raise _MatchesNothing
        if len(parts) > 1 and parts[-1].isdecimal():
            parts, rest = parts[:-1], parts[-1:]
    word = _PART.join(parts)
    key = next((key for key in table.entries if key.upper() == word), word.lower())
    return table.put(key, _over(kind.value_type, table.entries.get(key), rest, variable))


def _over_series(
    kind: inspect.VarTupleType, value: Value | None, parts: Sequence[str], variable: _Variable
) -> Value:
    """An entry that is there, or the next one."""
    items = value.items if isinstance(value, Series) else ()
    if not parts[0].isdecimal():
        raise _MatchesNothing
    index = int(parts[0]) if len(parts[0]) < 10 else len(items) + 1
    if index > len(items):
        raise ConfigError(f"{variable.name}: the list has {len(items)} entries, counted from 0")
    before = items[index] if index < len(items) else None
    item = _over(kind.item_type, before, parts[1:], variable)
    return Series((*items[:index], item, *items[index + 1 :]), variable.name)


def _hint(name: str) -> str:
    near = nearest(name[:NAME_LENGTH_MAX], _names(struct_of(Config), PREFIX.rstrip(_PART)))
    return f"; is {near} meant?" if near else ""


def _names(kind: Kind, above: str) -> list[str]:
    """The names of all variables that are no entries of lists or mappings."""
    struct = plain(kind)
    if not isinstance(struct, inspect.StructType):
        return [above]
    below = (_names(one.type, f"{above}_{one.encode_name.upper()}") for one in struct.fields)
    return [name for names in below for name in names]
