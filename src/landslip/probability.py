"""Probabilities as they are stored: 8-bit levels, and the one place where a threshold is applied.

A landslide map keeps probability in steps of 0.004 (level 0 ... 250) with 255 for not observed, as its GeoTIFF
says in its scale and nodata tags. Thresholds are applied to levels everywhere, maps and evaluation alike, so that
whoever thresholds ``probability.tif`` again finds the same landslides. Rounding moves a probability by 0.002 at most.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEP: Final = 0.004
TOP_LEVEL: Final = 250
NOT_OBSERVED: Final = 255


def to_levels(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round probabilities of any shape to levels; NaN becomes not observed."""
    observed = np.isfinite(probability)
    scaled = np.rint(np.where(observed, probability, 0) * np.float32(TOP_LEVEL))
    return np.where(observed, np.clip(scaled, 0, TOP_LEVEL), NOT_OBSERVED).astype(np.uint8)


def to_probability(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn levels of any shape back into probabilities; not observed becomes NaN."""
    return np.where(levels == NOT_OBSERVED, np.float32(np.nan), levels * np.float32(STEP)).astype(np.float32)


def lowest_level(threshold: float) -> int:
    """The lowest level whose probability reaches a threshold between 0 and 1."""
    # The small margin keeps 0.5 / 0.004 = 125 from becoming 126 by a rounding error, and 1e-12 above level 0.
    return math.ceil(threshold / STEP * (1 - 1e-9))


def at_least(levels: NDArray[np.uint8], threshold: float) -> NDArray[np.bool_]:
    """Where the probability reaches the threshold; never where not observed."""
    reached: NDArray[np.bool_] = (levels >= lowest_level(threshold)) & (levels != NOT_OBSERVED)
    return reached
