"""Pixel metrics of the landslide class: counts pooled over all pixels, then precision, recall, F1 and IoU.

One definition of F1 everywhere in landslip: 2 tp / (2 tp + fp + fn) with true positives, false positives and false
negatives summed over every observed pixel of every patch (the official metric of Landslide4Sense, Ghorbanzadeh et
al. 2022). Not a mean over patches or batches, not a mean over classes: those have names of their own
(``definitions.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.probability import BACKGROUND, LANDSLIDE, MAX_ENCODED, STEP, encode_probability, encode_threshold

DEFINITION: Final = "landslide class, counts pooled over all pixels of all patches"


@dataclass(frozen=True, slots=True)
class PixelCounts:
    """True and false positives, false and true negatives; sums are pooled counts.

    Where nothing is a landslide and nothing was called one, the map is right: every ratio is 1. Where only one of
    the two is empty, ratios without a denominator are 0.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0
    """Has no part in precision, recall, F1 and IoU: most of any scene is no landslide, and easily called so."""

    def __add__(self, more: "PixelCounts") -> "PixelCounts":
        return PixelCounts(self.tp + more.tp, self.fp + more.fp, self.fn + more.fn, self.tn + more.tn)

    @property
    def pixels(self) -> int:
        """All pixels that were compared."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def false_alarm_rate(self) -> float:
        """Share of the ground without landslides that was called landslide; 0 where there is no such ground."""
        return self.fp / (self.fp + self.tn) if self.fp + self.tn else 0.0

    @property
    def precision(self) -> float:
        """Share of what was called landslide that is."""
        return self._ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of landslide that was found."""
        return self._ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return self._ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def iou(self) -> float:
        """Landslide in both, by landslide in either."""
        return self._ratio(self.tp, self.tp + self.fp + self.fn)

    def _ratio(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return 1.0 if self.tp + self.fp + self.fn == 0 else 0.0

    def as_dict(self) -> dict[str, float | int]:
        """Ratios and counts by name, for JSON."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "iou": self.iou,
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "tn": self.tn,
        }


def count_pixels(found: NDArray[np.bool_], truth: NDArray[np.uint8]) -> PixelCounts:
    """Compare what was called landslide with the truth, both of one shape; pixels not observed in truth are left out.

    A pixel that the map did not observe counts as not found: ``found`` is False there.
    """
    landslide, other = truth == LANDSLIDE, truth == BACKGROUND
    return PixelCounts(
        tp=int(np.count_nonzero(found & landslide)),
        fp=int(np.count_nonzero(found & other)),
        fn=int(np.count_nonzero(~found & landslide)),
        tn=int(np.count_nonzero(~found & other)),
    )


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """Pixels at each of the 251 stored levels of probability, landslide and not landslide apart.

    Every threshold's counts come from it by two running sums.
    """

    landslide: NDArray[np.int64]
    other: NDArray[np.int64]

    @classmethod
    def of(cls, probability: NDArray[np.float32], truth: NDArray[np.uint8]) -> "LevelCounts":
        """Count pixels of one shape; those not observed, in truth (255) or map (NaN), are left out."""
        return cls.of_levels(encode_probability(probability), truth)

    @classmethod
    def of_levels(cls, levels: NDArray[np.uint8], truth: NDArray[np.uint8]) -> "LevelCounts":
        """Count pixels of one shape; those not observed (255), in truth or map, are left out."""
        kinds = (np.bincount(levels[truth == kind], minlength=256) for kind in (LANDSLIDE, BACKGROUND))
        landslide, other = (counts[: MAX_ENCODED + 1].astype(np.int64) for counts in kinds)
        return cls(landslide, other)

    def __add__(self, more: "LevelCounts") -> "LevelCounts":
        return LevelCounts(self.landslide + more.landslide, self.other + more.other)

    def at(self, threshold: float) -> PixelCounts:
        """Counts at a threshold."""
        level = encode_threshold(threshold)
        tp, fp = int(self.landslide[level:].sum()), int(self.other[level:].sum())
        return PixelCounts(tp, fp, int(self.landslide.sum()) - tp, int(self.other.sum()) - fp)

    def f1_curve(self) -> NDArray[np.float64]:
        """F1 when everything from a level up is called landslide, (251,); 0 where nothing is right."""
        tp = self.landslide[::-1].cumsum()[::-1]
        fp = self.other[::-1].cumsum()[::-1]
        return np.asarray(2 * tp / np.maximum(tp + fp + self.landslide.sum(), 1), dtype=np.float64)


def best_threshold(*groups: Sequence[LevelCounts]) -> float:
    """The threshold with the highest mean F1 over several sets of pixels; the lowest of equals.

    Args:
        groups: of such sets, none empty; each group has the same say, and within it each set.
    """
    mean = np.mean([np.mean([counts.f1_curve() for counts in kinds], axis=0) for kinds in groups], axis=0)
    # Level 0 would call every pixel a landslide, and the last is certainty: neither is a threshold.
    return round((1 + int(mean[1:MAX_ENCODED].argmax())) * STEP, 3)


def f1_interval(
    counts: Sequence[PixelCounts], *, draws: int = 2000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of the pooled F1 over patches (percentile method, Efron 1979).

    Args:
        counts: one for each patch; patches are drawn with replacement. Neighbouring patches are alike, so the true
            interval is wider.
        draws: how many resamples.
        confidence: share of resamples inside the interval.
        seed: of the draws.
    """
    table = np.array([(one.tp, one.fp, one.fn) for one in counts], np.int64)
    picked = np.random.default_rng(seed).integers(len(table), size=(draws, len(table)))
    tp, fp, fn = np.moveaxis(table[picked].sum(axis=1), -1, 0)
    f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    low, high = np.quantile(f1, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
