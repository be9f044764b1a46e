"""What the colours of a view mean: a bar with its ends named."""

import numpy as np
from PIL import Image

from landslip.figures.colour_ramps import Ramp
from landslip.figures.typography import FAINT, PAPER, draw_text, text_width

HEIGHT_PX = 16
_BAR_PX = 10
_SIZE = 13


def legend(ramp: Ramp, low: float, high: float, width: int) -> Image.Image:
    """A bar from the lowest to the highest colour with both ends named, ``width`` x 16 pixels."""
    drawn = Image.new("RGB", (width, HEIGHT_PX), PAPER)
    first, last = (_number(value, ramp.unit) for value in (low, high))
    left, right = round(text_width(first, _SIZE)) + 8, width - round(text_width(last, _SIZE)) - 8
    draw_text(drawn, (0, 0), first, _SIZE, FAINT)
    draw_text(drawn, (right + 8, 0), last, _SIZE, FAINT)
    steps = np.linspace(low, high, max(1, right - left), dtype=np.float32)
    bar = np.broadcast_to(ramp.painted(steps, low, high), (_BAR_PX, len(steps), 3))
    drawn.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, 3))
    return drawn


def _number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if unit else f"{value:g}"
    return text + unit if unit in ("", "°") else f"{text} {unit}"
