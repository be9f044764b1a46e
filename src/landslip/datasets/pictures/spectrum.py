"""The spectrum of a patch: median reflectance by wavelength, inside and outside of its landslides."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.datasets.patch import LANDSLIDE, NOT_LANDSLIDE, Patch
from landslip.figures.typography import FAINT, INK, PAPER, RULE, draw_text, text_width

LANDSLIDE_INK: Final = (170, 78, 22)
REST_INK: Final = (38, 112, 74)
_HEIGHT_PX: Final = 230
_LEFT_PX: Final = 34
_BELOW_PX: Final = 30
_FINER: Final = 3
_NOT_GROUND: Final = frozenset({"B09", "B10"})
"""Water vapour and cirrus see the air rather than the ground."""


def spectrum(patch: Patch, width: int) -> Image.Image:
    """A chart of ``width`` x 230 pixels: reflectance in percent over wavelength in nanometres."""
    known = [
        (CHANNELS[name].wavelength_nm or 0.0, patch.values[number] / DN_PER_REFLECTANCE * 100)
        for number, name in enumerate(patch.channels)
        if CHANNELS[name].kind == "reflectance" and name not in _NOT_GROUND
    ]
    known.sort(key=lambda one: one[0])
    wavelengths = np.array([wavelength for wavelength, _ in known])
    layers = np.stack([values for _, values in known])
    groups = [(patch.mask == LANDSLIDE, LANDSLIDE_INK), (patch.mask == NOT_LANDSLIDE, REST_INK)]
    seen = [(where, ink) for where, ink in groups if where.any()] or [(np.ones(patch.mask.shape, np.bool_), INK)]
    quartiles = [(np.percentile(layers[:, where], (25, 50, 75), axis=1), ink) for where, ink in seen]
    top = _round_up(max(float(lines.max()) for lines, _ in quartiles))
    return _chart(wavelengths, quartiles, top, width)


def _chart(
    wavelengths: NDArray[np.float64],
    quartiles: list[tuple[NDArray[np.float64], tuple[int, int, int]]],
    top: float,
    width: int,
) -> Image.Image:
    """Axes, then lines through the medians with bars at every channel; drawn larger, shrunk, then lettered."""
    left, right, above, below = _LEFT_PX, width - 8, 8, _HEIGHT_PX - _BELOW_PX

    def x_of(wavelength: float) -> float:
        return left + (right - left) * (wavelength - 400) / 1900

    def y_of(percent: float) -> float:
        return below - (below - above) * percent / top

    fine = Image.new("RGB", (width * _FINER, _HEIGHT_PX * _FINER), PAPER)
    pen = ImageDraw.Draw(fine)
    steps = [top * share for share in (0, 0.5, 1)]
    for percent in steps:
        y = y_of(percent) * _FINER
        pen.line([(left * _FINER, y), (right * _FINER, y)], RULE, _FINER)
    for lines, ink in quartiles:
        points = [(x_of(w) * _FINER, y_of(p) * _FINER) for w, p in zip(wavelengths, lines[1], strict=True)]
        for (x, y), low, high in zip(points, lines[0], lines[2], strict=True):
            pen.line([(x, y_of(low) * _FINER), (x, y_of(high) * _FINER)], ink, 2 * _FINER)
            pen.ellipse([x - 3 * _FINER, y - 3 * _FINER, x + 3 * _FINER, y + 3 * _FINER], ink)
        pen.line(points, ink, 2 * _FINER, joint="curve")
    chart = fine.resize((width, _HEIGHT_PX), Image.Resampling.BOX)
    for percent in steps:
        text = f"{percent:g}%"
        draw_text(chart, (left - 6 - text_width(text, 12), y_of(percent) - 8), text, 12, FAINT)
    for wavelength in (500, 1000, 1500, 2000):
        text = f"{wavelength:,} nm"
        draw_text(chart, (x_of(wavelength) - text_width(text, 12) / 2, below + 8), text, 12, FAINT)
    return chart


def _round_up(percent: float) -> float:
    """The next of 2, 4, 10, 20, 40, 60, 80, 100 percent, or the next hundred."""
    return next((float(top) for top in (2, 4, 10, 20, 40, 60, 80, 100) if top >= percent), np.ceil(percent / 100) * 100)
