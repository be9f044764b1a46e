"""``landslip evaluate``: score a detector on labelled patches."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landslip.cli.options import (
    PATH,
    inference_options,
    json_option,
    part_options,
    quiet_option,
    split_names,
    threshold_option,
    uncertainty_option,
)
from landslip.cli.output import print_next
from landslip.cli.progress import progress_line

if TYPE_CHECKING:
    from landslip.datasets.splits import Part
    from landslip.evaluation.comparison import Comparison, Difference
    from landslip.evaluation.evaluate import Scores
    from landslip.evaluation.predictions import Predictions
    from landslip.inference.engine import InferenceOptions
    from landslip.mapping.job import Uncertainty
    from landslip.metrics.intervals import Interval


@click.command("evaluate")
@click.argument("data", type=PATH)
@click.option(
    "--detector",
    metavar="NAME|FILE",
    help="Detector, or predictions (.npz) of an earlier run; default: the packaged detector.",
)
@part_options
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Split of a published data set; needed where several splits have masks.",
)
@threshold_option
@uncertainty_option
@inference_options
@click.option(
    "--also",
    "definitions",
    callback=split_names,
    metavar="LIST",
    help="Other definitions of F1 too: batch-mean,per-patch,macro.",
)
@click.option(
    "--compare",
    "other",
    metavar="NAME|FILE",
    help="Second detector or predictions: difference, interval and paired significance test.",
)
@click.option("--save", type=PATH, metavar="FILE", help="Save the predictions (.npz).")
@click.option("--report", type=PATH, metavar="DIR", help="Write report.html and report.json.")
@quiet_option
@json_option
def command(
    data: Path,
    *,
    detector: str | None,
    part: "Part",
    split: str | None,
    threshold: float | None,
    uncertainty: "Uncertainty",
    inference: "InferenceOptions",
    definitions: tuple[str, ...] | None,
    other: str | None,
    save: Path | None,
    report: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Score a detector on labelled patches.

    DATA is a folder of RGB patches, Landslide4Sense files or a packed store. F1 is that of the landslide class, from
    counts pooled over all pixels of all patches; intervals are bootstrapped over blocks of neighbouring patches.

    \b
    Example:
      landslip evaluate DATA --detector mine.onnx --scene B --report out/
      landslip evaluate DATA --detector mine.onnx --compare s2-rgb
    """
    from landslip.datasets.formats import open_patches
    from landslip.detector.detector import DEFAULT, Detector
    from landslip.errors import PatchesError
    from landslip.evaluation.evaluate import score
    from landslip.evaluation.predict import data_label, drop_unlabelled, match_patches, predict_or_load, select_patches
    from landslip.evaluation.report.layout import ReportInput
    from landslip.evaluation.report.page import make_report
    from landslip.metrics.definitions import check_definitions

    check_definitions(definitions or ())
    source = detector or DEFAULT
    every = open_patches(data)
    # Saved predictions tell which patches are meant, such as those of all folds of a cross-validation.
    saved = source.endswith(".npz") and split is None
    selected = every.where(part.contains) if saved else select_patches(every, part, split)
    patches = drop_unlabelled(selected)
    if len(selected) and not len(patches):
        raise PatchesError(f"no patch of {data} has a mask: give patches with masks")
    with progress_line(quiet=quiet) as progress:

        def predict(name: str, limit: float | None) -> "Predictions":
            return predict_or_load(
                name,
                patches,
                data=data_label(data),
                part=part,
                split=split,
                threshold=limit,
                options=inference,
                uncertainty=uncertainty,
                progress=progress,
            )

        predictions = predict(source, threshold)
        without_mask = len(selected) - len(patches) + len(predictions) - len(predictions.labelled())
        predictions = predictions.labelled()
        if save is not None:
            predictions.save(save)
        scores = score(
            predictions,
            definitions=definitions or (),
            other=None if other is None else predict(other, None),
            without_mask=without_mask,
        )
        if report is not None:
            card = None if source.endswith(".npz") else Detector.open(source).card
            make_report(ReportInput(predictions, scores, match_patches(predictions, patches)[1], card), progress).write(
                report
            )
    if as_json:
        click.echo(json.dumps(scores.as_dict(), indent=2))
        return
    click.echo(scores_text(scores))
    if report is None:
        print_next("landslip", "evaluate", data, "--detector", source, "--report", "DIR")
    else:
        click.echo(f"\nreport: {report / 'report.html'}")


def scores_text(scores: "Scores") -> str:
    """Lay out scores as tables: all patches, each scene, other definitions, comparison."""
    return "\n".join(_lines(scores))


