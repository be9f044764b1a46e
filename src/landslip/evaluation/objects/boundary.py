"""Agreement of landslide outlines within a tolerance (boundary F1), and the distance transform it needs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.objects.mosaics import find_mosaics
from landslip.evaluation.predictions import Predictions
from landslip.probability import LANDSLIDE, NODATA

TOLERANCES_M: Final = (10.0, 20.0, 50.0)


def distance_px(to: NDArray[np.bool_], limit_px: float) -> NDArray[np.float32]:
    """Compute the exact Euclidean distance to the nearest True pixel, up to a limit.

    Squared distances are separable (Felzenszwalb and Huttenlocher 2012): the distance along columns is a running
    maximum, and along rows the minimum of g(x + k)^2 + k^2 over all shifts k is taken. Shifts beyond the limit, or
    beyond the largest distance so far, cannot lower it. scipy, which has this transform, would add 140 MB to the core.

    Args:
        to: (H, W) the pixels to measure to.
        limit_px: distances above it are not computed.

    Returns:
        (H, W) in pixels between centres; infinite where no True pixel lies within the limit.

    Example:
        >>> distance_px(np.array([[True, False, False, False]]), 2)
        array([[ 0.,  1.,  2., inf]], dtype=float32)
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


@dataclass(frozen=True, slots=True)
class BoundaryScore:
    """Outline pixels of reference and map, and how many lie within the tolerance of the other outline."""

    tolerance_m: float
    reference_px: int
    reference_near_px: int
    mapped_px: int
    mapped_near_px: int

    @property
    def precision(self) -> float:
        """Fraction of the mapped outline near the reference outline; 1 if there is neither."""
        return self._ratio(self.mapped_near_px, self.mapped_px)

    @property
    def recall(self) -> float:
        """Fraction of the reference outline near the mapped outline; 1 if there is neither."""
        return self._ratio(self.reference_near_px, self.reference_px)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def _ratio(self, part: int, whole: int) -> float:
        if whole:
            return part / whole
        return 0.0 if self.reference_px + self.mapped_px else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def boundary_scores(
    predictions: Predictions, tolerances_m: Sequence[float] = TOLERANCES_M
) -> tuple[BoundaryScore, ...]:
    """Compare the outlines of reference and prediction, pooled over all landslides.

    Args:
        predictions: neighbouring patches are joined first.
        tolerances_m: in metres, each at least 0.

    Raises:
        SettingsError: a tolerance is negative.
        PredictionsError: two patches have the same position.
    """
    if not all(tolerance_m >= 0 for tolerance_m in tolerances_m):
        raise SettingsError(f"tolerances_m must be at least 0, got {min(tolerances_m):g} m", parameter="tolerances_m")
    # A small addition, so that 20 m are 2 pixels of 10 m also after division.
    limits_px = np.array([tolerance_m / predictions.pixel_size_m + 1e-6 for tolerance_m in tolerances_m])
    sums = np.zeros((len(limits_px), 4), np.int64)
    found = predictions.found.view(np.uint8)
    for mosaic in find_mosaics(predictions.entries):
        mask = mosaic.join(predictions.masks, NODATA)
        valid = mask != NODATA
        reference = find_outline(mask == LANDSLIDE, valid)
        mapped = find_outline(mosaic.join(found, 0) == 1, valid)
        for column, (one, other) in enumerate(((reference, mapped), (mapped, reference))):
            away = distance_px(other, float(limits_px.max()))[one]
            sums[:, 2 * column] += len(away)
            sums[:, 2 * column + 1] += [np.count_nonzero(away <= limit) for limit in limits_px]
    return tuple(
        BoundaryScore(tolerance_m, *counts) for tolerance_m, counts in zip(tolerances_m, sums.tolist(), strict=True)
    )


def find_outline(where: NDArray[np.bool_], valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the landslide pixels (H, W) that share a side with a valid background pixel."""
    outside = np.pad(~where & valid, 1, constant_values=False)
    beside = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return np.asarray(where & valid & beside)
