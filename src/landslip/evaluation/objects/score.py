"""Detected, missed and false landslides, in total and by size, and the cost of a threshold counted by landslides."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.objects.inventories import MIN_IOU, InventoryPair, find_inventories
from landslip.evaluation.predictions import Predictions
from landslip.metrics.thresholds import check_costs

SIZE_EDGES_M2: Final = (0.0, 400.0, 1_000.0, 4_000.0, 10_000.0, 40_000.0, 100_000.0, math.inf)
"""In pixels of 10 m: 1 to 3, 4 to 9, 10 to 39, 40 to 99, 100 to 399, 400 to 999, and more."""
IOUS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
OBJECT_THRESHOLDS: Final = tuple(round(0.02 * step, 2) for step in range(1, 50))


@dataclass(frozen=True, slots=True)
class SizeBin:
    """Landslides of one size class: reference landslides by their area, mapped ones by their mapped area."""

    low_m2: float
    high_m2: float
    """Infinite for the last class."""
    reference: int
    detected: int
    """Reference landslides with a match."""
    touched: int
    """Reference landslides with at least one mapped pixel."""
    mapped: int
    correct: int
    """Mapped landslides with a match."""

    @property
    def missed(self) -> int:
        """Reference landslides without a match."""
        return self.reference - self.detected

    @property
    def false_alarms(self) -> int:
        """Mapped landslides without a match."""
        return self.mapped - self.correct

    @property
    def detection_rate(self) -> float | None:
        """Fraction of the reference landslides with a match; None for an empty class."""
        return self.detected / self.reference if self.reference else None

    @property
    def detection_interval(self) -> tuple[float, float] | None:
        """95 % interval of the detection rate (Wilson 1927), which assumes independent landslides."""
        return wilson_interval(self.detected, self.reference) if self.reference else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON; an infinite upper bound is None."""
        return asdict(self) | {
            "high_m2": None if math.isinf(self.high_m2) else self.high_m2,
            "missed": self.missed,
            "false_alarms": self.false_alarms,
            "detection_rate": self.detection_rate,
            "detection_interval": self.detection_interval,
        }


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """Landslides of reference and map, matched one to one."""

    min_iou: float
    reference: int
    mapped: int
    matches: int
    touched_reference: int
    """Reference landslides with at least one mapped pixel."""
    touched_mapped: int
    """Mapped landslides that share a pixel with a reference landslide."""
    cut_reference: int
    """Reference landslides that touch nodata or the edge of the image."""
    cut_mapped: int
    mean_iou: float | None
    """Of the matches."""
    median_area_ratio: float | None
    """Mapped area / reference area, median over the matches."""
    reference_area_m2: float
    mapped_area_m2: float
    sizes: tuple[SizeBin, ...]
    f1_by_iou: tuple[tuple[float, float], ...]
    """F1 of landslides with other values of ``min_iou``."""

    @property
    def precision(self) -> float:
        """Fraction of the mapped landslides with a match; 1 if there is no landslide in either."""
        return _ratio(self.matches, self.mapped, self.reference)

    @property
    def recall(self) -> float:
        """Fraction of the reference landslides with a match; 1 if there is no landslide in either."""
        return _ratio(self.matches, self.reference, self.mapped)

    @property
    def f1(self) -> float:
        """2 matches / (reference + mapped landslides)."""
        return _ratio(2 * self.matches, self.reference + self.mapped, 0)

    @property
    def panoptic_quality(self) -> float:
        """F1 times the mean IoU of the matches (Kirillov et al. 2019)."""
        return self.f1 * (1.0 if not self.reference + self.mapped else self.mean_iou or 0.0)

    @property
    def count_error(self) -> float | None:
        """Mapped / reference landslides - 1; None without reference landslides."""
        return self.mapped / self.reference - 1 if self.reference else None

    @property
    def area_error(self) -> float | None:
        """Mapped / reference area - 1; None without reference landslides."""
        return self.mapped_area_m2 / self.reference_area_m2 - 1 if self.reference_area_m2 else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        derived = ("precision", "recall", "f1", "panoptic_quality", "count_error", "area_error")
        return asdict(self) | {
            "missed": self.reference - self.matches,
            "false_alarms": self.mapped - self.matches,
            **{name: getattr(self, name) for name in derived},
            "sizes": [one.as_dict() for one in self.sizes],
            "f1_by_iou": [{"min_iou": min_iou, "f1": f1} for min_iou, f1 in self.f1_by_iou],
        }


