"""Accuracy of a detector on labelled patches: pooled, by scene, with intervals, by other definitions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from landslip.datasets.patch_set import SPLITS, PatchSet
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.evaluation.comparison import Comparison, compare, compare_by_scene
from landslip.evaluation.predict import drop_unlabelled, predict
from landslip.evaluation.predictions import PatchPosition, Predictions, resampling_units
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.metrics.counts import DEFINITION, Counts, PixelCounts
from landslip.metrics.definitions import Ratios, check_definitions, compute_definitions
from landslip.metrics.intervals import Interval, ResamplingUnits, intervals
from landslip.probability import NODATA

Intervals = dict[str, Interval]
"""By the name of the metric."""


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Pixel accuracy of a detector on a set of patches at one threshold."""

    detector: str
    threshold: float
    entries: tuple[PatchPosition, ...]
    counts: Counts
    """(N, 4) TP, FP, FN, TN of each patch."""
    without_mask: int = 0
    """Patches without a mask, which were left out."""

    def __repr__(self) -> str:
        interval = self.interval
        return (
            f"Evaluation({self.detector!r}, {self.patches} patches, F1 {self.f1:.3f} "
            f"({interval.text}), precision {self.precision:.3f}, recall {self.recall:.3f})"
        )

    @property
    def patches(self) -> int:
        """Number of patches with a mask."""
        return len(self.entries)

    @property
    def pixel(self) -> PixelCounts:
        """Counts pooled over all pixels."""
        return PixelCounts.of(self.counts.sum(axis=0))

    @property
    def f1(self) -> float:
        """Pooled F1."""
        return self.pixel.f1

    @property
    def precision(self) -> float:
        """Pooled precision."""
        return self.pixel.precision

    @property
    def recall(self) -> float:
        """Pooled recall."""
        return self.pixel.recall

    @property
    def iou(self) -> float:
        """Pooled IoU."""
        return self.pixel.iou

    @cached_property
    def interval(self) -> Interval:
        """95 % bootstrap interval of F1 over blocks of neighbouring patches, or over patches (``interval.over``)."""
        return intervals(self.counts, resampling_units(self.entries), metrics=["f1"])["f1"]

    @property
    def scenes(self) -> dict[str, PixelCounts]:
        """Counts pooled over the pixels of each scene, by its name."""
        names = sorted({entry.scene for entry in self.entries})
        return {
            name: PixelCounts.of(self.counts[[entry.scene == name for entry in self.entries]].sum(axis=0))
            for name in names
        }

    @property
    def splits(self) -> dict[str, int]:
        """Number of patches of each split."""
        return {split: count for split in SPLITS if (count := sum(one.split == split for one in self.entries))}

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {
            "pixel": self.pixel.as_dict(),
            "by_scene": {name: counts.as_dict() for name, counts in self.scenes.items()},
            "threshold": self.threshold,
            "detector": self.detector,
            "patches": self.patches,
            "patches_without_mask": self.without_mask,
            "splits": self.splits,
            "interval": self.interval.as_dict(),
        }


