"""Synthetic images with typical values, to compare two forms of a detector or to time one.

They resemble no real terrain and say nothing about accuracy.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import DETECTOR_INPUTS

_TYPICAL: Final = {"DN": 1000.0, "deg": 20.0, "m": 800.0}
"""For channels without a Landslide4Sense divisor, which is about the mean of a channel."""
_CELL_PX: Final = 8


def synthetic_images(
    channels: Sequence[str], count: int, height: int, width: int, seed: int = 0
) -> NDArray[np.float32]:
    """Draw images in physical units: cells of 8 pixels within half the typical value of each channel, plus 10 % noise.

    No image equals any of its flips or transpositions. The same seed gives the same images.

    Args:
        channels: names of the C channels.
        count: number of images.
        height: of each image in pixels.
        width: of each image in pixels.
        seed: of the random generator.

    Returns:
        (count, C, height, width) float32.

    Example:
        >>> synthetic_images(("B04", "slope"), 3, 20, 30).shape
        (3, 2, 20, 30)
    """
    random = np.random.default_rng(seed)
    typical = np.array([DETECTOR_INPUTS[name].l4s_divisor or _TYPICAL[DETECTOR_INPUTS[name].unit] for name in channels])
    rows, columns = (-(-size // _CELL_PX) for size in (height, width))
    cells = random.uniform(0.5, 1.5, (count, len(channels), rows, columns))
    pattern = cells.repeat(_CELL_PX, axis=2).repeat(_CELL_PX, axis=3)[:, :, :height, :width]
    noise = random.uniform(0.9, 1.1, pattern.shape)
    values: NDArray[np.float32] = (typical[:, None, None] * pattern * noise).astype(np.float32)
    return values
