"""The figures of an evaluation as small tables for people."""

from collections.abc import Iterator, Mapping

from landslip.evaluation.comparison import Comparison, Difference
from landslip.evaluation.scores import Scores
from landslip.metrics.count_tables import FIGURES
from landslip.metrics.intervals import FEW, Interval

_HEADS = {"f1": "F1", "precision": "precision", "recall": "recall", "iou": "IoU"}


def scores_text(scores: Scores) -> str:
    """A line for all patches, one for each scene, and what else was asked for."""
    return "\n".join(_lines(scores))


def _lines(scores: Scores) -> Iterator[str]:
    evaluation = scores.evaluation
    yield (
        f"{evaluation.detector} at threshold {evaluation.threshold:g}, {len(evaluation.patches)} patches of "
        f"{scores.data}; landslide class, counts pooled over all pixels"
    )
    yield ""
    width = max(len(name) for name in ("all", *scores.by_scene)) + 2
    yield f"{'':>{width}} {'patches':>8} {'F1':>7} {'95 % interval':>15} {'precision':>10} {'recall':>7} {'IoU':>7}"
    rows = {"all": scores.intervals, **(scores.by_scene if len(scores.by_scene) > 1 else {})}
    for name, made in rows.items():
        patches = sum(name in ("all", one.scene) for one in evaluation.patches)
        yield f"{name:>{width}} {patches:>8} {_figures(made)}"
    yield ""
    yield f"Intervals: bootstrap over {scores.unit}, {scores.intervals['f1'].draws} draws."
    few = [f"{name} {made['f1'].units}" for name, made in rows.items() if made["f1"].few]
    if few:
        yield f"Fewer than {FEW} units, so that the interval is itself a guess: {', '.join(few)}."
    if scores.also:
        yield from _also(scores)
    if scores.comparison is not None:
        yield from _compared(scores.comparison, scores.comparison_by_scene or {})


def _figures(made: Mapping[str, Interval]) -> str:
    f1 = made["f1"]
    interval = f"{f1.low:.3f} to {f1.high:.3f}"
    return (
        f"{f1.value:>7.3f} {interval:>15} {made['precision'].value:>10.3f} {made['recall'].value:>7.3f} "
        f"{made['iou'].value:>7.3f}"
    )


def _also(scores: Scores) -> Iterator[str]:
    yield ""
    yield "By other definitions, which compare with their own kind only:"
    yield f"{'':>12} {'F1':>7} {'precision':>10} {'recall':>7} {'IoU':>7}"
    for name, ratios in scores.also.items():
        yield f"{name:>12} {ratios.f1:>7.3f} {ratios.precision:>10.3f} {ratios.recall:>7.3f} {ratios.iou:>7.3f}"


def _compared(comparison: Comparison, by_scene: Mapping[str, Comparison]) -> Iterator[str]:
    yield ""
    yield (
        f"{comparison.first} at {comparison.first_threshold:g} minus {comparison.second} at "
        f"{comparison.second_threshold:g}; paired over {comparison.units} {comparison.unit}s"
    )
    yield f"{'':>12} {'first':>7} {'second':>7} {'difference':>11} {'95 % interval':>18} {'p':>7}"
    for name in FIGURES:
        yield _difference(_HEADS[name], comparison.differences[name])
    for scene, one in by_scene.items():
        yield _difference(f"F1 {scene}", one.differences["f1"])
    yield "p: how often chance alone gives a difference as large (paired sign-flip test)."


def _difference(name: str, one: Difference) -> str:
    interval = f"{one.low:+.3f} to {one.high:+.3f}"
    return (
        f"{name:>12} {one.first:>7.3f} {one.second:>7.3f} {one.difference:>+11.3f} {interval:>18} {one.p_value:>7.4f}"
    )
