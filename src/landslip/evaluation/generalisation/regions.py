"""Labelled regions: pooled scores at the detector's threshold, at one half and at the best threshold in hindsight."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Part, rows_from_text
from landslip.detector.card import Card
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, SettingsError
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import Predictions
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.metrics.counts import PixelCounts
from landslip.metrics.thresholds import sweep_thresholds
from landslip.probability import encode_threshold

HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class RegionScore:
    """Scores of a detector in one region, counts pooled over all pixels."""

    region: str
    patches: int
    trained_in: bool | None
    """Whether patches of the region were in its training part; None where the card does not tell."""
    threshold: float
    at_threshold: PixelCounts
    at_half: PixelCounts
    best_threshold: float
    """In hindsight: chosen on these pixels, so its F1 is an upper bound and no accuracy."""
    best_f1: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {
            "region": self.region,
            "patches": self.patches,
            "trained_in": self.trained_in,
            "threshold": self.threshold,
            "at_threshold": self.at_threshold.as_dict(),
            "at_half": self.at_half.as_dict(),
            "best_in_hindsight": {"threshold": self.best_threshold, "f1": self.best_f1},
        }


def region_of_text(text: str) -> Part:
    """Read a region: a scene, or rows of one.

    Raises:
        SettingsError: it is neither.

    Example:
        >>> str(region_of_text("A:50-57"))
        'scene A rows 50-57'
    """
    scene, colon, rows = text.strip().partition(":")
    if not scene or (colon and not rows):
        raise SettingsError(
            f"region must be a scene such as B, or rows of one such as A:50-57, got '{text}'", parameter="region"
        )
    return Part(scenes=(scene,), rows=rows_from_text(rows) if rows else None)


def score_region(
    detector: Detector,
    patches: PatchSet[Any],
    region: Part,
    *,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> RegionScore:
    """Score a detector in a region.

    Args:
        detector: to score.
        patches: a labelled set.
        region: scenes and rows of it.
        options: engine, precision and threads.
        progress: told of patches.

    Raises:
        PatchesError: the set has no patch there.
    """
    selected = patches.where(region.contains)
    if not len(selected):
        raise PatchesError(f"there is no patch in {region}: give regions that the data set has", parameter="region")
    predictions = predict(detector, selected, options=options, progress=progress)
    return score_predictions(predictions, str(region), was_trained_in(detector.card, region))


def score_predictions(predictions: Predictions, region: str, trained_in: bool | None) -> RegionScore:
    """Score predictions on the patches of one region; each patch keeps its own threshold."""
    sweep = sweep_thresholds(predictions.encoded, predictions.masks)
    best = sweep.best_f1()
    return RegionScore(
        region=region,
        patches=len(predictions),
        trained_in=trained_in,
        threshold=predictions.threshold,
        at_threshold=PixelCounts.of(predictions.counts().sum(axis=0)),
        at_half=PixelCounts.of(np.asarray(sweep.counts[encode_threshold(HALF)])),
        best_threshold=best.threshold,
        best_f1=best.f1,
    )


def was_trained_in(card: Card, region: Part) -> bool | None:
    """Return whether a detector's training part shares scenes and rows with a region, by the recipe on its card.

    Returns:
        None where the card has no recipe, or a split whose training rows the recipe does not list (``blocks``,
        ``k-fold``): part of the region may have been trained on.
    """
    train, split = card.recipe.get("train"), card.recipe.get("split")
    if not isinstance(train, dict):
        return None
    if isinstance(split, dict):
        if split.get("protocol") == "scene-out" and set(region.scenes) == {split.get("scene")}:
            return False
        return None
    scenes, rows = train.get("scenes") or [], train.get("rows")
    if scenes and not set(scenes) & set(region.scenes):
        return False
    if rows is None or region.rows is None:
        return True
    return bool(rows[0] <= region.rows[1] and region.rows[0] <= rows[1])
