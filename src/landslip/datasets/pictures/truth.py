"""The truth of a patch on its pictures: outlines that follow the mask's pixels."""

from typing import Any

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from landslip.datasets.patch_set import Patch
from landslip.figures.cartography import draw_outlines
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
