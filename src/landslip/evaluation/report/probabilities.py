"""Sections on probabilities: whether they mean what they say, and what each threshold brings."""

from collections.abc import Sequence

import numpy as np

from landslip.detector.ood_distance import Gauge
from landslip.errors import PredictionsError
from landslip.evaluation.domain_shift import LEAST_LANDSLIDE_PX, SceneFamiliarity, distances_of, familiarity_score
from landslip.evaluation.report.sheet import Asked, Section, chart, figure
from landslip.figures.charts import Axis, Chart, Reference, Series
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics import count_tables as table
from landslip.metrics.calibration import Calibration, temperature_effect
from landslip.metrics.count_tables import counts_of, f1
from landslip.metrics.risk_coverage import rank_errors
from landslip.metrics.thresholds import Choice, sweep

_RECALLS = (0.5, 0.7, 0.8, 0.9)
_COSTS = (2.0, 5.0, 10.0)
_CURVE = slice(1, 250)


def calibration_section(asked: Asked) -> Section:
    """Reliability diagram, with and without the temperature."""
    effect = temperature_effect(asked.predictions)
    versions = {"as the detector says": effect.after}
    if effect.before is not None:
        versions["without its temperature"] = effect.before
    drawn = Chart(
        "Share of pixels that are landslide over the probability that was said of them",
        Axis("probability said", low=0, high=1),
        Axis("share that is landslide", low=0, high=1),
        tuple(_reliability(name, one) for name, one in versions.items()),
        (Reference("what was said is what is true"),),
    )
    heads = ("", "Expected calibration error", "Brier score", "Skill", "Cross-entropy (nats)", "Mean probability")
    rows = (
        (
            name,
            f"{one.ece:.4f}",
            f"{one.brier:.4f}",
            figure(one.skill),
            f"{one.cross_entropy:.4f}",
            f"{one.mean_probability:.4f}",
        )
        for name, one in versions.items()
    )
    note = (
        f"Landslide is {effect.after.landslide_share:.2%} of {effect.after.pixels:,} pixels. Points below the "
        "diagonal: the detector is surer than it should be. Pixels of one landslide are no independent witnesses, "
        "so small bins say little."
    )
    html = chart(drawn) + plain_table(heads, rows) + paragraph(note, "note")
    return Section("calibration", "Whether a probability means what it says", html, effect.as_dict())


def threshold_section(asked: Asked) -> Section:
    """Precision against recall, both against the threshold, and the thresholds that uses ask for."""
    made, own = sweep(asked.predictions), asked.predictions.threshold
    recall, precision = (one(made.counts)[_CURVE].tolist() for one in (table.recall, table.precision))
    level = next(number for number, value in enumerate(made.thresholds) if value >= own - 1e-9)
    here = made.counts[level]
    curve = Chart(
        "Precision over recall at every threshold",
        Axis("recall", low=0, high=1),
        Axis("precision", low=0, high=1),
        (
            Series("every threshold", recall, precision),
            Series(f"threshold {own:g}", [float(table.recall(here))], [float(table.precision(here))], marks="points"),
        ),
    )
    thresholds = made.thresholds[_CURVE].tolist()
    swept = Chart(
        "F1, precision and recall over the threshold",
        Axis("threshold (probability)", low=0, high=1),
        Axis("F1, precision, recall", low=0, high=1),
        (
            Series("F1", thresholds, table.f1(made.counts)[_CURVE].tolist()),
            Series("precision", thresholds, precision),
            Series("recall", thresholds, recall),
        ),
        (Reference("used here", x=own),),
    )
    choices = [made.best_f1(), *(one for wanted in _RECALLS if (one := made.for_recall(wanted)))]
    choices += [made.for_cost(cost) for cost in _COSTS]
    heads = ("Wanted", "Threshold", "Precision", "Recall", "F1")
    note = (
        f"Average precision {made.average_precision:.3f}. The table says what would have served best on these very "
        "patches. A threshold chosen on the patches that it is scored on flatters: the figures of this report are "
        f"those at {own:g}."
    )
    if asked.predictions.thresholds is not None:
        note += " Several detectors shared these patches, each with a threshold of its own; here they share one."
    html = chart(curve) + chart(swept) + plain_table(heads, map(_choice, choices)) + paragraph(note, "note")
    return Section(
        "thresholds",
        "What each threshold brings",
        html,
        made.as_dict() | {"choices": [one.as_dict() for one in choices]},
    )


