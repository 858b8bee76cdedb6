"""YAML becomes texts with their places; what is strange or dangerous in it is told."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerstore.config.document import (
    DEPTH_MAX,
    DOCUMENT_BYTES_MAX,
    Scalar,
    Series,
    Table,
    Value,
    parse,
)
from layerstore.config.errors import ConfigError


def _plain(value: Value) -> object:
    match value:
        case Table(entries=entries):
            return {key: _plain(one) for key, one in entries.items()}
        case Series(items=items):
            return [_plain(one) for one in items]
        case Scalar(text=text, is_null=is_null):
            return None if is_null else text


def read(text: str) -> object:
    return _plain(parse(text, "file").value)


def test_a_value_keeps_the_text_that_was_written() -> None:
    assert read("{a: 0.10, b: 0123, c: yes, d: 12:30, e: '', f: , g: ~, h: 'null'}") == {
        "a": "0.10",
        "b": "0123",
        "c": "yes",
        "d": "12:30",
        "e": "",
        "f": None,
        "g": None,
        "h": "null",
    }


def test_each_value_knows_its_line() -> None:
    table = parse("a: 1\nb:\n  - 2\n", "file.yml").value
    assert isinstance(table, Table)
    series = table.entries["b"]
    assert isinstance(series, Series)
    assert [table.entries["a"].origin, series.items[0].origin] == [
        "file.yml, line 1",
        "file.yml, line 3",
    ]


def test_an_empty_document_is_a_null() -> None:
    assert read("") is None
    assert read("# only a comment\n") is None


def test_anchors_and_merge_keys_work_and_a_mappings_own_keys_win() -> None:
    text = "one: &one {a: 1, b: 2}\ntwo: &two {b: 3, c: 4}\nthree: {<<: [*one, *two], a: 5}\n"
    assert read(text) == {
        "one": {"a": "1", "b": "2"},
        "two": {"b": "3", "c": "4"},
        "three": {"a": "5", "b": "2", "c": "4"},
    }


def test_the_order_of_a_merge_key_and_a_mappings_own_keys_does_not_matter() -> None:
    assert read("{x: &x {a: 1}, y: {a: 2, <<: *x}}") == {"x": {"a": "1"}, "y": {"a": "2"}}


def test_a_key_that_stands_there_twice_is_told_and_the_last_counts() -> None:
    document = parse("a: 1\nb: 2\na: 3\n", "file")
    assert _plain(document.value) == {"a": "3", "b": "2"}
    assert document.warnings == ["file, line 3: a stands there twice"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2", "line 1"),
        ("a: b: c", "line 1"),
        ("a: !!python/object/apply:os.system [id]", "a tag"),
        ("a: !secret b", "a tag"),
        ("a: !!binary aGk=", "a tag"),
        ("{[1]: 2}", "a key is a single word"),
        ("{<<: 1}", "only mappings can be merged"),
        ("a: \x00", "no YAML"),
        ("a: *nowhere", "undefined alias"),
        ("[" * 5_000, "levels"),
        ("[" * (DEPTH_MAX + 2) + "]" * (DEPTH_MAX + 2), "levels"),
        ("a: &a [*a]", "levels"),
        ("a: &a {<<: *a}", "levels"),
        ("x" * (DOCUMENT_BYTES_MAX + 1), "longer than"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        parse(text, "file")


def test_aliases_that_multiply_are_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 8):
        aliases = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{aliases}]")
    with pytest.raises(ConfigError, match="keys and values"):
        parse("\n".join(lines), "file")


@pytest.mark.parametrize("text", ["a: *hunter2", "a: !hunter2 b", "a: &hunter2 1\nb: 'x"])
def test_a_message_does_not_repeat_what_might_be_a_secret(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(text, "file")
    assert "hunter2" not in str(raised.value)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(ConfigError):
        parse(text, "file")


def test_of_several_documents_the_first_counts_as_in_the_original() -> None:
    document = parse("a: 1\n---\na: 2\n", "file")
    assert _plain(document.value) == {"a": "1"}
    assert document.warnings == ["file, line 3: only the first document counts"]
