"""Views of a patch: colour composites, NDVI, slope, shaded elevation, and the outlines of its mask."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from landslip.channels import CHANNELS, TRUE_COLOUR, ndvi
from landslip.datasets.patch_set import Patch
from landslip.figures.cartography import draw_outlines
from landslip.figures.colour_ramps import ELEVATION, NDVI, SLOPE, Ramp
from landslip.figures.true_colour import stretch_true_colour
from landslip.grid.terrain import aspect_deg, slope_deg
from landslip.probability import LANDSLIDE, NODATA


def truth_outlines(mask: NDArray[np.uint8]) -> list[BaseGeometry]:
    """Outlines of the landslides of a mask (H, W), in pixels from its upper left corner."""
    return [shape(outline) for outline in _outlines(mask, connectivity=4)]


def count_landslides(mask: NDArray[np.uint8]) -> int:
    """How many landslides a mask has: what touches by a side or a corner is one, as in a landslide map."""
    return len(_outlines(mask, connectivity=8))


def _outlines(mask: NDArray[np.uint8], connectivity: int) -> list[dict[str, Any]]:
    inside = mask == LANDSLIDE
    found = rasterio.features.shapes(
        inside.astype(np.uint8), mask=inside, connectivity=connectivity, transform=Affine.identity()
    )
    return [outline for outline, _ in found]


def enlarged(rgb: NDArray[np.uint8], side_px: int) -> Image.Image:
    """A view at another size: smoothly up to threefold, pixel by pixel beyond."""
    how = Image.Resampling.BICUBIC if side_px < 3 * rgb.shape[1] else Image.Resampling.NEAREST
    return Image.fromarray(rgb).resize((side_px, round(side_px * rgb.shape[0] / rgb.shape[1])), how)


def with_truth(picture: Image.Image, patch: Patch) -> Image.Image:
    """A picture of a patch, at any size, with the landslides of its truth outlined."""
    outlines = truth_outlines(patch.mask)
    if not outlines:
        return picture
    return draw_outlines(picture, outlines, Affine.scale(picture.width / patch.mask.shape[1]))


def truth_text(patch: Patch) -> str:
    """What the truth says, in a few words."""
    known = patch.mask != NODATA
    if not known.any():
        return "truth not known"
    share = float((patch.mask[known] == LANDSLIDE).mean())
    return "no landslide" if share == 0 else f"{share:.1%} landslide"


def format_position(patch: Patch) -> str:
    """Where the patch lies, in a few words; empty where that is not known."""
    if patch.row is None or patch.col is None:
        return ""
    return f"scene {patch.scene}, row {patch.row}, column {patch.col}"


FALSE_COLOUR: Final = ("B08", "B04", "B03")
"""Near infrared, red, green: plants red, bare ground cyan to white, water black."""
_SUN_AZIMUTH_DEG: Final = 315.0
_SUN_HEIGHT_DEG: Final = 45.0
_BRIGHTEST: Final = 1.12
"""More light would bleach the colours that elevation is read from."""
_SHADE: Final = 0.65
"""How much of the light is the sun's in a shaded relief; the rest comes from everywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One way to look at a patch."""

    title: str
    note: str
    rgb: NDArray[np.uint8]
    """(H, W, 3)."""
    ramp: Ramp | None = None
    """What the colours mean, where they stand for numbers ..."""
    low: float = 0.0
    high: float = 1.0
    """... from the first of its colours to the last."""


def views(patch: Patch, pixel_size_m: float) -> tuple[View, ...]:
    """Everything that the channels of a patch let one see, in a fixed order.

    Args:
        patch: in DN, degrees, metres.
        pixel_size_m: side of a pixel on the ground, for the shading of its relief.
    """
    layers = dict(zip(patch.channels, patch.values, strict=True))
    seen: list[View] = []
    if set(TRUE_COLOUR) <= set(layers):
        seen.append(View("True colour", "B04 B03 B02", composite(patch.values, patch.channels, TRUE_COLOUR)))
    if set(FALSE_COLOUR) <= set(layers):
        seen.append(
            View("False colour", "B08 B04 B03", composite(patch.values, patch.channels, FALSE_COLOUR, per_channel=True))
        )
    if {"B04", "B08"} <= set(layers):
        index = ndvi(layers["B04"], layers["B08"])
        seen.append(View("NDVI", "(B08 - B04) / (B08 + B04)", NDVI.to_rgb(index, -0.1, 0.8), NDVI, -0.1, 0.8))
    if "slope" in layers:
        seen.append(View("Slope", "degrees", SLOPE.to_rgb(layers["slope"], 0, 60), SLOPE, 0, 60))
    if "elevation" in layers:
        heights = layers["elevation"]
        low, high = _range(heights)
        light = np.minimum(shade(heights, pixel_size_m), _BRIGHTEST)[..., np.newaxis]
        tinted = ELEVATION.to_rgb(heights, low, high) * light
        rgb = np.rint(np.clip(tinted, 0, 255)).astype(np.uint8)
        seen.append(View("Elevation", "metres, relief shaded", rgb, ELEVATION, low, high))
    if not seen:
        first = next(iter(layers))
        low, high = _range(layers[first])
        seen.append(View(first, CHANNELS[first].unit, ELEVATION.to_rgb(layers[first], low, high), ELEVATION, low, high))
    return tuple(seen)


def composite(
    values: NDArray[np.float32], channels: Sequence[str], shown: Sequence[str], *, per_channel: bool = False
) -> NDArray[np.uint8]:
    """Three channels as red, green and blue.

    Args:
        values: (C, H, W).
        channels: names of the C layers.
        shown: the three to show.
        per_channel: scale each channel to its own maximum.

    Returns:
        (H, W, 3).
    """
    picked = values[[list(channels).index(name) for name in shown]]
    return stretch_true_colour(picked, np.ones(picked.shape[1:], np.bool_), per_channel=per_channel)


def shade(elevation_m: NDArray[np.float32], pixel_size_m: float) -> NDArray[np.float32]:
    """How bright the relief is, lit from the upper left: 1 where level, (H, W).

    Lambert's cosine of the angle between the sun and the ground (Horn 1981, Proceedings of the IEEE 69(1)), softened.
    Elevation is smoothed a little first: it comes in whole metres, and coarser than the image, and would show as steps.
    """
    elevation_m = _smooth(_smooth(elevation_m))
    slope = np.radians(slope_deg(elevation_m, pixel_size_m, pixel_size_m))
    # Level ground has no aspect, and needs none.
    aspect = np.radians(np.nan_to_num(aspect_deg(elevation_m, pixel_size_m, pixel_size_m)))
    height, azimuth = np.radians(_SUN_HEIGHT_DEG), np.radians(_SUN_AZIMUTH_DEG)
    cosine = np.cos(slope) * np.sin(height) + np.sin(slope) * np.cos(height) * np.cos(azimuth - aspect)
    lit: NDArray[np.float32] = (1 - _SHADE + _SHADE * np.maximum(cosine, 0) / np.sin(height)).astype(np.float32)
    return lit


def _smooth(layer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 3 x 3 pixels, the middle counting most (binomial)."""
    for _ in range(2):
        ends = np.concatenate([layer[:1], layer, layer[-1:]])
        layer = (ends[:-2] + 2 * ends[1:-1] + ends[2:]).T / 4
    return layer


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + 1)