def _reliability(name: str, one: Calibration) -> Series:
    known = [bin_ for bin_ in one.bins if bin_.mean_probability is not None and bin_.landslide_share is not None]
    return Series(
        name,
        [bin_.mean_probability or 0.0 for bin_ in known],
        [bin_.landslide_share or 0.0 for bin_ in known],
        marks="both",
    )


def _choice(one: Choice) -> tuple[str, ...]:
    return one.why, f"{one.threshold:g}", figure(one.precision), figure(one.recall), figure(one.f1)


_NAMES = {"probability": "by the probability itself", "spread": "by how much several answers differ"}
_FAR_SHARE = 0.99


def uncertainty_section(asked: Asked) -> Section:
    """Sparsification: what is left when the least sure pixels are set aside."""
    curves = [rank_errors(asked.predictions, "probability")]
    if asked.predictions.spread is not None:
        curves.append(rank_errors(asked.predictions, "spread"))
    first = curves[0]
    series = [Series(_NAMES[one.kind], one.set_aside, one.risk) for one in curves]
    drawn = Chart(
        "Share of wrong pixels among those that are kept, when the least sure are set aside",
        Axis("share of the pixels that is set aside, the least sure first", low=0, high=1),
        Axis("share of wrong pixels among the rest", low=0),
        (*series, Series("if it knew all its errors", first.set_aside, first.risk_oracle)),
        (Reference("in random order", y=first.aurc_chance),),
    )
    heads = ("Order", "AURC", "of an oracle", "by chance", "between oracle 0 and chance 1", "AUROC")
    rows = (
        (
            _NAMES[one.kind],
            f"{one.aurc:.5f}",
            f"{one.aurc_oracle:.5f}",
            f"{one.aurc_chance:.5f}",
            figure(one.excess),
            figure(one.auroc),
        )
        for one in curves
    )
    note = (
        "AURC: area under the share of wrong pixels against what is kept (Geifman et al. 2019), lower is better. "
        "AUROC: the chance that a wrong pixel is less sure than a right one. Most pixels are easily right, so both "
        "look good soon."
    )
    html = chart(drawn) + plain_table(heads, rows) + paragraph(note, "note")
    data = {one.kind: one.as_dict() for one in curves}
    return Section("uncertainty", "Whether it knows where it is wrong", html, data)


def familiarity_section(asked: Asked) -> Section | None:
    """How far the ground lies from what the detector learned from, and whether F1 falls with it.

    None where the card does not say what it learned from.
    """
    card = asked.card
    if card is None or card.seen is None:
        return None
    gauge = Gauge(card.seen, card.channels)
    distances = distances_of(gauge, asked.patches)
    far = gauge.within(_FAR_SHARE)
    counts = counts_of(asked.predictions)
    usable = np.isfinite(distances) & (counts[:, 0] + counts[:, 2] >= LEAST_LANDSLIDE_PX)
    scenes = np.array([entry.scene for entry in asked.predictions.entries])
    series = [
        Series(f"scene {scene}", distances[here].tolist(), f1(counts[here]).tolist(), marks="points")
        for scene in asked.predictions.scenes
        for here in (usable & (scenes == scene),)
        if here.any()
    ]
    drawn = Chart(
        "F1 of each patch over its distance from what the detector learned from",
        Axis("distance from what it learned from (about 1 for its own training patches)", low=0),
        Axis("F1 of the patch", low=0, high=1),
        tuple(series),
        (Reference("99 % of its training patches lie nearer", x=far),),
    )
    try:
        made = familiarity_score(asked.predictions, distances, far)
    except PredictionsError as error:
        return Section("familiarity", "How far from home", paragraph(f"Nothing can be said: {error}."), None)
    heads = ("Scene", "Patches", "Median distance", "Farther than 99 %", "F1", "Correlation within")
    note = (
        f"Rank correlation of distance and F1: {made.by_patch:+.2f} over {made.patches} patches, {made.by_block:+.2f} "
        f"({made.low:+.2f} to {made.high:+.2f}) over {made.blocks} {made.unit}; below 0 where F1 falls with distance. "
        "Figures of ground that the detector learned from flatter both."
    )
    html = chart(drawn) + plain_table(heads, _rows(made.scenes)) + paragraph(note, "note")
    return Section("familiarity", "How far from home", html, made.as_dict())


def _rows(scenes: Sequence[SceneFamiliarity]) -> list[tuple[str, ...]]:
    return [
        (
            one.scene,
            f"{one.patches:,}",
            f"{one.distance:.2f}",
            f"{one.far_share:.0%}",
            figure(one.f1),
            "–" if one.within is None else f"{one.within:+.2f}",
        )
        for one in scenes
    ]
