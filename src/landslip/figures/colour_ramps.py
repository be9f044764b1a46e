"""Colour ramps for probability, NDVI, slope and elevation, their colour bar, and the colours of outlines.

Lightness is monotonic along the ramp of probability and of slope, so that they also read in grey and with colour vision
deficiency.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.figures.typography import FAINT, PAPER, draw_text, text_width

Stop = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Ramp:
    """Colours at equal steps, interpolated linearly in between."""

    stops: tuple[Stop, ...]
    unit: str

    def to_rgb(self, values: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
        """Convert values of any shape (...) to RGB (..., 3); values outside the range get the first or last colour."""
        position = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * (len(self.stops) - 1)
        stops = np.arange(len(self.stops))
        bands = [np.interp(position, stops, [stop[band] for stop in self.stops]) for band in range(3)]
        return np.rint(np.stack(bands, axis=-1)).astype(np.uint8)


NDVI = Ramp(((92, 58, 30), (168, 122, 74), (222, 200, 150), (196, 208, 128), (112, 160, 70), (20, 92, 44)), "")
SLOPE = Ramp(((250, 248, 240), (246, 216, 150), (236, 150, 84), (196, 72, 78), (116, 28, 92), (44, 12, 66)), "°")
ELEVATION = Ramp(
    ((104, 140, 104), (160, 178, 124), (212, 204, 152), (208, 176, 132), (186, 152, 128), (244, 242, 238)), "m"
)


HEIGHT_PX = 16
_BAR_PX = 10
_SIZE = 13


def legend(ramp: Ramp, low: float, high: float, width: int) -> Image.Image:
    """Draw a colour bar with both ends labelled, ``width`` x 16 pixels."""
    drawn = Image.new("RGB", (width, HEIGHT_PX), PAPER)
    first, last = (_number(value, ramp.unit) for value in (low, high))
    left, right = round(text_width(first, _SIZE)) + 8, width - round(text_width(last, _SIZE)) - 8
    draw_text(drawn, (0, 0), first, _SIZE, FAINT)
    draw_text(drawn, (right + 8, 0), last, _SIZE, FAINT)
    steps = np.linspace(low, high, max(1, right - left), dtype=np.float32)
    bar = np.broadcast_to(ramp.to_rgb(steps, low, high), (_BAR_PX, len(steps), 3))
    drawn.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, 3))
    return drawn


def _number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if unit else f"{value:g}"
    return text + unit if unit in ("", "°") else f"{text} {unit}"


PROBABILITY: Final = Ramp(
    ((252, 253, 191), (254, 176, 120), (241, 96, 93), (183, 55, 121), (114, 31, 129), (40, 14, 82)), ""
)
"""From light to dark, after magma (van der Walt and Smith 2015)."""
OUTLINE: Final = (255, 225, 64)
"""Mapped landslides: a yellow lighter than any background, for every kind of colour vision."""
SELECTED: Final = (0, 229, 255)
REFERENCE: Final = (255, 255, 255)
ACCENT: Final = "#8a3b12"
