"""Which repository names a pattern fits."""

import pytest

from layerstore.auth.patterns import PATTERN_LENGTH_MAX, Pattern


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("team/web", ["team/web"], ["team", "team/web/x", "team/webx", "xteam/web"]),
        ("team/*", ["team/web", "team/a.b"], ["team", "team2/web", "team/web/api"]),
        ("team/**", ["team/web", "team/web/api"], ["team", "team2/web", "team2"]),
        ("**", ["a", "a/b", "a/b/c"], []),
        ("**/base", ["base", "team/base", "a/b/base"], ["base/x", "xbase", "team/basex"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a", "z", "a/zz", "a/b"]),
        ("**/x/**", ["x/a", "b/x/a/c"], ["x", "a/x", "ax/b"]),
        ("web-*", ["web-", "web-a"], ["web", "web-a/b", "aweb-"]),
        ("*-test", ["a-test"], ["a-tests", "a/b-test"]),
        ("a.b", ["a.b"], ["axb", "a/b"]),
        ("*", ["a"], ["a/b"]),
    ],
)
def test_a_pattern_fits_whole_names_only(
    pattern: str, fitting: list[str], others: list[str]
) -> None:
    assert [name for name in fitting if not Pattern(pattern).fits(name, "")] == []
    assert [name for name in others if Pattern(pattern).fits(name, "")] == []


def test_the_callers_name_stands_for_one_segment() -> None:
    own = Pattern("users/{user}/**")
    assert own.fits("users/alice/app", "alice")
    assert not own.fits("users/alice/app", "ali")
    assert not own.fits("users/ali/app", "alice")
    assert not own.fits("users/alice/app", "")


@pytest.mark.parametrize("user", ["alice/app", "*", "**", "a.*", "{user}", "Alice"])
def test_the_callers_name_is_no_pattern(user: str) -> None:
    assert not Pattern("users/{user}/**").fits("users/alice/app", user)
    assert not Pattern("users/{user}").fits("users/alice/app", user)


@pytest.mark.parametrize(
    "text",
    ["", "/", "a/", "/a", "a//b", "A", "a b", "a/b**", "***", "{name}", "x{user}", "a:b", "ä", "["],
)
def test_text_that_fits_no_name_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="can fit no repository name"):
        Pattern(text)


def test_a_pattern_has_a_longest_length() -> None:
    assert Pattern("a" * PATTERN_LENGTH_MAX).literal
    with pytest.raises(ValueError, match="at most 512 characters"):
        Pattern("a" * (PATTERN_LENGTH_MAX + 1))


def test_what_is_literal_and_what_is_everything_is_known() -> None:
    assert [Pattern(text).literal for text in ("a/b", "a/*", "**", "{user}")] == [
        True,
        False,
        False,
        False,
    ]
    assert [Pattern(text).everything for text in ("**", "**/a", "*")] == [True, False, False]


def test_a_long_name_against_many_stars_is_decided_at_once() -> None:
    """The work is bounded by names times parts: nobody can make it explode."""
    assert not Pattern("/".join(["**"] * 100 + ["b"])).fits("/".join(["a"] * 120), "")
    assert not Pattern("*a" * 20 + "*b").fits("a" * 255, "")
