"""Charts: axes hold what they show, drawings are well-formed and escape what comes from outside."""

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.figures.charts.axis import Axis
from landslip.figures.charts.chart import Chart, Reference, Series, runs
from landslip.figures.charts.drawing import as_file, chart_svg
from landslip.figures.charts.rows import Row, RowChart, rows_svg

numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))


@given(st.lists(numbers, max_size=6))
def test_an_axis_holds_its_values_and_its_ticks_are_round(values: list[float]) -> None:
    axis = Axis("a").over(values)
    assert axis.low is not None and axis.high is not None
    assert axis.low < axis.high
    for value in [*values, *(place for place, _ in axis.ticks)]:
        assert -1e-6 <= axis.share(value) <= 1 + 1e-6
    assert 2 <= len(axis.ticks) <= 12
    assert len({text for _, text in axis.ticks}) == len(axis.ticks)
    for place, text in axis.ticks:
        assert float(text.replace("−", "-").replace(",", "")) == pytest.approx(place, abs=1e-9)


@given(st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=6))
def test_a_logarithmic_axis_ends_at_whole_decades(values: list[float]) -> None:
    axis = Axis("a", "log").over(values)
    assert axis.low is not None and axis.high is not None
    assert math.log10(axis.low) == pytest.approx(round(math.log10(axis.low)))
    assert all(-1e-6 <= axis.share(value) <= 1 + 1e-6 for value in values)
    assert axis.share(math.sqrt(axis.low * axis.high)) == pytest.approx(0.5)


def test_a_missing_value_breaks_a_line() -> None:
    nan = float("nan")
    assert runs(Series("s", [0, 1, 2, 3, 4], [1, nan, 2, 2, nan])) == [[0], [2, 3]]


@pytest.mark.parametrize("marks", ["line", "points", "both", "steps"])
def test_a_drawing_is_well_formed_whatever_the_names(marks: str) -> None:
    nasty = "<script>\"&'"
    chart = Chart(
        nasty,
        Axis(nasty),
        Axis("F1", low=0, high=1),
        (
            Series(nasty, [0, 1, 2], [0.2, float("nan"), 0.4], [0.1, 0, 0.3], [0.3, 0, 0.5], marks, [nasty] * 3),  # type: ignore[arg-type]  # from the list
            Series("b", [0, 1], [0.2, 0.3], marks=marks),  # type: ignore[arg-type]  # from the list
        ),
        (Reference(nasty, x=1), Reference(nasty, y=0.5), Reference(nasty)),
    )
    for drawing in (chart_svg(chart), as_file(chart_svg(chart), nasty, nasty)):
        root = ElementTree.fromstring(drawing)
        assert not [one for one in root.iter() if one.tag.endswith("script")]


def test_rows_stand_where_their_values_lie() -> None:
    rows = [Row("one", 0.25, 0.2, 0.3), Row("two", 0.75), Row("none", None)]
    root = ElementTree.fromstring(rows_svg(RowChart("t", Axis("F1", low=0, high=1), rows, reference=0.5)))
    xs = [float(one.attrib["cx"]) for one in root.iter("circle")]
    middle = next(float(one.attrib["x1"]) for one in root.iter("line") if one.attrib["class"] == "limit")
    assert len(xs) == 2
    assert sum(xs) / 2 == pytest.approx(middle, abs=0.2)
    assert "nothing to say" in "".join(root.itertext())
