"""Sections on probabilities: whether they mean what they say, and what each threshold brings."""

from landslip.evaluation.report.section import Asked, Section, chart, figure
from landslip.figures.charts.axis import Axis
from landslip.figures.charts.chart import Chart, Reference, Series
from landslip.figures.charts.drawing import chart_svg
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics import count_tables as table
from landslip.metrics.calibration import Calibration, temperature_effect
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
    html = chart(chart_svg(drawn)) + plain_table(heads, rows) + paragraph(note, "note")
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
    html = (
        chart(chart_svg(curve))
        + chart(chart_svg(swept))
        + plain_table(heads, map(_choice, choices))
        + paragraph(note, "note")
    )
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
        said=[f"{bin_.pixels:,} pixels" for bin_ in known],
    )


def _choice(one: Choice) -> tuple[str, ...]:
    return one.why, f"{one.threshold:g}", figure(one.precision), figure(one.recall), figure(one.f1)
