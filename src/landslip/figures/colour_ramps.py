"""Colour ramps: from numbers to colours, and the bar that says which is which.

Lightness runs one way along each ramp, so that they read in grey and for every kind of colour vision.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Stop = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Ramp:
    """Colours at equal steps, mixed in between."""

    stops: tuple[Stop, ...]
    unit: str

    def painted(self, values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
        """Numbers as colours: (..., 3); below and above the range the first and the last colour."""
        share = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * (len(self.stops) - 1)
        places = np.arange(len(self.stops))
        bands = [np.interp(share, places, [stop[band] for stop in self.stops]) for band in range(3)]
        return np.rint(np.stack(bands, axis=-1)).astype(np.uint8)


NDVI = Ramp(((92, 58, 30), (168, 122, 74), (222, 200, 150), (196, 208, 128), (112, 160, 70), (20, 92, 44)), "")
SLOPE = Ramp(((250, 248, 240), (246, 216, 150), (236, 150, 84), (196, 72, 78), (116, 28, 92), (44, 12, 66)), "°")
ELEVATION = Ramp(
    ((104, 140, 104), (160, 178, 124), (212, 204, 152), (208, 176, 132), (186, 152, 128), (244, 242, 238)), "m"
)
