"""Sections on whole landslides: found, missed and false, by size; outlines; how often each size occurs."""

import math
from collections.abc import Sequence
from importlib.util import find_spec

from landslip.evaluation.objects.boundary import boundary_scores
from landslip.evaluation.objects.found import Inventories, find_inventories
from landslip.evaluation.objects.frequency import frequency_areas
from landslip.evaluation.objects.score import ObjectScore, SizeBin, object_score
from landslip.evaluation.report.sheet import Asked, Section, chart, count, figure
from landslip.figures.charts import Axis, Chart, Reference, Row, RowChart, Series
from landslip.figures.formatting import area_text
from landslip.figures.frequency_area import frequency_chart
from landslip.figures.html_tables import pairs_table, paragraph, plain_table


def landslides_section(asked: Asked, found: Inventories) -> Section:
    """Landslides as a person counts them."""
    score = object_score(found)
    by_scene = {scene: object_score(found.in_scene(scene)) for scene in found.scenes}
    html = [
        paragraph(
            f"A mapped landslide and a true one are a pair where they overlap by an IoU of {score.least_iou:g} or "
            "more, one to one. Patches that touch on the ground are joined first, so that a landslide is one."
        ),
        pairs_table(_facts(score)),
    ]
    if len(by_scene) > 1:
        html.append(_scenes(by_scene))
    html += ["<h3>By size</h3>", chart(_by_size(score.sizes)), _size_table(score.sizes)]
    html.append(
        paragraph(
            "Found: with a partner. Touched: any pixel of it was found. Intervals: Wilson 1927, as if landslides were "
            "independent of each other. True landslides stand in the class of their true area, mapped ones in that of "
            "their mapped area.",
            "note",
        )
    )
    html += ["<h3>By how much overlap makes a pair</h3>", chart(_by_overlap(score))]
    data = {"all": score.as_dict(), "by_scene": {scene: one.as_dict() for scene, one in by_scene.items()}}
    return Section("landslides", "Landslides found, missed and false", "".join(html), data)


def outlines_section(asked: Asked) -> Section:
    """How well the outlines agree."""
    made = boundary_scores(asked.predictions)
    rows = ((f"{one.tolerance_m:g} m", figure(one.f1), figure(one.precision), figure(one.recall)) for one in made)
    table = plain_table(("Tolerance", "F1 of outlines", "Precision", "Recall"), rows)
    note = "The share of an outline that lies within the tolerance of the other one (boundary F1, Csurka et al. 2013)."
    return Section("outlines", "How well outlines agree", paragraph(note) + table, [one.as_dict() for one in made])


def frequency_section(asked: Asked, found: Inventories) -> Section:
    """How often each size occurs in truth and map."""
    if find_spec("powerlaw") is None:
        note = "The law of sizes is not fitted: that takes a library which comes with  pip install 'landslip[train]'."
        return Section("frequency_area", "How large, how many", paragraph(note), None)
    made = frequency_areas(found, asked.predictions.pixel_size_m)
    drawn = frequency_chart(tuple(one.density.series(name) for name, one in made.items() if one.density is not None))
    rows = []
    for name, one in made.items():
        law = one.law
        if law is None:
            rows.append((name, count(one.landslides), count(one.cut), "too few to fit", "", "", ""))
            continue
        better = "told apart" if law.lognormal_p_value < 0.1 else "not told apart"
        which = "power law" if law.lognormal_ratio > 0 else "lognormal"
        rows.append(
            (
                name,
                count(one.landslides),
                count(one.cut),
                f"{law.alpha:.2f} ± {law.alpha_error:.2f}",
                area_text(law.least_area_m2),
                count(law.tail),
                f"{which}, {better} (p {_chance(law.lognormal_p_value)})",
            )
        )
    heads = ("", "Landslides", "At an edge", "Exponent", "From", "In the tail", "Tail fits better")
    note = (
        "Bars: Poisson error of the count in each class. A map that joins neighbours or misses small landslides shows "
        "it here: its points lie flatter, or bend down further right. Exponent of p(A) ~ A^-alpha, from the area on "
        "where it fits best (Clauset et al. 2009). Landslides at an edge of what was observed are larger than counted."
    )
    html = (chart(drawn) if drawn.series else "") + plain_table(heads, rows) + paragraph(note, "note")
    return Section("frequency_area", "How large, how many", html, {name: one.as_dict() for name, one in made.items()})