def _lines(scores: "Scores") -> Iterator[str]:
    from landslip.figures.formatting import format_count
    from landslip.metrics.intervals import FEW_UNITS, count_units, without_interval

    evaluation = scores.evaluation
    yield (
        f"{evaluation.detector} at threshold {evaluation.threshold:g}, {evaluation.patches} patches of "
        f"{scores.data}; landslide class, counts pooled over all pixels"
    )
    if evaluation.without_mask:
        yield f"{format_count(evaluation.without_mask, 'patch', 'patches')} without a mask left out"
    if len(evaluation.splits) > 1:
        pooled = [f"{name} ({count_units(count, 'patch')})" for name, count in evaluation.splits.items()]
        yield f"splits pooled: {', '.join(pooled)}"
    if not evaluation.pixel.tp + evaluation.pixel.fn:
        yield "no labelled pixel is landslide: all that is predicted counts as false, and the scores are 0"
    elif not evaluation.pixel.fp + evaluation.pixel.tn:
        yield "no labelled pixel is background: precision and F1 say nothing about false alarms"
    elif (landslide := (pixel := evaluation.pixel).tp + pixel.fn) > 1.5 * (pixel.fp + pixel.tn):
        fraction = landslide / (landslide + pixel.fp + pixel.tn)
        yield f"{fraction:.0%} of the labelled pixels are landslide: are landslide and background exchanged?"
    yield ""
    width = max(len(name) for name in ("all", *scores.by_scene)) + 2
    yield f"{'':>{width}} {'patches':>8} {'F1':>7} {'95 % interval':>15} {'precision':>10} {'recall':>7} {'IoU':>7}"
    rows = {"all": scores.intervals, **(scores.by_scene if len(scores.by_scene) > 1 else {})}
    for name, intervals in rows.items():
        patches = sum(name in ("all", entry.scene) for entry in evaluation.entries)
        yield f"{name:>{width}} {patches:>8} {_figures(intervals)}"
    yield ""
    yield f"Intervals: bootstrap over {scores.intervals['f1'].over}, {scores.intervals['f1'].draws} draws."
    for name, intervals in rows.items():
        if not (f1 := intervals["f1"]).is_given:
            yield f"{name}: {without_interval(f1.unit, f1.units)}."
    few = [
        f"{name} {intervals['f1'].units}"
        for name, intervals in rows.items()
        if intervals["f1"].few_units and intervals["f1"].is_given
    ]
    if few:
        yield f"Fewer than {FEW_UNITS} resampling units, so the interval is unreliable: {', '.join(few)}."
    if scores.definitions:
        yield from _other_definitions(scores)
    if scores.comparison is not None:
        yield from _comparison(scores.comparison, scores.comparison_by_scene or {})


def _figures(intervals: "Mapping[str, Interval]") -> str:
    f1 = intervals["f1"]
    interval = f1.text if f1.is_given else "not given"
    return (
        f"{f1.value:>7.3f} {interval:>15} {intervals['precision'].value:>10.3f} {intervals['recall'].value:>7.3f} "
        f"{intervals['iou'].value:>7.3f}"
    )


def _other_definitions(scores: "Scores") -> Iterator[str]:
    yield ""
    yield "Other definitions of F1 (comparable only with scores of the same definition):"
    yield f"{'':>12} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}"
    for name, ratios in scores.definitions.items():
        yield f"{name:>12} {ratios.f1:>7.3f} {ratios.precision:>10.3f} {ratios.recall:>7.3f} {ratios.iou:>7.3f}"


def _comparison(comparison: "Comparison", by_scene: "Mapping[str, Comparison]") -> Iterator[str]:
    from landslip.metrics.counts import METRICS
    from landslip.metrics.intervals import count_units

    yield ""
    yield (
        f"{comparison.first} at {comparison.first_threshold:g} minus {comparison.second} at "
        f"{comparison.second_threshold:g}; paired over {count_units(comparison.units, comparison.unit)}"
    )
    yield f"{'':>12} {'first':>7} {'second':>7} {'difference':>11} {'95 % interval':>18} {'p':>7}"
    labels = {"f1": "F1", "iou": "IoU"}
    for name in METRICS:
        yield _difference(labels.get(name, name), comparison.differences[name])
    for scene, compared in by_scene.items():
        yield _difference(f"F1 {scene}", compared.differences["f1"])
    yield "p: probability of a difference this large by chance (paired sign-flip test)."


def _difference(label: str, found: "Difference") -> str:
    interval = f"{found.low:+.3f} to {found.high:+.3f}" if found.is_given else "not given"
    return (
        f"{label:>12} {found.first:>7.3f} {found.second:>7.3f} {found.difference:>+11.3f} {interval:>18} "
        f"{found.p_value:>7.4f}"
    )
