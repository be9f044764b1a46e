"""Landslides found, missed and false, all together and by size."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.evaluation.objects.found import LEAST_IOU, Inventories

SIZE_EDGES_M2: Final = (0.0, 400.0, 1_000.0, 4_000.0, 10_000.0, 40_000.0, 100_000.0, math.inf)
"""At 10 m a pixel is 100 m2: 1 to 3, 4 to 9, 10 to 39, 40 to 99, 100 to 399, 400 to 999 pixels, and more."""
IOUS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class SizeBin:
    """Landslides of some size: the true ones by their true area, the mapped ones by their mapped area."""

    low_m2: float
    high_m2: float
    """Infinite for the last."""
    truth: int
    found: int
    """Of the true ones, those with a partner."""
    touched: int
    """Of the true ones, those of which any pixel was found."""
    mapped: int
    right: int
    """Of the mapped ones, those with a partner."""

    @property
    def missed(self) -> int:
        """True ones without a partner."""
        return self.truth - self.found

    @property
    def false_alarms(self) -> int:
        """Mapped ones without a partner."""
        return self.mapped - self.right

    @property
    def detection_rate(self) -> float | None:
        """Share of the true ones that was found; None where there is none."""
        return self.found / self.truth if self.truth else None

    @property
    def detection_interval(self) -> tuple[float, float] | None:
        """95 % interval of the detection rate (Wilson 1927), as if landslides were independent of each other."""
        return wilson(self.found, self.truth) if self.truth else None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON; None for no upper bound."""
        return asdict(self) | {
            "high_m2": None if math.isinf(self.high_m2) else self.high_m2,
            "missed": self.missed,
            "false_alarms": self.false_alarms,
            "detection_rate": self.detection_rate,
            "detection_interval": self.detection_interval,
        }


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """Landslides of truth and map, paired one to one."""

    least_iou: float
    truth: int
    mapped: int
    pairs: int
    touched_truth: int
    """True landslides of which any pixel was found."""
    touched_mapped: int
    """Mapped landslides with any pixel of a true one."""
    cut_truth: int
    """True landslides at the edge of what was observed, whose whole size is not known."""
    cut_mapped: int
    mean_iou: float | None
    """Of the pairs."""
    median_area_ratio: float | None
    """Mapped area by true area, median over the pairs."""
    truth_area_m2: float
    mapped_area_m2: float
    sizes: tuple[SizeBin, ...]
    f1_by_iou: tuple[tuple[float, float], ...]
    """F1 of landslides with pairs from other overlaps on."""

    @property
    def precision(self) -> float:
        """Share of mapped landslides that are true ones; 1 where neither truth nor map has any."""
        return _ratio(self.pairs, self.mapped, self.truth)

    @property
    def recall(self) -> float:
        """Share of true landslides that were found; 1 where neither truth nor map has any."""
        return _ratio(self.pairs, self.truth, self.mapped)

    @property
    def f1(self) -> float:
        """Pairs by the mean of true and mapped landslides."""
        return _ratio(2 * self.pairs, self.truth + self.mapped, 0)

    @property
    def panoptic_quality(self) -> float:
        """F1 times the mean IoU of the pairs (Kirillov et al. 2019)."""
        return self.f1 * (1.0 if not self.truth + self.mapped else self.mean_iou or 0.0)

    @property
    def count_error(self) -> float | None:
        """Mapped landslides too many (above 0) or too few, by the true number; None where there is none."""
        return self.mapped / self.truth - 1 if self.truth else None

    @property
    def area_error(self) -> float | None:
        """Mapped area too large (above 0) or too small, by the true area; None where there is none."""
        return self.mapped_area_m2 / self.truth_area_m2 - 1 if self.truth_area_m2 else None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        derived = ("precision", "recall", "f1", "panoptic_quality", "count_error", "area_error")
        return asdict(self) | {
            "missed": self.truth - self.pairs,
            "false_alarms": self.mapped - self.pairs,
            **{name: getattr(self, name) for name in derived},
            "sizes": [one.as_dict() for one in self.sizes],
            "f1_by_iou": [{"least_iou": least_iou, "f1": f1} for least_iou, f1 in self.f1_by_iou],
        }


def object_score(
    found: Inventories, *, least_iou: float = LEAST_IOU, edges_m2: Sequence[float] = SIZE_EDGES_M2
) -> ObjectScore:
    """Count landslides found, missed and false.

    Args:
        found: the landslides of truth and map.
        least_iou: overlap from which two are a pair, above 0 and at most 1.
        edges_m2: of the classes of size, rising; a class holds its lower edge.

    Raises:
        SettingsError: the overlap is not allowed.
    """
    pairs = found.matched(least_iou)
    truth, mapped, iou = found.pair_truth[pairs], found.pair_mapped[pairs], found.pair_iou[pairs]
    ratios = found.mapped.area_m2[mapped] / found.truth.area_m2[truth]
    total = len(found.truth) + len(found.mapped)
    return ObjectScore(
        least_iou=least_iou,
        truth=len(found.truth),
        mapped=len(found.mapped),
        pairs=len(pairs),
        touched_truth=int(found.truth.touched.sum()),
        touched_mapped=int(found.mapped.touched.sum()),
        cut_truth=int(found.truth.cut.sum()),
        cut_mapped=int(found.mapped.cut.sum()),
        mean_iou=float(iou.mean()) if len(pairs) else None,
        median_area_ratio=float(np.median(ratios)) if len(pairs) else None,
        truth_area_m2=float(found.truth.area_m2.sum()),
        mapped_area_m2=float(found.mapped.area_m2.sum()),
        sizes=_by_size(found, truth, mapped, edges_m2),
        f1_by_iou=tuple((level, _ratio(2 * len(found.matched(level)), total, 0)) for level in IOUS),
    )


def _by_size(
    found: Inventories, truth: NDArray[np.int64], mapped: NDArray[np.int64], edges_m2: Sequence[float]
) -> tuple[SizeBin, ...]:
    count = len(edges_m2) - 1

    def spread(areas_m2: NDArray[np.float64]) -> list[int]:
        place = np.searchsorted(np.asarray(edges_m2), areas_m2, side="right") - 1
        counts: list[int] = np.bincount(place, minlength=count)[:count].tolist()
        return counts

    columns = (
        spread(found.truth.area_m2),
        spread(found.truth.area_m2[truth]),
        spread(found.truth.area_m2[found.truth.touched]),
        spread(found.mapped.area_m2),
        spread(found.mapped.area_m2[mapped]),
    )
    return tuple(map(SizeBin, edges_m2[:-1], edges_m2[1:], *columns))


def wilson(part: int, whole: int, confidence: float = 0.95) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927).

    Args:
        part: how many did.
        whole: of how many, above 0.
        confidence: of the interval.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = part / whole, z * z / whole
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / whole + spread / (4 * whole)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def _ratio(part: float, whole: int, other: int) -> float:
    if whole:
        return part / whole
    return 0.0 if other else 1.0
