"""The 8-bit encoding of probability, thresholding, and the values of a mask.

A landslide map stores probability in steps of 0.004 (0 ... 250), with 255 for nodata; its GeoTIFF carries the scale
and the nodata value as tags. Thresholds are applied to encoded values everywhere, in maps and in evaluation, so that
thresholding ``probability.tif`` again gives the same landslides. Encoding changes a probability by at most 0.002.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

LANDSLIDE: Final = 1
BACKGROUND: Final = 0
NODATA: Final = 255
"""In masks and in encoded probability: the pixel was not observed, or its label is not known."""
STEP: Final = 0.004
"""Probability of one step of the encoding."""
MAX_ENCODED: Final = 250
"""Encoded value of probability 1."""


def encode_probability(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode probabilities in 8 bits.

    Args:
        probability: any shape, 0 to 1; NaN is nodata.

    Returns:
        Same shape: 0 to 250, 255 for nodata.

    Example:
        >>> encode_probability(np.array([0.0, 0.5, 1.0, np.nan], np.float32)).tolist()
        [0, 125, 250, 255]
    """
    valid = np.isfinite(probability)
    scaled = np.rint(np.where(valid, probability, 0) * np.float32(MAX_ENCODED))
    return np.where(valid, np.clip(scaled, 0, MAX_ENCODED), NODATA).astype(np.uint8)


def decode_probability(encoded: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Decode 8-bit values of any shape to probability; nodata becomes NaN.

    Example:
        >>> decode_probability(np.array([0, 125, 255], np.uint8)).tolist()
        [0.0, 0.5, nan]
    """
    return np.where(encoded == NODATA, np.float32(np.nan), encoded * np.float32(STEP)).astype(np.float32)


def encode_threshold(threshold: float) -> int:
    """Return the lowest encoded value whose probability reaches a threshold between 0 and 1.

    Example:
        >>> encode_threshold(0.5)
        125
    """
    # The small margin keeps 0.5 / 0.004 = 125 from becoming 126 by a rounding error, and 1e-12 above 0.
    return math.ceil(threshold / STEP * (1 - 1e-9))


def reaches_threshold(encoded: NDArray[np.uint8], threshold: float) -> NDArray[np.bool_]:
    """Return where an encoded probability reaches a threshold; False where nodata.

    Example:
        >>> reaches_threshold(np.array([100, 125, 255], np.uint8), 0.5).tolist()
        [False, True, False]
    """
    reached: NDArray[np.bool_] = (encoded >= encode_threshold(threshold)) & (encoded != NODATA)
    return reached
