"""The report of a stress test: charts, an HTML page, and JSON."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from landslip.datasets.patch_set import SYNTHETIC
from landslip.detector.card import Card
from landslip.evaluation.predict import SYNTHETIC_LABEL
from landslip.evaluation.report.layout import (
    Headline,
    ReportPage,
    Section,
    chart_html,
    format_interval,
    format_ratio,
    write_report_files,
    write_text,
)
from landslip.figures.charts import Axis, Chart, Reference, Row, RowChart, Series, render_svg
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import FEW_UNITS, MIN_UNITS
from landslip.studies.stress.run import Curve, Point, StressTest
from landslip.studies.stress.stresses import LOST, SAMPLING, SIZE

_F1_AXIS = Axis("F1 (pooled over pixels)", low=0, high=1)
_WORST_SHOWN = 5


def write_stress(result: StressTest, card: Card, folder: str | Path) -> tuple[Path, ...]:
    """Write ``stress.html``, ``stress.json`` and an SVG chart of each stress.

    Raises:
        OutputError: a file cannot be written.
    """
    folder = Path(folder)
    pages = write_report_files(folder, "stress", _build_page(result, card), result.as_dict())
    note = f"{result.detector} at threshold {result.threshold:g} on {result.data}. {DEFINITION}; bands: 95 % bootstrap."
    charts = tuple(
        write_text(
            folder / f"{name}.svg",
            render_svg(draw_stress(curves), title=curves[0].title, note=f"{curves[0].text} {note}"),
        )
        for name, curves in _group_by_stress(result)
    )
    return (*pages, *charts)


def _build_page(result: StressTest, card: Card) -> str:
    sections = [
        Section(
            name.replace("-", "_"),
            curves[0].title,
            paragraph(curves[0].text) + chart_html(draw_stress(curves)) + "".join(map(_build_table, curves)),
            None,
        )
        for name, curves in _group_by_stress(result)
    ]
    cautions = list(result.left_out)
    if SYNTHETIC_LABEL in result.data:
        cautions.insert(0, f"The data are synthetic. {SYNTHETIC} Scores on them do not transfer to real landslides.")
    few = sorted({f"{one.title} ({one.units} {one.unit})" for one in result.curves if one.units < FEW_UNITS})
    if few:
        cautions.append(
            f"Too few resampling units for reliable intervals: {', '.join(few)}. No interval is given for fewer than "
            f"{MIN_UNITS}."
        )
    return ReportPage(
        kicker="Stress test of a landslide detector",
        title=card.title,
        lead=f"{result.detector} at threshold {result.threshold:g} on {result.data}, {result.patches:,} patches",
        notes=(
            "Network and threshold are the same at every level. The second line of each chart is F1 at the best "
            "threshold of each level: the gap between the lines is lost to calibration, the rest to the network",
            f"F1, precision and recall: {DEFINITION}. Bands: 95 % bootstrap intervals",
        ),
        cautions=cautions,
        headlines=tuple(_build_headlines(result)),
        sections=sections,
        attribution=card.attribution,
    ).html()


def draw_stress(curves: tuple[Curve, ...]) -> Chart | RowChart:
    """Build the chart of one stress."""
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
        ends = [(point.low, point.high) for point in curve.points if point.low is not None and point.high is not None]
        # All points of a curve have the same resampling units.
        lows, highs = ([low for low, _ in ends], [high for _, high in ends]) if ends else ((), ())
        series.append(Series(name, levels, [point.f1 for point in curve.points], lows, highs, "both"))
    if len(curves) == 1:
        best = [point.best_f1 for point in first.points]
        series.append(Series("at the best threshold of each level", [point.level for point in first.points], best))
    levels = sorted({point.level for curve in curves for point in curve.points})
    unchanged = first.unchanged if first.unchanged in levels else None
    axis = Axis(first.axis)
    if first.stress in (SIZE, SAMPLING):
        # Levels are spaced evenly, because some lie close together and others far apart.
        position = {level: float(number) for number, level in enumerate(levels)}
        series = [replace(one, x=[position[x] for x in one.x]) for one in series]
        axis = Axis(first.axis, ticks=tuple((position[level], f"{level:g}") for level in levels))
        unchanged = None if unchanged is None else position[unchanged]
    references = (Reference("unchanged", x=unchanged),) if unchanged is not None else ()
    return Chart(first.title, axis, _F1_AXIS, tuple(series), references)


def _group_by_stress(result: StressTest) -> Iterator[tuple[str, tuple[Curve, ...]]]:
    for name, curves in groupby(result.curves, key=lambda one: one.stress):
        yield name, tuple(curves)


def _build_table(curve: Curve) -> str:
    columns = ("Level", "F1", "95 % interval", "Precision", "Recall", "F1 at best threshold", "Best threshold")
    title = paragraph(curve.line.capitalize(), "note") if curve.line else ""
    return title + plain_table(columns, (_build_row(point) for point in curve.points))


def _build_row(point: Point) -> tuple[str, ...]:
    return (
        point.label or f"{point.level:g}",
        format_ratio(point.f1),
        format_interval(point.low, point.high),
        format_ratio(point.precision),
        format_ratio(point.recall),
        format_ratio(point.best_f1),
        f"{point.best_threshold:g}",
    )


def _build_headlines(result: StressTest) -> Iterator[Headline]:
    """F1 on unchanged images, and the levels with the lowest F1."""
    plain = next((one for one in result.curves if one.stress not in (SIZE, SAMPLING)), None)
    if plain is not None:
        unchanged = next(one for one in plain.points if one.level == plain.unchanged)
        yield Headline(
            "F1, unchanged images", format_ratio(unchanged.f1), format_interval(unchanged.low, unchanged.high)
        )
    lowest = []
    for curve in result.curves:
        worst = min(curve.points, key=lambda one: one.f1)
        lowest.append((worst.f1, f"{curve.title}{f', {curve.line}' if curve.line else ''}", worst))
    for f1, title, worst in sorted(lowest, key=lambda one: one[0])[:_WORST_SHOWN]:
        yield Headline(title, format_ratio(f1), f"at {worst.label or f'{worst.level:g}'}")
