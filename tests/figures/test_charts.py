"""Charts: axes hold their values, files are well-formed and reproducible, text from outside is escaped."""

import base64
import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from landslip.figures.charts import Axis, Chart, Reference, Row, RowChart, Series, chart_image, render_svg
from landslip.figures.frequency_area import frequency, frequency_chart

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<script>\"&' $x^2$"
ROWS = RowChart(
    "F1 by scene",
    Axis("F1", low=0, high=1),
    [Row("one", 0.25, 0.2, 0.3, "of 12"), Row("two", 0.75, kind=1), Row("none", None)],
    ("first", "second"),
    reference=0.5,
)


def chart_of(marks: str) -> Chart:
    nan = float("nan")
    return Chart(
        NASTY,
        Axis(NASTY),
        Axis("F1", low=0, high=1),
        (
            Series(NASTY, [0, 1, 2], [0.2, nan, 0.4], [0.1, nan, 0.3], [0.3, nan, 0.5], marks),  # type: ignore[arg-type]  # from the list
            Series("b", [0, 1], [0.2, 0.3], marks=marks),  # type: ignore[arg-type]  # from the list
        ),
        (Reference(NASTY, x=1), Reference(NASTY, y=0.5), Reference(NASTY)),
    )


def points_of(svg: str) -> list[tuple[float, float]]:
    """Where the markers of a chart stand, in points of the drawing; ticks are markers of axes and left out."""
    root = ET.fromstring(svg)
    groups = [one for one in root.iter(f"{SVG}g") if one.attrib.get("id", "").startswith("line2d")]
    ticks = {id(tick) for one in root.iter(f"{SVG}g") if "tick" in one.attrib.get("id", "") for tick in one.iter()}
    uses = [use for group in groups if id(group) not in ticks for use in group.iter(f"{SVG}use")]
    return [(float(use.attrib["x"]), float(use.attrib["y"])) for use in uses]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda value: round(value, 6)), max_size=6))
@example([600_000.0, -1e-05])
def test_limits_hold_all_values(values: list[float]) -> None:
    low, high = Axis("a").limits([*values, float("nan")])
    assert low < high
    assert all(low <= value <= high for value in values)


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=6))
def test_a_logarithmic_axis_ends_at_whole_decades(values: list[float]) -> None:
    low, high = Axis("a", "log").limits([*values, 0.0, -1.0])
    assert all(math.log10(end) == pytest.approx(round(math.log10(end))) for end in (low, high))
    assert all(low * (1 - 1e-6) <= value <= high * (1 + 1e-6) for value in values)


@pytest.mark.parametrize("marks", ["line", "points", "both"])
def test_a_file_is_well_formed_whatever_the_names(marks: str) -> None:
    root = ET.fromstring(render_svg(chart_of(marks), title=NASTY, note=NASTY))
    assert not [one for one in root.iter() if one.tag.endswith("script")]
    assert sum(text.count(NASTY) for text in root.itertext()) >= 7


def test_a_chart_is_the_same_each_time_and_names_no_date() -> None:
    for chart in (chart_of("both"), ROWS):
        svg = render_svg(chart, title="T", note="N")
        assert svg == render_svg(chart, title="T", note="N")
        assert not re.search(r"dc:date|matplotlib v", svg, re.IGNORECASE)


def test_an_image_holds_the_chart_and_its_title() -> None:
    image = ET.fromstring(chart_image(chart_of("line")).removesuffix(">") + "/>")
    assert image.attrib["alt"] == NASTY
    kind, data = image.attrib["src"].split(",", 1)
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == render_svg(chart_of("line"))


def test_a_value_between_gaps_is_drawn_as_a_point() -> None:
    nan = float("nan")
    lines = Series("s", [0, 1, 2, 3, 4], [0.1, nan, 0.2, 0.3, nan])
    assert len(points_of(render_svg(Chart("c", Axis("x"), Axis("y"), (lines,))))) == 1


def test_rows_stand_where_their_values_lie() -> None:
    svg = render_svg(ROWS)
    (one_x, one_y), (two_x, two_y), *legend = points_of(svg)
    assert len(legend) == 2
    assert one_y < two_y
    reference = next(
        float(match[1]) for match in re.finditer(r'<path d="M ([\d.]+) [\d.]+ \nL ([\d.]+) [\d.]+ \n"', svg)
        if match[1] == match[2] and "stroke-dasharray" in svg[match.end() : match.end() + 120]
    )  # fmt: skip
    assert (one_x + two_x) / 2 == pytest.approx(reference, abs=0.2)
    text = "".join(ET.fromstring(svg).itertext())
    assert "undefined" in text
    assert "of 12" in text


@settings(max_examples=15)
@given(st.lists(st.floats(10, 1e7), min_size=1, max_size=60), st.floats(0, 1e5))
def test_every_class_of_a_frequency_area_distribution_is_drawn(areas_m2: list[float], min_m2: float) -> None:
    found = frequency(np.array(areas_m2))
    points = points_of(render_svg(frequency_chart((found.series(),), min_m2)))
    assert len(points) == len(found.count)
    assert all(left[0] < right[0] for left, right in pairwise(points))
    assert all(0 < x < 504 and 0 < y < 303 for x, y in points)
