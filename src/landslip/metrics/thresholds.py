"""Counts at every threshold: precision-recall curve, average precision, and the choice of a threshold."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.metrics.counts import METRICS, Counts, PixelCounts, f1, precision, recall
from landslip.probability import (
    BACKGROUND,
    LANDSLIDE,
    MAX_ENCODED,
    NODATA,
    STEP,
    encode_probability,
    encode_threshold,
)

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityHistogram:
    """Number of landslide and background pixels at each of the 251 encoded probabilities.

    Pixels that are nodata in the reference or in the prediction are left out. The sum of two histograms is that of all
    their pixels.

    Example:
        >>> probability = np.array([[0.9, 0.2, 0.6, 0.1]], np.float32)
        >>> mask = np.array([[1, 1, 0, 0]], np.uint8)
        >>> ProbabilityHistogram.of(probability, mask).at(0.5)
        PixelCounts(tp=1, fp=1, fn=1, tn=1)
    """

    landslide: NDArray[np.int64]
    """(251,)"""
    background: NDArray[np.int64]
    """(251,)"""

    @classmethod
    def of(cls, probability: NDArray[np.float32], mask: NDArray[np.uint8]) -> "ProbabilityHistogram":
        """Count probabilities (0..1, NaN for nodata) and reference of one shape."""
        return cls.of_encoded(encode_probability(probability), mask)

    @classmethod
    def of_encoded(cls, encoded: NDArray[np.uint8], mask: NDArray[np.uint8]) -> "ProbabilityHistogram":
        """Count encoded probabilities (0..250, 255 for nodata) and reference of one shape."""
        counts = (np.bincount(encoded[mask == kind], minlength=256) for kind in (LANDSLIDE, BACKGROUND))
        return cls(*(column[: MAX_ENCODED + 1].astype(np.int64) for column in counts))

    def __add__(self, other: "ProbabilityHistogram") -> "ProbabilityHistogram":
        return ProbabilityHistogram(self.landslide + other.landslide, self.background + other.background)

    def counts(self) -> Counts:
        """Return counts (251, 4) with each encoded probability in turn as the threshold."""
        tp, fp = (kind[::-1].cumsum()[::-1] for kind in (self.landslide, self.background))
        return np.stack([tp, fp, tp[0] - tp, fp[0] - fp], axis=1)

    def at(self, threshold: float) -> PixelCounts:
        """Return the counts at a threshold (probability)."""
        level = encode_threshold(threshold)
        tp, fp = int(self.landslide[level:].sum()), int(self.background[level:].sum())
        return PixelCounts(tp, fp, int(self.landslide.sum()) - tp, int(self.background.sum()) - fp)

    def f1_curve(self) -> Values:
        """Return F1 with each encoded probability in turn as the threshold, (251,); 0 if there is no landslide."""
        return f1(self.counts()) if self.landslide.any() else np.zeros(MAX_ENCODED + 1)


def best_threshold(*groups: Sequence[ProbabilityHistogram]) -> float:
    """Choose the threshold with the highest mean F1 over several sets of pixels; the lowest of equals.

    Args:
        groups: groups of histograms, none empty. Groups have equal weight, and so have the histograms within a group.

    Example:
        >>> probability = np.array([0.9, 0.2, 0.6, 0.1], np.float32)
        >>> best_threshold([ProbabilityHistogram.of(probability, np.array([1, 0, 1, 0], np.uint8))])
        0.204
    """
    mean = np.mean([np.mean([one.f1_curve() for one in group], axis=0) for group in groups], axis=0)
    # At 0 every pixel is predicted as landslide, and 1 asks for certainty: neither is a useful threshold.
    return round((1 + int(mean[1:MAX_ENCODED].argmax())) * STEP, 3)


@dataclass(frozen=True, slots=True)
class ChosenThreshold:
    """A threshold, the criterion it was chosen by, and its metrics on the pixels it was chosen on."""

    threshold: float
    criterion: str
    precision: float
    recall: float
    f1: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdSweep:
    """Counts at every threshold that the encoding of probability resolves."""

    counts: Counts
    """(251, 4) TP, FP, FN, TN with each encoded probability in turn as the threshold."""

    @property
    def thresholds(self) -> Values:
        """(251,) probability of each threshold."""
        return np.round(np.arange(MAX_ENCODED + 1) * STEP, 3)

    @property
    def average_precision(self) -> float:
        """Precision averaged over the steps of recall, without interpolation; 0 if there is no landslide.

        Landslide pixels where the prediction is nodata are never recalled.
        """
        landslide = int(self.counts[0, 0] + self.counts[0, 2])
        if not landslide:
            return 0.0
        steps = np.diff(self.counts[::-1, 0], prepend=0)
        return float((steps * precision(self.counts[::-1])).sum() / landslide)

    def best_f1(self) -> ChosenThreshold:
        """Choose the threshold with the highest pooled F1; the lowest of equals."""
        return self._chosen(1 + int(f1(self.counts)[1:-1].argmax()), "highest F1")

    def for_recall(self, min_recall: float) -> ChosenThreshold | None:
        """Choose the highest threshold, and so the one with fewest false alarms, that reaches a recall.

        Args:
            min_recall: recall to reach, above 0 and at most 1.

        Returns:
            None if no threshold reaches it.

        Raises:
            SettingsError: ``min_recall`` is not allowed.
        """
        if not 0 < min_recall <= 1:
            raise SettingsError(f"min_recall must be above 0 and at most 1, got {min_recall:g}", parameter="min_recall")
        reached = np.flatnonzero(recall(self.counts)[1:-1] >= min_recall)
        return self._chosen(1 + int(reached[-1]), f"recall of at least {min_recall:g}") if len(reached) else None

    def for_cost(self, missed: float, false_alarm: float = 1.0) -> ChosenThreshold:
        """Choose the threshold with the lowest total cost; the lowest of equals.

        For calibrated probabilities it is near false_alarm / (false_alarm + missed).

        Args:
            missed: cost of a missed landslide pixel.
            false_alarm: cost of a background pixel predicted as landslide.

        Raises:
            SettingsError: a cost is not positive.
        """
        check_costs(missed, false_alarm)
        cost = missed * self.counts[1:-1, 2] + false_alarm * self.counts[1:-1, 1]
        criterion = f"lowest cost, with {missed:g} per missed pixel and {false_alarm:g} per false alarm"
        return self._chosen(1 + int(cost.argmin()), criterion)

    def _chosen(self, level: int, criterion: str) -> ChosenThreshold:
        ratios = (float(metric(self.counts[level])) for metric in (precision, recall, f1))
        return ChosenThreshold(float(self.thresholds[level]), criterion, *ratios)

    def as_dict(self) -> dict[str, Any]:
        """Return the curves by name, for JSON, thresholds ascending from 0.004."""
        called = self.counts[1:]
        return {
            "thresholds": self.thresholds[1:].tolist(),
            **{name: metric(called).tolist() for name, metric in METRICS.items()},
            "average_precision": self.average_precision,
            "best_f1": self.best_f1().as_dict(),
        }


def sweep_thresholds(encoded: NDArray[np.uint8], masks: NDArray[np.uint8]) -> ThresholdSweep:
    """Count pixels at every threshold.

    Unlike ``ProbabilityHistogram``, pixels where only the prediction is nodata are counted: as missed or as correct
    background.

    Args:
        encoded: encoded probability, 255 for nodata.
        masks: reference of the same shape.

    Example:
        >>> sweep = sweep_thresholds(np.array([[225, 50, 150, 25]], np.uint8), np.array([[1, 0, 1, 0]], np.uint8))
        >>> sweep.best_f1().threshold, sweep.average_precision
        (0.204, 1.0)
    """
    counts = ProbabilityHistogram.of_encoded(encoded, masks).counts()
    nodata = encoded == NODATA
    counts[:, 2] += np.count_nonzero(nodata & (masks == LANDSLIDE))
    counts[:, 3] += np.count_nonzero(nodata & (masks == BACKGROUND))
    return ThresholdSweep(counts)


def check_costs(missed: float, false_alarm: float) -> None:
    """Check that both costs are positive.

    Raises:
        SettingsError: one is not.
    """
    for name, cost in (("missed", missed), ("false_alarm", false_alarm)):
        if not cost > 0:
            raise SettingsError(f"the cost '{name}' must be positive, got {cost:g}", parameter=name)
