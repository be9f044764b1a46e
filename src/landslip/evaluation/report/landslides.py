"""Report sections on landslides as objects: detection by size, outlines, frequency-area distribution."""

import math
from collections.abc import Sequence
from importlib.util import find_spec

from landslip.evaluation.objects.boundary import boundary_scores
from landslip.evaluation.objects.frequency import frequency_areas
from landslip.evaluation.objects.inventories import InventoryPair
from landslip.evaluation.objects.score import ObjectScore, SizeBin, score_objects
from landslip.evaluation.report.layout import ReportInput, Section, chart_html, format_integer, format_ratio
from landslip.figures.charts import Axis, Chart, Reference, Row, RowChart, Series
from landslip.figures.formatting import format_area
from landslip.figures.frequency_area import frequency_chart
from landslip.figures.html_tables import pairs_table, paragraph, plain_table


def landslides_section(found: InventoryPair) -> Section:
    """Make the section on detected, missed and false landslides."""
    score = score_objects(found)
    by_scene = {scene: score_objects(found.in_scene(scene)) for scene in found.scenes}
    html = [
        paragraph(
            f"Mapped and reference landslides are matched one to one where their IoU is at least {score.min_iou:g}. "
            "Neighbouring patches are joined first, so that a landslide across patches is one object."
        ),
        pairs_table(_facts(score)),
    ]
    if len(by_scene) > 1:
        html.append(_scenes(by_scene))
    html += ["<h3>By size</h3>", chart_html(_by_size(score.sizes)), _size_table(score.sizes)]
    html.append(
        paragraph(
            "Detected: matched with a mapped landslide. Touched: at least one pixel is mapped. Intervals: Wilson 1927, "
            "which assumes independent landslides. Reference landslides are classed by their reference area, mapped "
            "ones by their mapped area.",
            "note",
        )
    )
    html += ["<h3>By the IoU required for a match</h3>", chart_html(_by_overlap(score))]
    data = {"all": score.as_dict(), "by_scene": {scene: one.as_dict() for scene, one in by_scene.items()}}
    return Section("landslides", "Detected, missed and false landslides", "".join(html), data)


def outlines_section(inputs: ReportInput) -> Section:
    """Make the section on the agreement of outlines."""
    scores = boundary_scores(inputs.predictions)
    rows = (
        (f"{one.tolerance_m:g} m", format_ratio(one.f1), format_ratio(one.precision), format_ratio(one.recall))
        for one in scores
    )
    table = plain_table(("Tolerance", "Boundary F1", "Precision", "Recall"), rows)
    note = "Fraction of each outline within the tolerance of the other outline (boundary F1, Csurka et al. 2013)."
    return Section("outlines", "Agreement of outlines", paragraph(note) + table, [one.as_dict() for one in scores])


def frequency_section(inputs: ReportInput, found: InventoryPair) -> Section:
    """Make the section on the frequency-area distributions of reference and map."""
    title = "Frequency-area distribution"
    if find_spec("powerlaw") is None:
        note = "Not computed: the power-law fit needs an optional package, pip install 'landslip[train]'."
        return Section("frequency_area", title, paragraph(note), None)
    made = frequency_areas(found, inputs.predictions.pixel_size_m)
    drawn = frequency_chart(tuple(one.density.series(name) for name, one in made.items() if one.density is not None))
    rows = []
    for name, one in made.items():
        law = one.law
        counts = (name, format_integer(one.landslides), format_integer(one.cut))
        if law is None:
            rows.append((*counts, "too few landslides", "", "", ""))
            continue
        significant = "significant" if law.lognormal_p_value < 0.1 else "not significant"
        better = "power law" if law.lognormal_ratio > 0 else "lognormal"
        p_value = "p < 0.01" if law.lognormal_p_value < 0.01 else f"p = {law.lognormal_p_value:.2f}"
        rows.append(
            (
                *counts,
                f"{law.alpha:.2f} ± {law.alpha_error:.2f}",
                format_area(law.min_area_m2),
                format_integer(law.tail),
                f"{better}, {significant} ({p_value})",
            )
        )
    heads = ("", "Landslides", "Cut by an edge", "Exponent", "Smallest area", "In the tail", "Better fit of the tail")
    note = (
        "Error bars: Poisson error of the count in each class. Merged neighbours and missed small landslides make the "
        "distribution of the map flatter, or move its rollover to larger areas. Exponent: alpha of p(A) ~ A^-alpha, "
        "above the smallest area where the fit is best (Clauset et al. 2009). Landslides cut by nodata or the edge of "
        "the image are larger than counted."
    )
    html = (chart_html(drawn) if drawn.series else "") + plain_table(heads, rows) + paragraph(note, "note")
    return Section("frequency_area", title, html, {name: one.as_dict() for name, one in made.items()})


