"""Every key of the tree, found by reflection: in a file, as a variable, by its place, in a file.

What each key does is tested elsewhere; `tests/settings/register.py` says where.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec import inspect

from layerstore.config.decode import decode
from layerstore.config.document import parse
from layerstore.config.shape import Kind, is_marked, plain, section_of, struct_of
from layerstore.config.shown import MASK, shown
from layerstore.config.tree import Config
from layerstore.config.variables import override

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


def configured(text: str, environ: Mapping[str, str]) -> Config:
    tree = parse(text, "file").value
    result = override(tree, environ)  # type: ignore[arg-type]  # a mapping, as it is written here
    assert result.warnings == []
    decoded = decode(result.tree)
    assert decoded.warnings == ()
    return decoded.config


def in_file(path: str) -> Config:
    return configured(yaml.safe_dump(nested(path, written(path))), {})


def found(config: Config, path: str) -> Plain:
    """What stands at a path, in plain data."""
    here: Plain = msgspec.json.decode(msgspec.json.encode(config))
    for key in path.split("."):
        here = here[int(key)] if key == "0" else here[key]
    return here


@pytest.mark.parametrize("path", KEYS)
def test_a_value_in_the_file_arrives_and_its_variable_means_the_same(path: str) -> None:
    config = in_file(path)
    expected = 90.0 if written(path) == "90s" else written(path)
    assert found(config, path) == expected
    assert config != Config()
    assert configured("{}", {variable(path): yaml.safe_dump(written(path))}) == config


@pytest.mark.parametrize("path", LISTS)
def test_a_list_may_be_told_entry_by_entry(path: str) -> None:
    entries = {f"{variable(path)}_{place}": one for place, one in enumerate(written(path))}
    assert configured("{}", entries) == in_file(path)


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_may_stand_in_a_file_and_is_never_shown(path: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("a text\n")
    place = "_NAME_0" if isinstance(plain(KEYS[path]), inspect.DictType) else ""
    config = configured("{}", {f"{variable(path)}{place}_FILE": str(file)})
    assert "a text" in msgspec.json.encode(config).decode()
    assert "a text" not in repr(shown(config))
    assert MASK in repr(shown(config))


def sections(kind: inspect.StructType, path: str = "") -> Iterator[tuple[str, inspect.StructType]]:
    yield path, kind
    for known in kind.fields:
        inner = plain(known.type)
        if isinstance(inner, inspect.StructType):
            yield from sections(inner, f"{path}.{known.encode_name}".strip("."))


SECOND_NAMES = [
    (path, second, first)
    for path, kind in sections(struct_of(Config))
    for second, first in section_of(kind).other_names.items()
]


@pytest.mark.parametrize(("path", "second", "first"), SECOND_NAMES)
def test_a_second_name_means_the_same(path: str, second: str, first: str) -> None:
    at = f"{path}.{first}"
    said: Plain = {"bucket": "b"} if first == "s3" else written(at)
    one = yaml.safe_dump(nested(f"{path}.{second}", said))
    assert configured(one, {}) == configured(yaml.safe_dump(nested(at, said)), {})
    variables = {variable(f"{path}.{second}"): yaml.safe_dump(said)}
    assert configured("{}", variables) == configured(one, {})


def test_there_are_second_names_and_secrets_and_lists() -> None:
    assert {second for _, second, _ in SECOND_NAMES} >= {"layerinfo", "s3aws"}
    assert {"http.secret", "storage.s3.secretkey", "redis.password"} <= set(SECRETS)
    assert {"http.tls.clientcas", "redis.addrs"} <= set(LISTS)
