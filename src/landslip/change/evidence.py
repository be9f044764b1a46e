"""Evidence of change at each pixel, as named bands with units, by what channels both dates have.

With near infrared the relative difference of NDVI, as HazMapper maps it (Scheip and Wegmann 2021, Natural Hazards and
Earth System Sciences 21, doi 10.5194/nhess-21-1495-2021; after Norman and Christie 2020); with short-wave infrared the
differences of NBR and NDMI; always three measures of visible light. Visible light is compared as logarithms above haze,
relative to the surroundings, so that a season, the sun's height or haze, which change all the ground around alike,
cancel out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.normalisation import Radiometry
from landslip.channels import TRUE_COLOUR, ndvi

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

SURROUNDINGS_PX: Final = 40
"""Reach of the surroundings along rows and columns."""
MARGIN_PX: Final = SURROUNDINGS_PX + 1
"""Pixels around a window that the evidence in it depends on."""
_LIMIT: Final = 2.0
"""Ground that changed more than this many robust standard deviations is no background."""
_STEPS: Final = 4096
"""Logarithms are summed in whole steps, so that sums do not depend on the window."""


@dataclass(frozen=True, slots=True)
class Band:
    """A band of evidence."""

    name: str
    title: str
    unit: str
    source: str
    """Its formula, and who defined it."""
    channels: tuple[str, ...]
    """That both dates must have."""


VISIBLE: Final = (
    Band("brightening", "brightening in visible light", "1", "natural logarithm of after / before, mean of red, green "
         "and blue above haze, less the surroundings", TRUE_COLOUR),
    Band("greenness_loss", "loss of greenness", "1", "natural logarithm of red / green, after less before, less the "
         "surroundings: visible vegetation lost", TRUE_COLOUR),
    Band("reddening", "reddening against blue", "1", "natural logarithm of red / blue, after less before, less the "
         "surroundings: soil is redder than cloud, haze and snow", TRUE_COLOUR),
)  # fmt: skip
RDNDVI: Final = Band("rdndvi", "relative difference of NDVI", "%", "100 (NDVI after - NDVI before) / "
                     "sqrt(NDVI after + NDVI before), Scheip and Wegmann 2021", ("B04", "B08"))  # fmt: skip
DNBR: Final = Band("dnbr", "difference of the normalised burn ratio", "1", "NBR after - NBR before, NBR = (B08 - B12) "
                   "/ (B08 + B12)", ("B08", "B12"))  # fmt: skip
DNDMI: Final = Band("dndmi", "difference of the moisture index", "1", "NDMI after - NDMI before, NDMI = (B08 - B11) "
                    "/ (B08 + B11)", ("B08", "B11"))  # fmt: skip
BANDS: Final = (*VISIBLE, RDNDVI, DNBR, DNDMI)


@dataclass(frozen=True, slots=True)
class VisibleChange:
    """Change of visible light in a window; arrays (h, w), 0 where not valid."""

    brightening: Image
    greenness_loss: Image
    reddening: Image
    brightening_least: Image
    """The least brightening against any of the nine pixels before around: a bare spot before that lies a pixel beside
    the one after is no change."""
    bareness_before: Image
    """Logarithm of brightness before, less the surroundings: 0 for ground like that around it."""
    bareness_after: Image


def relative_ndvi_change(ndvi_before: Image, ndvi_after: Image) -> Image:
    """Compute the relative difference of NDVI in percent, as HazMapper does (Scheip and Wegmann 2021).

    Args:
        ndvi_before: any shape, -1 to 1.
        ndvi_after: of the same shape.

    Returns:
        100 (after - before) / sqrt(after + before); negative where vegetation was lost, 0 where the sum is not
        positive: there was no vegetation to lose.

    Example:
        >>> relative_ndvi_change(np.array([0.8, 0.0], np.float32), np.array([0.1, 0.0], np.float32)).round(1).tolist()
        [-73.80000305175781, 0.0]
    """
    total = ndvi_after + ndvi_before
    change = np.zeros_like(total)
    np.divide(100 * (ndvi_after - ndvi_before), np.sqrt(np.maximum(total, 1e-6)), out=change, where=total > 0)
    return change


def normalised_difference(first: Image, second: Image) -> Image:
    """Compute (first - second) / (first + second), 0 where both are 0.

    Example:
        >>> normalised_difference(np.array([3.0], np.float32), np.array([1.0], np.float32)).tolist()
        [0.5]
    """
    return ndvi(second, first)


def compute_visible_change(before: Image, after: Image, valid: Mask, radiometry: Radiometry) -> VisibleChange:
    """Compute the change of visible light.

    Args:
        before: (3, h, w) red, green, blue in DN, on the grid of ``after``.
        after: (3, h, w) in DN.
        valid: (h, w), where both are.
        radiometry: of the pair.

    A pixel depends on those within ``MARGIN_PX``.
    """
    old, new = radiometry.logarithm(radiometry.normalise(before)), radiometry.logarithm(after)
    brightness_old, brightness_new = old.mean(axis=0), new.mean(axis=0)
    greenness = (new[0] - new[1]) - (old[0] - old[1])
    reddening = (new[0] - new[2]) - (old[0] - old[2])
    change = brightness_new - brightness_old
    usual = valid & _is_usual(change, radiometry.brightening) & _is_usual(greenness, radiometry.greenness)
    around = SURROUNDINGS_PX

    def relative(values: Image) -> Image:
        return np.where(valid, values - mean_around(values, usual, around), 0).astype(np.float32)

    local = mean_around(change, usual, around)
    least = brightness_new - _largest_of_nine(brightness_old, valid) - local
    return VisibleChange(
        brightening=relative(change),
        greenness_loss=relative(greenness),
        reddening=relative(reddening),
        brightening_least=np.where(valid, least, 0).astype(np.float32),
        bareness_before=relative(brightness_old),
        bareness_after=relative(brightness_new),
    )


def _is_usual(values: Image, typical: tuple[float, float]) -> Mask:
    """Return where values lie within the limit of the median, in robust standard deviations of the pair."""
    middle, spread = typical
    return np.asarray(np.abs(values - np.float32(middle)) <= np.float32(_LIMIT * spread))


def mean_around(values: Image, mask: Mask, reach_px: int) -> Image:
    """Return the mean of the masked pixels in a square around each pixel; 0 where there are none.

    Args:
        values: (h, w).
        mask: (h, w).
        reach_px: along rows and columns; the square has 2 x reach + 1 pixels a side.

    Example:
        >>> mean_around(np.array([[1.0, 3.0, 8.0]], np.float32), np.array([[1, 1, 0]], bool), 1).tolist()
        [[2.0, 2.0, 3.0]]
    """
    whole = np.where(mask, np.rint(values.astype(np.float64) * _STEPS), 0).astype(np.int64)
    counts, sums = _square_sums(mask.astype(np.int64), reach_px), _square_sums(whole, reach_px)
    mean = np.divide(sums, counts * _STEPS, out=np.zeros(mask.shape), where=counts > 0)
    return np.asarray(mean, np.float32)


def _square_sums(values: NDArray[np.int64], reach_px: int) -> NDArray[np.int64]:
    """Sum whole numbers (h, w) over squares, clipped to the array."""
    for axis in (0, 1):
        size = values.shape[axis]
        total = np.concatenate([np.zeros_like(values.take([0], axis)), values.cumsum(axis)], axis=axis)
        at = np.arange(size)
        values = total.take(np.minimum(at + reach_px + 1, size), axis) - total.take(np.maximum(at - reach_px, 0), axis)
    return values


def _largest_of_nine(values: Image, valid: Mask) -> Image:
    """Return the largest valid value of each pixel and its eight neighbours."""
    lowest = np.float32(-1e9)
    padded = np.pad(np.where(valid, values, lowest), 1, constant_values=lowest)
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.asarray(np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))
