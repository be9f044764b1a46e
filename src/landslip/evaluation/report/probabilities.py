"""Report sections on probabilities: calibration, thresholds, uncertainty, domain shift."""

from collections.abc import Sequence

from landslip.detector.ood_distance import OodDistance
from landslip.errors import PredictionsError
from landslip.evaluation.domain_shift import SceneDomainShift, comparable_patches, patch_distances, score_domain_shift
from landslip.evaluation.report.layout import ReportInput, Section, chart_html, format_ratio
from landslip.figures.charts import Axis, Chart, Reference, Series
from landslip.figures.html_tables import paragraph, plain_table
from landslip.metrics.calibration import Calibration, temperature_effect
from landslip.metrics.counts import f1, precision, recall
from landslip.metrics.intervals import format_ends
from landslip.metrics.risk_coverage import rank_by_probability, rank_by_std
from landslip.metrics.thresholds import ChosenThreshold, sweep_thresholds

_RECALLS = (0.5, 0.7, 0.8, 0.9)
_COSTS = (2.0, 5.0, 10.0)
_CURVE = slice(1, 250)
_FAR_FRACTION = 0.99


def calibration_section(inputs: ReportInput) -> Section:
    """Make the section with the reliability diagram, with and without the temperature."""
    effect = temperature_effect(inputs.predictions.histogram(), inputs.predictions.temperature)
    versions = {"as predicted": effect.after}
    if effect.before is not None:
        versions["without temperature"] = effect.before
    drawn = Chart(
        "Fraction of landslide pixels over the predicted probability",
        Axis("predicted probability", low=0, high=1),
        Axis("fraction of landslide pixels", low=0, high=1),
        tuple(_reliability(name, one) for name, one in versions.items()),
        (Reference("perfect calibration"),),
    )
    heads = ("", "Expected calibration error", "Brier score", "Skill", "Cross-entropy (nats)", "Mean probability")
    rows = (
        (
            name,
            f"{one.ece:.4f}",
            f"{one.brier:.4f}",
            format_ratio(one.skill),
            f"{one.cross_entropy:.4f}",
            f"{one.mean_probability:.4f}",
        )
        for name, one in versions.items()
    )
    note = (
        f"Landslide is {effect.after.landslide_fraction:.2%} of {effect.after.pixels:,} pixels. Points below the "
        "diagonal: probabilities are too high. Pixels of one landslide are not independent, so bins with few pixels "
        "are unreliable."
    )
    html = chart_html(drawn) + plain_table(heads, rows) + paragraph(note, "note")
    return Section("calibration", "Calibration of probabilities", html, effect.as_dict())


def _reliability(name: str, one: Calibration) -> Series:
    filled = [
        (bin_.mean_probability, bin_.landslide_fraction)
        for bin_ in one.bins
        if bin_.mean_probability is not None and bin_.landslide_fraction is not None
    ]
    return Series(name, [x for x, _ in filled], [y for _, y in filled], marks="both")


def threshold_section(inputs: ReportInput) -> Section:
    """Make the section with the precision-recall curve, metrics over the threshold, and thresholds for several uses."""
    predictions = inputs.predictions
    sweep, own = sweep_thresholds(predictions.encoded, predictions.masks), predictions.threshold
    recalls, precisions = (metric(sweep.counts)[_CURVE].tolist() for metric in (recall, precision))
    here = sweep.counts[next(index for index, value in enumerate(sweep.thresholds) if value >= own - 1e-9)]
    curve = Chart(
        "Precision over recall at every threshold",
        Axis("recall", low=0, high=1),
        Axis("precision", low=0, high=1),
        (
            Series("all thresholds", recalls, precisions),
            Series(f"threshold {own:g}", [float(recall(here))], [float(precision(here))], marks="points"),
        ),
    )
    thresholds = sweep.thresholds[_CURVE].tolist()
    swept = Chart(
        "F1, precision and recall over the threshold",
        Axis("threshold (probability)", low=0, high=1),
        Axis("F1, precision, recall", low=0, high=1),
        (
            Series("F1", thresholds, f1(sweep.counts)[_CURVE].tolist()),
            Series("precision", thresholds, precisions),
            Series("recall", thresholds, recalls),
        ),
        (Reference("threshold of this report", x=own),),
    )
    choices = [sweep.best_f1(), *(one for wanted in _RECALLS if (one := sweep.for_recall(wanted)))]
    choices += [sweep.for_cost(cost) for cost in _COSTS]
    heads = ("Criterion", "Threshold", "Precision", "Recall", "F1")
    note = (
        f"Average precision {sweep.average_precision:.3f}. The thresholds of the table were chosen on the evaluated "
        f"patches, so their metrics are optimistic; all other metrics of this report are at {own:g}."
    )
    if predictions.thresholds is not None:
        note += " The patches were predicted by several detectors with thresholds of their own; here they share one."
    html = chart_html(curve) + chart_html(swept) + plain_table(heads, map(_choice, choices)) + paragraph(note, "note")
    data = sweep.as_dict() | {"choices": [one.as_dict() for one in choices]}
    return Section("thresholds", "Metrics at each threshold", html, data)


