"""The result of a stress test as charts, a page, and files."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from landslip.datasets.formats import SYNTHETIC
from landslip.detector.card import Card
from landslip.evaluation.report.sheet import Headline, Section, Sheet, chart, figure, from_to, write_pair, write_text
from landslip.evaluation.resolve import SYNTHETIC_LABEL
from landslip.figures.charts import Axis, Chart, Reference, Row, RowChart, Series, render_svg
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import FEW
from landslip.studies.stress.run import Curve, Point, StressTest
from landslip.studies.stress.stresses import LOST, SAMPLING, SIZE

_F1_AXIS = Axis("F1 (pooled over pixels)", low=0, high=1)


def write_stress(found: StressTest, card: Card, folder: Path) -> tuple[Path, ...]:
    """Write ``stress.html``, ``stress.json`` and a chart of each stress as SVG.

    Raises:
        OutputError: they cannot be written.
    """
    pages = write_pair(folder, "stress", stress_page(found, card), found.as_dict())
    note = f"{found.detector} at threshold {found.threshold:g} on {found.data}. {DEFINITION}; bands: 95 % bootstrap."
    drawings = tuple(
        write_text(folder / f"{name}.svg", render_svg(drawn, title=curves[0].title, note=f"{curves[0].text} {note}"))
        for name, curves in _by_stress(found)
        for drawn in (draw(curves),)
    )
    return (*pages, *drawings)


def stress_page(found: StressTest, card: Card) -> str:
    """The page with every chart and its table."""
    sections = [
        Section(
            name.replace("-", "_"),
            curves[0].title,
            paragraph(curves[0].text) + chart(draw(curves)) + "".join(map(_table, curves)),
            None,
        )
        for name, curves in _by_stress(found)
    ]
    cautions = list(found.left_out)
    if SYNTHETIC_LABEL in found.data:
        cautions.insert(
            0, f"The data are synthetic. {SYNTHETIC} An accuracy on them says nothing about real landslides."
        )
    few = sorted({f"{one.title} ({one.units} {one.unit})" for one in found.curves if one.units < FEW})
    if few:
        cautions.append(f"So few units that the intervals are guesses: {', '.join(few)}.")
    sheet = Sheet(
        kicker="Stress test of a landslide detector",
        title=card.title,
        lead=f"{found.detector} at threshold {found.threshold:g} on {found.data}, {found.patches:,} patches",
        notes=(
            "The network is the same everywhere and so is its threshold. The second line of each chart says what F1 "
            "would be at the threshold that is best at that very level: what lies between the two lines is lost by "
            "calibration, the rest by the network",
            f"F1, precision and recall: {DEFINITION}. Bands: 95 % bootstrap intervals",
        ),
        cautions=cautions,
        headlines=tuple(_headlines(found)),
        sections=sections,
        attribution=card.attribution,
    )
    return sheet.html()


def draw(curves: tuple[Curve, ...]) -> Chart | RowChart:
    """The chart of one stress."""
    first = curves[0]
    if first.stress == LOST:
        rows = [
            Row(point.label, point.f1, point.low, point.high, kind=kind)
            for number in range(len(first.points))
            for kind, point in enumerate(curve.points[number] for curve in curves)
            if kind == 0 or number
        ]
        kinds = tuple(curve.line for curve in curves)
        return RowChart(first.title, Axis(first.axis, low=0, high=1), rows, kinds, first.points[0].f1)
    series = []
    for curve in curves:
        levels = [point.level for point in curve.points]
        name = curve.line or "at the detector's threshold"
        lows, highs = [point.low for point in curve.points], [point.high for point in curve.points]
        series.append(Series(name, levels, [point.f1 for point in curve.points], lows, highs, "both"))
    if len(curves) == 1:
        best = [point.best_f1 for point in first.points]
        series.append(Series("at the best threshold there", [point.level for point in first.points], best))
    levels = sorted({point.level for curve in curves for point in curve.points})
    untouched = first.untouched if first.untouched in levels else None
    axis = Axis(first.axis)
    if first.stress in (SIZE, SAMPLING):
        # Some of these lie close together and others far apart: even steps, so that none is squeezed.
        place = {level: float(number) for number, level in enumerate(levels)}
        series = [replace(one, x=[place[x] for x in one.x]) for one in series]
        axis = Axis(first.axis, ticks=tuple((place[level], f"{level:g}") for level in levels))
        untouched = None if untouched is None else place[untouched]
    references = (Reference("unchanged", x=untouched),) if untouched is not None else ()
    return Chart(first.title, axis, _F1_AXIS, tuple(series), references)


def _by_stress(found: StressTest) -> Iterator[tuple[str, tuple[Curve, ...]]]:
    for name, curves in groupby(found.curves, key=lambda one: one.stress):
        yield name, tuple(curves)


def _table(curve: Curve) -> str:
    heads = ("Level", "F1", "95 % interval", "Precision", "Recall", "F1 at the best threshold", "That threshold")
    head = paragraph(curve.line.capitalize(), "note") if curve.line else ""
    return head + plain_table(heads, (_row(point) for point in curve.points))


def _row(point: Point) -> tuple[str, ...]:
    return (
        point.label or f"{point.level:g}",
        figure(point.f1),
        from_to(point.low, point.high),
        figure(point.precision),
        figure(point.recall),
        figure(point.best_f1),
        f"{point.best_threshold:g}",
    )


def _headlines(found: StressTest) -> Iterator[Headline]:
    """F1 as it is, and the deepest falls."""
    plain = next((one for one in found.curves if one.stress not in (SIZE, SAMPLING)), None)
    if plain is not None:
        untouched = next(one for one in plain.points if one.level == plain.untouched)
        yield Headline("F1, nothing changed", figure(untouched.f1), from_to(untouched.low, untouched.high))
    falls = []
    for curve in found.curves:
        worst = min(curve.points, key=lambda one: one.f1)
        falls.append((worst.f1, f"{curve.title}{f', {curve.line}' if curve.line else ''}", worst))
    for f1, title, worst in sorted(falls, key=lambda one: one[0])[:5]:
        yield Headline(title, figure(f1), f"at {worst.label or f'{worst.level:g}'}")
