"""Pixel counts of the landslide class, and the precision, recall, F1 and IoU that follow from them.

There is one definition of F1 in landslip: 2 TP / (2 TP + FP + FN), with true positives, false positives and false
negatives summed over every valid pixel of every patch (the official metric of Landslide4Sense, Ghorbanzadeh et al.
2022). Means over patches, batches or classes have names of their own (``definitions.py``).

Counts are arrays (..., 4) with the columns TP, FP, FN and TN; ``PixelCounts`` holds one row of them by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.probability import BACKGROUND, LANDSLIDE

DEFINITION: Final = "landslide class, counts pooled over all pixels of all patches"

Counts = NDArray[np.int64]
"""(..., 4): TP, FP, FN, TN."""
Values = NDArray[np.float64]


def precision(counts: Counts) -> Values:
    """Return TP / (TP + FP) of counts (..., 4)."""
    return _ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Counts) -> Values:
    """Return TP / (TP + FN) of counts (..., 4)."""
    return _ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Counts) -> Values:
    """Return 2 TP / (2 TP + FP + FN) of counts (..., 4)."""
    return _ratio(counts, 2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def iou(counts: Counts) -> Values:
    """Return TP / (TP + FP + FN) of counts (..., 4)."""
    return _ratio(counts, counts[..., 0], counts[..., :3].sum(axis=-1))


def _ratio(counts: Counts, part: Counts, whole: Counts) -> Values:
    """Divide; where the denominator is 0 the ratio is 1 if TP, FP and FN are all 0, else 0."""
    empty = np.asarray(counts[..., :3].sum(axis=-1) == 0, np.float64)
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), empty), np.float64)


METRICS: Final[Mapping[str, Callable[[Counts], Values]]] = MappingProxyType(
    {"f1": f1, "precision": precision, "recall": recall, "iou": iou}
)
"""Every pixel metric by its name."""


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """True and false positives, false and true negatives; the sum of two is their pooled count.

    If neither the reference nor the prediction holds a landslide, every metric is 1. If only one of the two does,
    a metric without a denominator is 0.

    Example:
        >>> counts = PixelCounts(tp=60, fp=20, fn=40, tn=880) + PixelCounts(tp=0, fp=0, fn=0, tn=1000)
        >>> counts.precision, counts.recall, round(counts.f1, 3), counts.iou
        (0.75, 0.6, 0.667, 0.5)
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    """Not used by precision, recall, F1 and IoU: most of any scene is background and easily predicted as such."""

    @classmethod
    def of(cls, counts: Counts) -> "PixelCounts":
        """Name the columns of one row of counts, (4,)."""
        return cls(*counts.tolist())

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def pixels(self) -> int:
        """Number of pixels compared."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def false_alarm_rate(self) -> float:
        """FP / (FP + TN); 0 where there is only landslide."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else 0.0

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return float(precision(self._row))

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return float(recall(self._row))

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return float(f1(self._row))

    @property
    def iou(self) -> float:
        """TP / (TP + FP + FN)."""
        return float(iou(self._row))

    @property
    def _row(self) -> Counts:
        return np.array([self.tp, self.fp, self.fn, self.tn], np.int64)

    def as_dict(self) -> dict[str, float | int]:
        """Return metrics and counts by name, for JSON."""
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1, "iou": self.iou}
        return ratios | {"tp": self.tp, "fp": self.fp, "fn": self.fn, "tn": self.tn}


def count_patches(found: NDArray[np.bool_], masks: NDArray[np.uint8]) -> Counts:
    """Count the pixels of each patch.

    Args:
        found: (N, H, W), True where a landslide was predicted; False where the prediction is nodata, so that
            such pixels count as missed or as correct background.
        masks: (N, H, W) reference; pixels of nodata (255) are left out.

    Returns:
        (N, 4): TP, FP, FN, TN.
    """
    landslide, background = masks == LANDSLIDE, masks == BACKGROUND
    columns = (found & landslide, found & background, ~found & landslide, ~found & background)
    axes = tuple(range(1, masks.ndim))
    return np.stack([np.count_nonzero(column, axis=axes) for column in columns], axis=1).astype(np.int64)


def count_pixels(found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> PixelCounts:
    """Count the pixels of two arrays of one shape; see ``count_patches``."""
    return PixelCounts.of(count_patches(found[None], mask[None])[0])


def swap_classes(counts: Counts) -> Counts:
    """Return counts (..., 4) with background as the class of interest."""
    return counts[..., [3, 2, 1, 0]]