def evaluate(
    detector: Detector,
    patches: PatchSet[Any],
    part: Part | None = None,
    *,
    threshold: float | None = None,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> Evaluation:
    """Measure the pixel accuracy of a detector on labelled patches.

    Args:
        detector: the detector to evaluate.
        patches: labelled patches; those without a mask are left out.
        part: scenes and rows to evaluate on; all patches where None.
        threshold: decision threshold between 0 and 1; the card's where None.
        options: engine, precision and threads.
        progress: called with ``("evaluating", patches done, patches)``.

    Raises:
        ChannelError: the patches lack a channel that the detector needs.
        PatchesError: there is no patch, a patch is damaged, or no pixel is labelled.
        SettingsError: the threshold is not between 0 and 1.

    Example:
        >>> from landslip.datasets.formats import open_patches
        >>> patches = open_patches("examples/l4s-rgb-kept-apart")
        >>> result = evaluate(Detector.open("s2-rgb"), patches, Part(scenes=("A",)))
        >>> round(result.f1, 1), result.interval.over
        (0.6, 'blocks of 4 x 4 patches')
    """
    chosen = patches if part is None else patches.where(part.contains)
    labelled = drop_unlabelled(chosen)
    if len(chosen) and not len(labelled):
        raise PatchesError("no pixel of these patches is labelled: give patches with masks")
    predictions = predict(detector, labelled, threshold=threshold, options=options, progress=progress)
    return evaluate_predictions(predictions, len(chosen) - len(labelled))


def evaluate_predictions(predictions: Predictions, without_mask: int = 0) -> Evaluation:
    """Count the pixels of the patches with a mask.

    Args:
        predictions: of patches.
        without_mask: number of patches without a mask that were left out before.
    """
    labelled = predictions.labelled()
    without_mask += len(predictions) - len(labelled)
    return Evaluation(labelled.detector, labelled.threshold, labelled.entries, labelled.counts(), without_mask)


@dataclass(frozen=True, slots=True)
class Scores:
    """Pixel accuracy with intervals for every metric, other definitions and the comparison with a second detector."""

    evaluation: Evaluation
    protocol: str
    data: str
    seeds: tuple[int, ...]
    intervals: Intervals
    by_scene: dict[str, Intervals]
    definitions: dict[str, Ratios]
    """By other definitions, if asked for."""
    definitions_by_scene: dict[str, dict[str, Ratios]]
    comparison: Comparison | None = None
    comparison_by_scene: dict[str, Comparison] | None = None

    def __repr__(self) -> str:
        return f"Scores({self.evaluation!r})"

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        evaluation = self.evaluation.as_dict()
        del evaluation["interval"]
        made: dict[str, Any] = evaluation | {
            "definition": DEFINITION,
            "protocol": self.protocol,
            "data": self.data,
            "seeds": list(self.seeds),
            "intervals": {
                "unit": self.intervals["f1"].over,
                "all": _plain(self.intervals),
                "by_scene": {name: _plain(made) for name, made in self.by_scene.items()},
            },
        }
        if self.definitions:
            texts = {one.name: one.text for one in check_definitions(self.definitions)}
            made["definitions"] = {
                name: ratios.as_dict() | {"definition": texts[name]} for name, ratios in self.definitions.items()
            }
            made["definitions_by_scene"] = {
                scene: {name: ratios.as_dict() for name, ratios in here.items()}
                for scene, here in self.definitions_by_scene.items()
            }
        if self.comparison is not None:
            made["comparison"] = self.comparison.as_dict()
            made["comparison_by_scene"] = {
                name: one.as_dict() for name, one in (self.comparison_by_scene or {}).items()
            }
        return made


def score(
    predictions: Predictions,
    *,
    definitions: Sequence[str] = (),
    other: Predictions | None = None,
    units: ResamplingUnits | None = None,
    without_mask: int = 0,
    seed: int = 0,
) -> Scores:
    """Compute the pixel accuracy of predictions.

    Args:
        predictions: of one patch or more; those without a mask are left out.
        definitions: names of other definitions of the metrics, from ``metrics.definitions.DEFINITIONS``.
        other: predictions of a second detector for the same patches, to compare with.
        units: resampling units of intervals and comparison; blocks if all positions are known, else patches, where
            None.
        without_mask: number of patches without a mask that were left out before.
        seed: of the bootstrap.

    Raises:
        SettingsError: a definition is unknown.
        PatchesError: no patch has a mask.
        PredictionsError: the patches or masks of ``other`` differ.
    """
    evaluation = evaluate_predictions(predictions, without_mask)
    with_mask = np.flatnonzero((predictions.masks != NODATA).any(axis=(1, 2)))
    if not len(with_mask):
        raise PatchesError("no pixel of these patches is labelled: give patches with masks")
    units = None if units is None else units.take(with_mask)
    predictions, other = predictions.labelled(), None if other is None else other.labelled()
    units, counts = units or resampling_units(predictions.entries), evaluation.counts
    at = {scene: predictions.positions_of(scene) for scene in predictions.scenes}
    return Scores(
        evaluation=evaluation,
        protocol=predictions.protocol,
        data=predictions.data,
        seeds=predictions.seeds,
        intervals=intervals(counts, units, seed=seed),
        by_scene={scene: intervals(counts[here], units.take(here), seed=seed) for scene, here in at.items()},
        definitions=compute_definitions(counts, definitions) if definitions else {},
        definitions_by_scene={scene: compute_definitions(counts[here], definitions) for scene, here in at.items()}
        if definitions
        else {},
        comparison=None if other is None else compare(predictions, other, units, seed=seed),
        comparison_by_scene=compare_by_scene(predictions, other, units) if other is not None and len(at) > 1 else None,
    )


def _plain(made: Intervals) -> dict[str, Any]:
    return {name: interval.as_dict() for name, interval in made.items()}
