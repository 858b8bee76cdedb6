"""The reference of all keys, made from the tree: `python -m layerstore.config.reference`.

What a key is for stands below it in its section; nothing is written twice.
"""

import ast
import inspect as source
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import msgspec
from msgspec import NODEFAULT, inspect

from layerstore.config.checks import NO_EFFECT, NOT_NEEDED
from layerstore.config.durations import format_duration
from layerstore.config.section import Section
from layerstore.config.shape import Kind, is_marked, plain, section_of, struct_of
from layerstore.config.tree import Config

_MARKS: Final = {"Ours: ": "**Ours.**", "v2: ": "*Version 2.*"}

_HEAD: Final = """\
# Configuration

<!-- Made by `python -m layerstore.config.reference`; a test compares. -->

Layerstore reads the YAML of Docker Distribution, versions 2 and 3, unchanged:

    layerstore serve /etc/docker/registry/config.yml

Without an argument the variable `REGISTRY_CONFIGURATION_PATH` names the file. Without a file the
registry listens on `localhost:5000`, stores in `./layerstore-data` (as root in
`/var/lib/registry`), lets content be deleted, and takes manifests with any URLs; every other key
has the default below.

- `layerstore config check FILE` tells what is wrong with a file, and whether it can be served.
- `layerstore config show FILE` shows every key with its value, secrets masked; with `--origins`
  also which line or variable it comes from.
- `version: 0.1` has to stand in a file.
- A **duration** is written as `90s`, `1h30m`, `168h` or `100ms`.
- A key that is not known is reported with the one that may be meant, and has no effect. What cannot
  be done here, and without which serving would be wrong, is reported and nothing is served.
- SIGHUP lets a server read its configuration anew. A wrong one changes nothing, and the log says
  why; a right one is taken by worker after worker, and no request fails. `http.addr`, `http.net`,
  `http.workers`, `http.debug`, `health`, and whether there is TLS, change with a restart only.
- Anchors, aliases and merge keys (`<<`) work. A file has at most 1 MiB, 100,000 keys and values,
  and 32 levels.

## Variables

Each key has a variable: `REGISTRY_`, then its path in capitals, joined by underscores. It stands
above the file.

| to set | write |
|---|---|
| `http.addr` | `REGISTRY_HTTP_ADDR=localhost:5001` |
| a section | `REGISTRY_STORAGE='{s3: {bucket: images, region: eu-central-1}}'` |
| a driver with its defaults | `REGISTRY_STORAGE=filesystem` |
| an entry of a list, counted from 0, or the next one | `REGISTRY_HTTP_TLS_CLIENTCAS_0=/ca.pem` |
| an entry of a mapping; a new key becomes lower case | `REGISTRY_LOG_FIELDS_SERVICE=registry` |
| a text that is in a file | `REGISTRY_HTTP_SECRET_FILE=/run/secrets/http` |

Values are YAML. Variables are taken in alphabetical order, so a section comes before its keys. One
that fits no key is reported.

## Keys

Keys of Layerstore that the original does not have are marked **ours**; keys that only version 2 of
the original knows are marked *version 2*.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is told."""

    path: str
    kind: str
    default: str
    text: str


def markdown() -> str:
    """The whole reference."""
    parts = [_HEAD]
    for known in struct_of(Config).fields:
        text = _text(Config, known.name)
        if isinstance(plain(known.type), inspect.StructType):
            parts += _chapters(known, known.encode_name, level=3)
        else:
            path = known.encode_name
            parts.append(f"### `{path}`\n\n{_told(text, path)}\n")
    return "\n".join(parts)


def keys() -> list[Key]:
    """Every key that has a value of its own."""
    return list(_keys(struct_of(Config), ""))


def _chapters(known: inspect.Field, path: str, level: int) -> list[str]:
    """A section with the table of its keys, and the sections in it."""
    kind = _section_within(known.type)
    assert kind is not None, f"{path} is a section"
    lines = [f"{'#' * level} `{path}`\n", f"{_told(_doc(section_of(kind)), path)}\n"]
    rows = [_key(kind, one, path) for one in kind.fields if _section_within(one.type) is None]
    if rows:
        lines.append(_table(rows))
    for one in kind.fields:
        if _section_within(one.type) is not None:
            lines += _chapters(one, _path_of(one, path), min(level + 1, 5))
    return lines


def _keys(kind: inspect.StructType, path: str) -> Iterator[Key]:
    for one in kind.fields:
        inner = _section_within(one.type)
        if inner is None:
            yield _key(kind, one, path)
        else:
            yield from _keys(inner, _path_of(one, path))


def _key(kind: inspect.StructType, known: inspect.Field, path: str) -> Key:
    text = _text(section_of(kind), known.name)
    default = format_default(known)
    return Key(_path_of(known, path), _kind_name(known.type), default, text)


def _path_of(known: inspect.Field, above: str) -> str:
    path = f"{above}.{known.encode_name}" if above else known.encode_name
    is_list = isinstance(plain(known.type), inspect.VarTupleType)
    return f"{path}[]" if is_list and _section_within(known.type) is not None else path


def _section_within(kind: Kind) -> inspect.StructType | None:
    """The section that stands under a key, alone or in a list."""
    match plain(kind):
        case inspect.StructType() as struct:
            return struct
        case inspect.VarTupleType(item_type=item):
            return _section_within(item)
        case _:
            return None


def _table(rows: list[Key]) -> str:
    lines = ["| key | kind | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{row.path.rpartition('.')[2]}` | {row.kind} | {row.default} "
        f"| {_told(row.text, row.path)} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _told(text: str, path: str) -> str:
    """A text with its mark written out, and with the reason why its key has no effect."""
    for mark, words in _MARKS.items():
        if text.startswith(mark):
            text = f"{words} {text.removeprefix(mark)}"
    reason = (NO_EFFECT | NOT_NEEDED).get(path.removesuffix("[]"))
    return text if reason is None else f"{text} **No effect:** {reason}."


def format_default(known: inspect.Field) -> str:
    """A default as it would be written."""
    value = known.default
    if value is NODEFAULT or value is None or value in ("", ()):
        return ""
    if is_marked(known.type, "is_duration"):
        return f"`{format_duration(value)}`"
    return f"`{value if isinstance(value, str) else msgspec.json.encode(value).decode()}`"


def _kind_name(kind: Kind) -> str:
    if is_marked(kind, "is_duration"):
        return "duration"
    match plain(kind):
        case inspect.BoolType():
            return "true, false"
        case inspect.IntType():
            return "number"
        case inspect.VarTupleType(item_type=item):
            return f"list: {_kind_name(item)}"
        case inspect.DictType(value_type=value):
            return f"mapping to {_kind_name(value)}"
        case inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values if value)
        case _:
            return "secret" if is_marked(kind, "is_secret") else "text"


def _doc(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


def _text(section: type[Section], name: str) -> str:
    return texts(section).get(name, "")


@cache
def texts(section: type[Section]) -> Mapping[str, str]:
    """The text below each key of a section."""
    tree = ast.parse(textwrap.dedent(source.getsource(section))).body[0]
    assert isinstance(tree, ast.ClassDef), "the source of a class"
    found = {}
    for statement, after in zip(tree.body, tree.body[1:], strict=False):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(text))
            ):
                found[name] = " ".join(text.split())
    return found


if __name__ == "__main__":
    sys.stdout.write(markdown())
