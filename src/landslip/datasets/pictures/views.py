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


def mask_outlines(mask: NDArray[np.uint8]) -> list[BaseGeometry]:
    """Return the outlines of the landslides of a mask (H, W), in pixels from its upper left corner."""
    return [shape(outline) for outline in _outlines(mask, connectivity=4)]


def count_landslides(mask: NDArray[np.uint8]) -> int:
    """Count the landslides of a mask, with 8-connectivity as in a landslide map."""
    return len(_outlines(mask, connectivity=8))


def _outlines(mask: NDArray[np.uint8], connectivity: int) -> list[dict[str, Any]]:
    inside = mask == LANDSLIDE
    found = rasterio.features.shapes(
        inside.astype(np.uint8), mask=inside, connectivity=connectivity, transform=Affine.identity()
    )
    return [outline for outline, _ in found]


def enlarge(rgb: NDArray[np.uint8], side_px: int) -> Image.Image:
    """Resize a picture: bicubic up to three times its size, nearest neighbour beyond."""
    how = Image.Resampling.BICUBIC if side_px < 3 * rgb.shape[1] else Image.Resampling.NEAREST
    return Image.fromarray(rgb).resize((side_px, round(side_px * rgb.shape[0] / rgb.shape[1])), how)


def draw_reference(picture: Image.Image, patch: Patch) -> Image.Image:
    """Draw the outlines of the reference landslides on a picture of a patch, of any size."""
    outlines = mask_outlines(patch.mask)
    if not outlines:
        return picture
    return draw_outlines(picture, outlines, Affine.scale(picture.width / patch.mask.shape[1]))


def describe_mask(patch: Patch) -> str:
    """Return the landslide fraction of a patch as text."""
    known = patch.mask != NODATA
    if not known.any():
        return "no labels"
    fraction = float((patch.mask[known] == LANDSLIDE).mean())
    return "no landslide" if fraction == 0 else f"{fraction:.1%} landslide"


def format_position(patch: Patch) -> str:
    """Return scene, row and column of a patch as text; empty if unknown."""
    if patch.row is None or patch.col is None:
        return ""
    return f"scene {patch.scene}, row {patch.row}, column {patch.col}"


FALSE_COLOUR: Final = ("B08", "B04", "B03")
"""Near infrared, red, green: vegetation is red, bare soil cyan to white, water black."""
_SUN_AZIMUTH_DEG: Final = 315.0
_SUN_HEIGHT_DEG: Final = 45.0
_BRIGHTEST: Final = 1.12
"""Upper limit of the brightness, which keeps the colours of elevation readable."""
_SHADE: Final = 0.65
"""Fraction of direct light in the shaded relief; the rest is diffuse."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A view of a patch, as a picture."""

    title: str
    note: str
    rgb: NDArray[np.uint8]
    """(H, W, 3)."""
    ramp: Ramp | None = None
    """Colour scale, if the colours represent one quantity."""
    low: float = 0.0
    """Value of the first colour."""
    high: float = 1.0
    """Value of the last colour."""


def make_views(patch: Patch, pixel_size_m: float) -> tuple[View, ...]:
    """Make all views that the channels of a patch allow, in a fixed order.

    Args:
        patch: the patch.
        pixel_size_m: side of a pixel on the ground, for relief shading.
    """
    layers = dict(zip(patch.channels, patch.values, strict=True))
    made: list[View] = []
    if set(TRUE_COLOUR) <= set(layers):
        made.append(View("True colour", "B04 B03 B02", composite(patch.values, patch.channels, TRUE_COLOUR)))
    if set(FALSE_COLOUR) <= set(layers):
        made.append(
            View("False colour", "B08 B04 B03", composite(patch.values, patch.channels, FALSE_COLOUR, per_channel=True))
        )
    if {"B04", "B08"} <= set(layers):
        index = ndvi(layers["B04"], layers["B08"])
        made.append(View("NDVI", "(B08 - B04) / (B08 + B04)", NDVI.to_rgb(index, -0.1, 0.8), NDVI, -0.1, 0.8))
    if "slope" in layers:
        made.append(View("Slope", "degrees", SLOPE.to_rgb(layers["slope"], 0, 60), SLOPE, 0, 60))
    if "elevation" in layers:
        heights = layers["elevation"]
        low, high = _range(heights)
        light = np.minimum(shade_relief(heights, pixel_size_m), _BRIGHTEST)[..., np.newaxis]
        tinted = ELEVATION.to_rgb(heights, low, high) * light
        rgb = np.rint(np.clip(tinted, 0, 255)).astype(np.uint8)
        made.append(View("Elevation", "metres, shaded relief", rgb, ELEVATION, low, high))
    if not made:
        first = next(iter(layers))
        low, high = _range(layers[first])
        made.append(View(first, CHANNELS[first].unit, ELEVATION.to_rgb(layers[first], low, high), ELEVATION, low, high))
    return tuple(made)


def composite(
    values: NDArray[np.float32], channels: Sequence[str], shown: Sequence[str], *, per_channel: bool = False
) -> NDArray[np.uint8]:
    """Make an RGB composite of three channels.

    Args:
        values: (C, H, W).
        channels: names of the C layers.
        shown: the three channels for red, green and blue.
        per_channel: stretch each channel by itself.

    Returns:
        (H, W, 3).
    """
    picked = values[[list(channels).index(name) for name in shown]]
    return stretch_true_colour(picked, np.ones(picked.shape[1:], np.bool_), per_channel=per_channel)


def shade_relief(elevation_m: NDArray[np.float32], pixel_size_m: float) -> NDArray[np.float32]:
    """Compute a shaded relief (H, W), lit from the upper left; 1 on flat ground.

    It is Lambert's cosine of the angle between sun and surface (Horn 1981, Proceedings of the IEEE 69(1)), plus diffuse
    light. Elevation is smoothed first: it is in whole metres and coarser than the image, and would show steps.
    """
    elevation_m = _smooth(_smooth(elevation_m))
    slope = np.radians(slope_deg(elevation_m, pixel_size_m, pixel_size_m))
    # Flat ground has no aspect.
    aspect = np.radians(np.nan_to_num(aspect_deg(elevation_m, pixel_size_m, pixel_size_m)))
    height, azimuth = np.radians(_SUN_HEIGHT_DEG), np.radians(_SUN_AZIMUTH_DEG)
    cosine = np.cos(slope) * np.sin(height) + np.sin(slope) * np.cos(height) * np.cos(azimuth - aspect)
    lit: NDArray[np.float32] = (1 - _SHADE + _SHADE * np.maximum(cosine, 0) / np.sin(height)).astype(np.float32)
    return lit


def _smooth(layer: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth with a binomial filter of 3 x 3 pixels."""
    for _ in range(2):
        ends = np.concatenate([layer[:1], layer, layer[-1:]])
        layer = (ends[:-2] + 2 * ends[1:-1] + ends[2:]).T / 4
    return layer


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low, low + 1)
