"""YAML as a tree of texts, each with the place that it comes from.

What a text means (a number, a duration, a name) its key decides, not its looks: `1.10` stays a
version and `0123` a password. Documents are bounded, and nothing in them is ever executed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

from layerstore.config.errors import ConfigError

DOCUMENT_BYTES_MAX: Final = 1024 * 1024
"""Bytes of a configuration."""

NODES_MAX: Final = 100_000
"""Keys and values of a configuration, those that aliases repeat included."""

DEPTH_MAX: Final = 32
"""Levels of a configuration; also ends aliases that contain themselves."""

_PLAIN_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("bool", "float", "int", "map", "null", "seq", "str", "timestamp", "value")
)
_QUOTED: Final = re.compile(r"'(?!<)[^']{2,}'|\"[^\"]{2,}\"|[^ ]{40,}")
_NULL: Final = "tag:yaml.org,2002:null"
_MERGE: Final = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value as it is written; an empty one has `is_null`."""

    text: str
    origin: str
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A list."""

    items: tuple["Value", ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping."""

    entries: dict[str, "Value"]
    origin: str

    def put(self, key: str, value: "Value") -> "Table":
        """The same with one more or one other entry."""
        return Table({**self.entries, key: value}, self.origin)


Value: TypeAlias = Scalar | Series | Table


@dataclass(slots=True)
class Document:
    """A parsed text, and what was strange in it."""

    value: Value
    warnings: list[str] = field(default_factory=list)


def parse(text: str, source: str, *, lines: bool = True) -> Document:
    """The first document in a text, as the original reads it. Raises ConfigError.

    An error names the source.

    With `lines`, origins name the line too.
    """
    if len(text) > DOCUMENT_BYTES_MAX:
        raise ConfigError(f"{source}: longer than {DOCUMENT_BYTES_MAX} bytes")
    try:
        documents = yaml.compose_all(text, Loader=yaml.SafeLoader)
        root, further = next(documents, None), next(documents, None)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{source}{_at(error.problem_mark)}: {_problem(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{source}: this is no YAML") from error
    except RecursionError as error:
        raise ConfigError(f"{source}: more than {DEPTH_MAX} levels") from error
    reader = _Reader(source, lines)
    value = reader.value(root, 0) if root is not None else Scalar("", source, is_null=True)
    if further is not None:
        reader.warnings.append(f"{source}{_at(further.start_mark)}: only the first document counts")
    return Document(value, reader.warnings)


def _at(mark: yaml.Mark | None) -> str:
    return f", line {mark.line + 1}" if mark is not None else ""


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What the parser says, without words of the document, which might be secret."""
    if not error.problem:
        return "this is no YAML"
    return f"this is no YAML: {_QUOTED.sub('…', error.problem)}"


class _Reader:
    """From the parser's nodes to values."""

    def __init__(self, source: str, lines: bool) -> None:
        self.warnings: list[str] = []
        self._source = source
        self._lines = lines
        self._nodes = 0

    def value(self, node: yaml.Node, depth: int) -> Value:
        self._count(node, depth)
        origin = self._origin(node)
        match node:
            case yaml.MappingNode():
                return Table(self._entries(node, depth), origin)
            case yaml.SequenceNode():
                return Series(tuple(self.value(item, depth + 1) for item in node.value), origin)
            case _:
                return Scalar(node.value, origin, is_null=node.tag == _NULL)

    def _count(self, node: yaml.Node, depth: int) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise ConfigError(f"{self._source}: more than {NODES_MAX} keys and values")
        if depth > DEPTH_MAX:
            raise ConfigError(f"{self._source}: more than {DEPTH_MAX} levels")
        if node.tag not in _PLAIN_TAGS:
            raise ConfigError(f"{self._origin(node)}: a tag; quotes make text of it")

    def _entries(self, node: yaml.MappingNode, depth: int) -> dict[str, Value]:
        """A mapping's own keys, above those that it merges in (`<<`)."""
        merged: dict[str, Value] = {}
        own: dict[str, Value] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for part in self._merged(value, depth + 1):
                    merged = {**self._entries(part, depth + 1), **merged}
                continue
            name = self._key(key)
            if name in own:
                self.warnings.append(f"{self._origin(key)}: {name} stands there twice")
            own[name] = self.value(value, depth + 1)
        return {**merged, **own}

    def _merged(self, node: yaml.Node, depth: int) -> Iterator[yaml.MappingNode]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                raise ConfigError(f"{self._origin(node)}: only mappings can be merged")
            self._count(part, depth)
            yield part

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise ConfigError(f"{self._origin(node)}: a key is a single word")
        self._count(node, 0)
        return str(node.value)

    def _origin(self, node: yaml.Node) -> str:
        return f"{self._source}{_at(node.start_mark)}" if self._lines else self._source
