"""The picture: its scales, its lines, its names, its two modes."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from bench.plot import LABEL_GAP, RIGHT, Axis, Line, drawn

SVG = "{http://www.w3.org/2000/svg}"


def picture(*lines: Line) -> ElementTree.Element:
    return ElementTree.fromstring(drawn("a <title>", "tags", "ms", lines))


def texts(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [each for each in root.iter(f"{SVG}text") if kind in each.attrib["class"].split()]


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([1, 1000], [1, 10, 100, 1000]),
        ([0.3, 40], [0.1, 1, 10, 100]),
        ([5, 5], [1, 10]),
        ([10, 10], [10, 100]),
    ],
)
def test_an_axis_spans_whole_powers_of_ten(values: list[float], ticks: list[float]) -> None:
    assert Axis.over(values, 0, 300).ticks() == pytest.approx(ticks)


def test_ten_times_as_much_is_always_as_far() -> None:
    axis = Axis.over([1, 1000], 0, 300)
    assert [axis.at(value) for value in (1, 10, 100, 1000)] == pytest.approx([0, 100, 200, 300])


def test_ticks_and_axes_are_told() -> None:
    root = picture(Line("a", [(1, 0.5), (1000, 20)]))
    told = [each.text for each in texts(root, "tick")]
    assert told == ["1", "10", "100", "1,000", "0.1", "1", "10", "100"]
    assert [each.text for each in texts(root, "meaning")] == ["tags", "ms"]


def test_more_is_drawn_higher_and_to_the_right() -> None:
    [line] = picture(Line("a", [(1, 1), (10, 10), (100, 100)])).iter(f"{SVG}polyline")
    points = [tuple(map(float, each.split(","))) for each in line.attrib["points"].split()]
    assert all(x1 < x2 and y1 > y2 for (x1, y1), (x2, y2) in pairwise(points))


def test_each_line_is_named_at_its_end_and_no_name_covers_another() -> None:
    lines = [Line(name, [(1, 5), (10, 5)]) for name in ("one", "two", "three")]
    names = texts(picture(*lines), "name")
    assert sorted(each.text or "" for each in names) == ["one", "three", "two"]
    heights = sorted(float(each.attrib["y"]) for each in names)
    assert all(below - above >= LABEL_GAP for above, below in pairwise(heights))
    assert all(float(each.attrib["x"]) > RIGHT for each in names)


def test_a_picture_has_colours_for_light_and_for_dark_pages() -> None:
    style = picture(Line("a", [(1, 1), (10, 1)])).findtext(f"{SVG}style") or ""
    light, _, dark = style.partition("@media (prefers-color-scheme:dark)")
    for rule in (".paper{fill:", "text{fill:", ".grid{stroke:", ".l0{stroke:", ".n0{fill:"):
        assert rule in light
        assert rule in dark


def test_what_is_said_in_a_picture_is_text_and_no_markup() -> None:
    root = picture(Line("a & b", [(1, 1), (10, 1)]))
    assert [each.text for each in texts(root, "title")] == ["a <title>"]
    assert [each.text for each in texts(root, "name")] == ["a & b"]
