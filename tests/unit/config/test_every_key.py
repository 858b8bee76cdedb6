"""Every key of the tree, found by reflection: in a file, as a variable, by its place, in a file.

What each key does is tested elsewhere; `tests/settings/register.py` says where.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
import yaml
from msgspec import inspect

from layerstore.config.decode import decode
from layerstore.config.document import parse
from layerstore.config.shape import plain, section_of, struct_of
from layerstore.config.shown import MASK, shown
from layerstore.config.tree import Config
from layerstore.config.variables import override
from tests.unit.config.every_key import KEYS, LISTS, SECRETS, Plain, nested, variable, written


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