def inventories(asked: Asked) -> Inventories:
    """The landslides of truth and map, found once for all sections."""
    return find_inventories(asked.predictions)


def _chance(p_value: float) -> str:
    return "under 0.01" if p_value < 0.01 else f"= {p_value:.2f}"


def _facts(score: ObjectScore) -> list[tuple[str, str]]:
    area_error = "–" if score.area_error is None else f"{score.area_error:+.0%}"
    count_error = "–" if score.count_error is None else f"{score.count_error:+.0%}"
    return [
        ("True landslides", f"{score.truth:,}, {area_text(score.truth_area_m2)}"),
        ("Found", f"{score.pairs:,} ({score.recall:.0%}); any pixel of {score.touched_truth:,}"),
        ("Mapped landslides", f"{score.mapped:,}, {area_text(score.mapped_area_m2)}"),
        ("Right", f"{score.pairs:,} ({score.precision:.0%}); touching a true one {score.touched_mapped:,}"),
        ("F1 of landslides", f"{score.f1:.3f}; panoptic quality {score.panoptic_quality:.3f}"),
        ("Count, area", f"{count_error} landslides, {area_error} area against the truth"),
        ("Mean IoU of pairs", figure(score.mean_iou)),
        ("Mapped by true area of pairs", f"{figure(score.median_area_ratio)} (median)"),
        (
            "At an edge",
            f"{score.cut_truth:,} true and {score.cut_mapped:,} mapped ones go on where nothing was observed",
        ),
    ]


def _scenes(by_scene: dict[str, ObjectScore]) -> str:
    heads = ("Scene", "True", "Found", "Mapped", "False alarms", "F1", "Count error", "Area error")
    rows = (
        (
            scene,
            count(one.truth),
            count(one.pairs),
            count(one.mapped),
            count(one.mapped - one.pairs),
            figure(one.f1),
            "–" if one.count_error is None else f"{one.count_error:+.0%}",
            "–" if one.area_error is None else f"{one.area_error:+.0%}",
        )
        for scene, one in by_scene.items()
    )
    return plain_table(heads, rows)


def _size_text(one: SizeBin) -> str:
    if math.isinf(one.high_m2):
        return f"from {area_text(one.low_m2)}"
    return f"{area_text(one.low_m2)} to {area_text(one.high_m2)}" if one.low_m2 else f"under {area_text(one.high_m2)}"


def _by_size(sizes: Sequence[SizeBin]) -> RowChart:
    rows = []
    for one in sizes:
        low, high = one.detection_interval or (None, None)
        rows.append(Row(_size_text(one), one.detection_rate, low, high, f"of {one.truth:,}"))
    axis = Axis("share of true landslides found, with 95 % interval", low=0, high=1)
    return RowChart("Share of true landslides found, by their area", axis, rows)


def _size_table(sizes: Sequence[SizeBin]) -> str:
    heads = ("Area", "True", "Found", "Touched", "Missed", "Mapped", "False alarms")
    rows = (
        (_size_text(one), *map(count, (one.truth, one.found, one.touched, one.missed, one.mapped, one.false_alarms)))
        for one in sizes
    )
    return plain_table(heads, rows)


def _by_overlap(score: ObjectScore) -> Chart:
    ious, f1s = zip(*score.f1_by_iou, strict=True)
    return Chart(
        "F1 of landslides when pairs need more or less overlap",
        Axis("least IoU that makes a pair", low=0, high=1),
        Axis("F1 of landslides", low=0, high=1),
        (Series("", ious, f1s, marks="both"),),
        (Reference("used above", x=score.least_iou),),
    )