def score_objects(
    found: InventoryPair, *, min_iou: float = MIN_IOU, edges_m2: Sequence[float] = SIZE_EDGES_M2
) -> ObjectScore:
    """Count detected, missed and false landslides.

    Args:
        found: the landslides of reference and prediction.
        min_iou: smallest IoU of a match, above 0 and at most 1.
        edges_m2: edges of the size classes, ascending; a class includes its lower edge.

    Raises:
        SettingsError: ``min_iou`` is not allowed.
    """
    pairs = found.match(min_iou)
    reference, mapped, iou = found.pair_reference[pairs], found.pair_mapped[pairs], found.pair_iou[pairs]
    ratios = found.mapped.area_m2[mapped] / found.reference.area_m2[reference]
    total = len(found.reference) + len(found.mapped)
    return ObjectScore(
        min_iou=min_iou,
        reference=len(found.reference),
        mapped=len(found.mapped),
        matches=len(pairs),
        touched_reference=int(found.reference.touched.sum()),
        touched_mapped=int(found.mapped.touched.sum()),
        cut_reference=int(found.reference.cut.sum()),
        cut_mapped=int(found.mapped.cut.sum()),
        mean_iou=float(iou.mean()) if len(pairs) else None,
        median_area_ratio=float(np.median(ratios)) if len(pairs) else None,
        reference_area_m2=float(found.reference.area_m2.sum()),
        mapped_area_m2=float(found.mapped.area_m2.sum()),
        sizes=_by_size(found, reference, mapped, edges_m2),
        f1_by_iou=tuple((one, _ratio(2 * len(found.match(one)), total, 0)) for one in IOUS),
    )


def _by_size(
    found: InventoryPair, reference: NDArray[np.int64], mapped: NDArray[np.int64], edges_m2: Sequence[float]
) -> tuple[SizeBin, ...]:
    def count(areas_m2: NDArray[np.float64]) -> list[int]:
        index = np.searchsorted(np.asarray(edges_m2), areas_m2, side="right") - 1
        counts: list[int] = np.bincount(index, minlength=len(edges_m2) - 1)[: len(edges_m2) - 1].tolist()
        return counts

    columns = (
        count(found.reference.area_m2),
        count(found.reference.area_m2[reference]),
        count(found.reference.area_m2[found.reference.touched]),
        count(found.mapped.area_m2),
        count(found.mapped.area_m2[mapped]),
    )
    return tuple(map(SizeBin, edges_m2[:-1], edges_m2[1:], *columns))


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Compute the score interval of a proportion (Wilson 1927).

    Args:
        successes: number of successes.
        trials: number of trials, above 0.
        confidence: of the interval.

    Example:
        >>> [round(end, 3) for end in wilson_interval(7, 10)]
        [0.397, 0.892]
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, correction = successes / trials, z * z / trials
    middle = (rate + correction / 2) / (1 + correction)
    half = z * math.sqrt(rate * (1 - rate) / trials + correction / (4 * trials)) / (1 + correction)
    return max(0.0, middle - half), min(1.0, middle + half)


def _ratio(part: float, whole: int, other: int) -> float:
    if whole:
        return part / whole
    return 0.0 if other else 1.0


@dataclass(frozen=True, slots=True)
class ObjectCosts:
    """Missed landslides and false alarms at several thresholds, and their total cost."""

    missed_cost: float
    false_alarm_cost: float
    thresholds: tuple[float, ...]
    missed: tuple[int, ...]
    """Reference landslides without a mapped pixel."""
    false_alarms: tuple[int, ...]
    """Mapped landslides without a pixel of a reference landslide."""

    @property
    def costs(self) -> tuple[float, ...]:
        """Total cost at each threshold."""
        pairs = zip(self.missed, self.false_alarms, strict=True)
        return tuple(self.missed_cost * missed + self.false_alarm_cost * false for missed, false in pairs)

    @property
    def best(self) -> float:
        """The threshold with the lowest cost; the lowest of equals."""
        return self.thresholds[self.costs.index(min(self.costs))]

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"costs": self.costs, "best": self.best}


def object_costs(
    predictions: Predictions,
    missed: float,
    false_alarm: float = 1.0,
    *,
    thresholds: Sequence[float] = OBJECT_THRESHOLDS,
) -> ObjectCosts:
    """Compute the cost of thresholds by landslides instead of pixels.

    Args:
        predictions: neighbouring patches are joined first.
        missed: cost of a landslide without any mapped pixel.
        false_alarm: cost of a mapped landslide that touches no reference landslide.
        thresholds: to try, each between 0 and 1.

    Raises:
        SettingsError: a cost is not positive, or the thresholds are empty or not between 0 and 1.
        PredictionsError: two patches have the same position.
    """
    check_costs(missed, false_alarm)
    if not thresholds:
        raise SettingsError("thresholds is empty: give one or more between 0 and 1", parameter="thresholds")
    found = [find_inventories(predictions.at(threshold)) for threshold in thresholds]
    return ObjectCosts(
        missed,
        false_alarm,
        tuple(thresholds),
        tuple(int(np.count_nonzero(~one.reference.touched)) for one in found),
        tuple(int(np.count_nonzero(~one.mapped.touched)) for one in found),
    )
