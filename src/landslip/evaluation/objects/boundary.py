"""Exact Euclidean distance to the nearest pixel of a kind (Felzenszwalb and Huttenlocher 2012), up to a limit.

Squared distances are separable: first along columns, where the nearest pixel above and below is a running maximum, then
along rows, where the lowest of g(x + k)^2 + k^2 over all shifts k is sought. Shifts beyond what was found so far, or
beyond the limit, cannot be lower, so the search stops there and what it gives is exact.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.objects.mosaics import mosaics
from landslip.evaluation.predictions import Predictions
from landslip.probability import LANDSLIDE, NODATA


def distance_px(to: NDArray[np.bool_], limit_px: float) -> NDArray[np.float32]:
    """Distance of every pixel's middle to that of the nearest pixel of a kind.

    Args:
        to: (H, W) the pixels to measure to.
        limit_px: from which on distances are not told apart.

    Returns:
        (H, W) in pixels; 0 on those pixels, infinite where none lies within the limit.
    """
    height, width = to.shape
    far = np.float32(height + width + limit_px + 2)
    rows = np.arange(height, dtype=np.float32)[:, None]
    above = rows - np.maximum.accumulate(np.where(to, rows, -far), axis=0)
    below = np.minimum.accumulate(np.where(to, rows, rows[-1:] + far if height else far)[::-1], axis=0)[::-1] - rows
    along = np.minimum(above, below) ** 2
    nearest = along.copy()
    for shift in range(1, min(width, int(limit_px) + 1)):
        step = np.float32(shift * shift)
        if step >= nearest.max(initial=0):
            break
        np.minimum(nearest[:, shift:], along[:, :-shift] + step, out=nearest[:, shift:])
        np.minimum(nearest[:, :-shift], along[:, shift:] + step, out=nearest[:, :-shift])
    distance = np.sqrt(nearest, dtype=np.float32)
    return np.where(distance > limit_px, np.float32(np.inf), distance)


TOLERANCES_M: Final = (10.0, 20.0, 50.0)


@dataclass(frozen=True, slots=True)
class BoundaryScore:
    """Pixels of outlines, and how many of them lie within the tolerance of the other outline."""

    tolerance_m: float
    truth_px: int
    truth_near_px: int
    mapped_px: int
    mapped_near_px: int

    @property
    def precision(self) -> float:
        """Share of the mapped outline that is near the true one; 1 where there is neither."""
        return self._share(self.mapped_near_px, self.mapped_px)

    @property
    def recall(self) -> float:
        """Share of the true outline that is near the mapped one; 1 where there is neither."""
        return self._share(self.truth_near_px, self.truth_px)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def _share(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return 0.0 if self.truth_px + self.mapped_px else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def boundary_scores(
    predictions: Predictions, tolerances_m: Sequence[float] = TOLERANCES_M
) -> tuple[BoundaryScore, ...]:
    """Compare the outlines of truth and map, pooled over all of them.

    Args:
        predictions: patches that touch are joined first.
        tolerances_m: each at least 0.

    Raises:
        SettingsError: a tolerance is negative.
        PredictionsError: two patches have one place.
    """
    if not all(tolerance_m >= 0 for tolerance_m in tolerances_m):
        raise SettingsError("a tolerance below 0 m lets no outline agree: give 0 or more")
    # A hair more, so that 20 m are 2 pixels of 10 m also when divided.
    limits_px = np.array([tolerance_m / predictions.pixel_size_m + 1e-6 for tolerance_m in tolerances_m])
    sums = np.zeros((len(limits_px), 4), np.int64)
    found = predictions.found.view(np.uint8)
    for mosaic in mosaics(predictions.entries):
        mask = mosaic.join(predictions.masks, NODATA)
        observed = mask != NODATA
        truth = outline(mask == LANDSLIDE, observed)
        mapped = outline(mosaic.join(found, 0) == 1, observed)
        for column, (one, other) in enumerate(((truth, mapped), (mapped, truth))):
            away = distance_px(other, float(limits_px.max()))[one]
            sums[:, 2 * column] += len(away)
            sums[:, 2 * column + 1] += [np.count_nonzero(away <= limit) for limit in limits_px]
    return tuple(
        BoundaryScore(tolerance_m, *counts) for tolerance_m, counts in zip(tolerances_m, sums.tolist(), strict=True)
    )


def outline(where: NDArray[np.bool_], observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels (H, W) of landslides that share a side with an observed pixel outside of them."""
    outside = np.pad(~where & observed, 1, constant_values=False)
    beside = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return np.asarray(where & observed & beside)