def _choice(one: ChosenThreshold) -> tuple[str, ...]:
    return (
        one.criterion,
        f"{one.threshold:g}",
        format_ratio(one.precision),
        format_ratio(one.recall),
        format_ratio(one.f1),
    )


_UNCERTAINTIES = {"probability": "distance to the threshold", "tta": "standard deviation over 4 flips (TTA)"}


def uncertainty_section(inputs: ReportInput) -> Section:
    """Make the section with risk-coverage curves, of the probability and of TTA if it was computed."""
    predictions = inputs.predictions
    found = predictions.found
    curves = [rank_by_probability(predictions.encoded, predictions.masks, found, predictions.threshold)]
    if predictions.tta_std is not None:
        curves.append(rank_by_std(predictions.tta_std, predictions.encoded, predictions.masks, found))
    first = curves[0]
    series = [Series(_UNCERTAINTIES[one.uncertainty], one.rejected, one.risk) for one in curves]
    drawn = Chart(
        "Fraction of wrong pixels among the retained ones, over the fraction rejected",
        Axis("fraction of the pixels rejected, most uncertain first", low=0, high=1),
        Axis("fraction of wrong pixels among the rest", low=0),
        (*series, Series("oracle", first.rejected, first.risk_oracle)),
        (Reference("random order", y=first.aurc_random),),
    )
    heads = ("Uncertainty", "AURC", "AURC, oracle", "AURC, random", "Excess (oracle 0, random 1)", "AUROC")
    rows = (
        (
            _UNCERTAINTIES[one.uncertainty],
            f"{one.aurc:.5f}",
            f"{one.aurc_oracle:.5f}",
            f"{one.aurc_random:.5f}",
            format_ratio(one.excess),
            format_ratio(one.auroc),
        )
        for one in curves
    )
    note = (
        "AURC: area under the curve of wrong pixels against coverage (Geifman et al. 2019), lower is better. AUROC: "
        "probability that a wrong pixel is more uncertain than a correct one. Most pixels are easy background, which "
        "favours both."
    )
    html = chart_html(drawn) + plain_table(heads, rows) + paragraph(note, "note")
    return Section("uncertainty", "Uncertainty and errors", html, {one.uncertainty: one.as_dict() for one in curves})


def domain_shift_section(inputs: ReportInput) -> Section | None:
    """Make the section on out-of-distribution distance and F1; None without OOD statistics on the card."""
    card, predictions = inputs.card, inputs.predictions
    if card is None or card.ood is None:
        return None
    title = "Domain shift"
    ood = OodDistance(card.ood, card.channels)
    distances, counts, far = patch_distances(ood, inputs.patches), predictions.counts(), ood.quantile(_FAR_FRACTION)
    comparable = comparable_patches(counts, distances)
    series = []
    for scene in predictions.scenes:
        here = predictions.positions_of(scene)
        here = here[comparable[here]]
        if len(here):
            f1s = f1(counts[here]).tolist()
            series.append(Series(f"scene {scene}", distances[here].tolist(), f1s, marks="points"))
    drawn = Chart(
        "F1 of each patch over its out-of-distribution distance",
        Axis("out-of-distribution distance (about 1 for training patches)", low=0),
        Axis("F1 of the patch", low=0, high=1),
        tuple(series),
        (Reference("99th percentile of training patches", x=far),),
    )
    try:
        made = score_domain_shift(predictions, distances, far)
    except PredictionsError as error:
        return Section("domain_shift", title, paragraph(f"Not computed: {error}."), None)
    heads = ("Scene", "Patches", "Median distance", "Beyond the 99th percentile", "F1", "Correlation within the scene")
    note = (
        f"Rank correlation of distance and F1: {made.by_patch:+.2f} over {made.patches} patches, {made.by_block:+.2f} "
        f"(interval {format_ends(made.low, made.high, '+.2f')}) over {made.blocks} {made.unit}; negative where F1 "
        "falls with distance. Training patches among the evaluated ones bias both."
    )
    html = chart_html(drawn) + plain_table(heads, _rows(made.scenes)) + paragraph(note, "note")
    return Section("domain_shift", title, html, made.as_dict())


def _rows(scenes: Sequence[SceneDomainShift]) -> list[tuple[str, ...]]:
    return [
        (
            one.scene,
            f"{one.patches:,}",
            f"{one.distance:.2f}",
            f"{one.far_fraction:.0%}",
            format_ratio(one.f1),
            "–" if one.within is None else f"{one.within:+.2f}",
        )
        for one in scenes
    ]