def _signed_percent(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0%}"


def _facts(score: ObjectScore) -> list[tuple[str, str]]:
    return [
        ("Reference landslides", f"{score.reference:,}, {format_area(score.reference_area_m2)}"),
        ("Detected", f"{score.matches:,} ({score.recall:.0%}); at least one pixel of {score.touched_reference:,}"),
        ("Mapped landslides", f"{score.mapped:,}, {format_area(score.mapped_area_m2)}"),
        ("Correct", f"{score.matches:,} ({score.precision:.0%}); {score.touched_mapped:,} touch a reference landslide"),
        ("F1 of landslides", f"{score.f1:.3f}; panoptic quality {score.panoptic_quality:.3f}"),
        ("Error of count and area", f"{_signed_percent(score.count_error)}, {_signed_percent(score.area_error)}"),
        ("Mean IoU of matches", format_ratio(score.mean_iou)),
        ("Mapped / reference area of matches", f"{format_ratio(score.median_area_ratio)} (median)"),
        ("Cut by nodata or an edge", f"{score.cut_reference:,} reference and {score.cut_mapped:,} mapped landslides"),
    ]


def _scenes(by_scene: dict[str, ObjectScore]) -> str:
    heads = ("Scene", "Reference", "Detected", "Mapped", "False alarms", "F1", "Count error", "Area error")
    rows = (
        (
            scene,
            format_integer(one.reference),
            format_integer(one.matches),
            format_integer(one.mapped),
            format_integer(one.mapped - one.matches),
            format_ratio(one.f1),
            _signed_percent(one.count_error),
            _signed_percent(one.area_error),
        )
        for scene, one in by_scene.items()
    )
    return plain_table(heads, rows)


def _size_text(one: SizeBin) -> str:
    if math.isinf(one.high_m2):
        return f"{format_area(one.low_m2)} and more"
    if one.low_m2:
        return f"{format_area(one.low_m2)} to {format_area(one.high_m2)}"
    return f"below {format_area(one.high_m2)}"


def _by_size(sizes: Sequence[SizeBin]) -> RowChart:
    rows = []
    for one in sizes:
        low, high = one.detection_interval or (None, None)
        rows.append(Row(_size_text(one), one.detection_rate, low, high, f"of {one.reference:,}"))
    axis = Axis("detection rate, with 95 % interval", low=0, high=1)
    return RowChart("Detection rate of reference landslides by their area", axis, rows)


def _size_table(sizes: Sequence[SizeBin]) -> str:
    heads = ("Area", "Reference", "Detected", "Touched", "Missed", "Mapped", "False alarms")
    rows = (
        (
            _size_text(one),
            *map(format_integer, (one.reference, one.detected, one.touched, one.missed, one.mapped, one.false_alarms)),
        )
        for one in sizes
    )
    return plain_table(heads, rows)


def _by_overlap(score: ObjectScore) -> Chart:
    ious, f1s = zip(*score.f1_by_iou, strict=True)
    return Chart(
        "F1 of landslides over the IoU required for a match",
        Axis("IoU required for a match", low=0, high=1),
        Axis("F1 of landslides", low=0, high=1),
        (Series("", ious, f1s, marks="both"),),
        (Reference("used above", x=score.min_iou),),
    )
