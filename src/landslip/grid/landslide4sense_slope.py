"""Slope as the patches of Landslide4Sense have it, for detectors trained there.

Horn's slope on a grid of 12.5 m, from elevation in whole metres, in whole degrees, taken to the grid of the image by
nearest neighbour: the rule that reproduces the slope of the patches from their elevation best (docs/scenes.md).
"""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.grid.resampling import sample_bilinear, sample_mask, window_around
from landslip.grid.terrain import slope_deg
from landslip.grid.terrain_grid import pixel_size_on_grid
from landslip.grid.window import Window

SlopeRule = Literal["horn", "landslide4sense"]
SOURCE_PIXEL_M: Final = 12.5


def landslide4sense_slope(
    elevation_m: Callable[[Window], NDArray[np.float32]], geobox: GeoBox, window: Window
) -> NDArray[np.float32]:
    """Compute the slope of a window of a grid by the rule of Landslide4Sense; the same in any window.

    The grid of 12.5 m is anchored at the corner of the image. On a geographic grid its pixels have that size at the
    centre of the grid.

    Args:
        elevation_m: returns the elevation (h, w) of a window of the grid, NaN where nodata.
        geobox: the whole grid; without a CRS its unit is the metre.
        window: of the grid.

    Returns:
        (h, w) in whole degrees, NaN where an elevation that it depends on is nodata.
    """
    height, width = (int(side) for side in geobox.shape)
    row_m, col_m = pixel_size_on_grid(geobox)
    rows, row_at = _source_lines(window.row, window.bottom, SOURCE_PIXEL_M / row_m, height)
    cols, col_at = _source_lines(window.col, window.right, SOURCE_PIXEL_M / col_m, width)
    x, y = cols[None, :], rows[:, None]
    needed = window_around(x, y, (height, width)) or window
    ground = elevation_m(needed)
    known = np.isfinite(ground)
    x, y = x - needed.col, y - needed.row
    source = sample_bilinear(np.where(known, ground, np.float32(0)), known, x, y)
    source = np.where(sample_mask(known, x, y), source, np.float32(np.nan))
    slope = slope_deg(source, SOURCE_PIXEL_M, SOURCE_PIXEL_M, like_landslide4sense=True)
    return slope[row_at[:, None], col_at[None, :]]


def _source_lines(first: int, end: int, step: float, length: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the centres of the lines of the source grid that pixels need, and the line that each pixel takes.

    Args:
        first: pixel of the window.
        end: pixel after the last.
        step: pixels from a line to the next.
        length: pixels of the whole grid.

    Returns:
        Centres in pixels, within those of the outermost pixels, with a line more on both sides where there is one; and
        the index of the line of each pixel among them.
    """
    lines = np.floor((np.arange(first, end) + 0.5) / step).astype(np.intp)
    last = int(np.floor((length - 0.5) / step))
    start, stop = max(0, int(lines[0]) - 1), min(last, int(lines[-1]) + 1)
    centres = (np.arange(start, stop + 1) + 0.5) * step
    return np.clip(centres, 0.5, length - 0.5), lines - start
