"""Attributes of change of the polygons of a map: means of both rasters inside each."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.affinity import affine_transform, translate
from shapely.geometry.base import BaseGeometry

from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.change.raster import CHANGE_NODATA, ChangeRaster
from landslip.probability import NODATA, STEP, reaches_threshold

CHANGE_COLUMNS: Final = {
    "change_before": "float64",
    "change_after": "float64",
    "new": "float64",
    "probability_after": "float64",
    "date_before": "str",
    "date_after": "str",
}
"""Name and type of every attribute of change: mean index before and after (NDVI, or relative brightness), probability
that the landslide is new, mean probability in the image after alone, and both dates."""
_MOST_PX: Final = 1 << 22

Probability = Callable[[Window], NDArray[np.uint8]]


def add_change(
    table: gpd.GeoDataFrame,
    grid: MapGrid,
    change: ChangeRaster,
    probability: Probability,
    dates: tuple[datetime | None, datetime | None],
) -> gpd.GeoDataFrame:
    """Add the attributes of change to a table of polygons.

    The confidence becomes the probability that the landslide is new: that of the detector was fitted on its own
    probability, which tells nothing about the time.

    Args:
        table: with the columns of a map, in the CRS of the grid.
        grid: of the map.
        change: filled where the polygons are.
        probability: reads the encoded probability of a new landslide (H, W).
        dates: before and after.
    """
    rows = []
    for geometry in table.geometry:
        pixels = _to_pixels(geometry, grid)
        rows.append(_means(pixels, grid, change, probability))
    means = np.array(rows, np.float64).reshape(-1, 4)
    texts = [date.date().isoformat() if date else None for date in dates]
    added = table.assign(
        change_before=means[:, 0],
        change_after=means[:, 1],
        new=means[:, 2],
        probability_after=means[:, 3],
        date_before=np.full(len(table), texts[0], dtype=object),
        date_after=np.full(len(table), texts[1], dtype=object),
    )
    return added.assign(confidence=added["new"]).astype(CHANGE_COLUMNS)


def _to_pixels(geometry: BaseGeometry, grid: MapGrid) -> BaseGeometry:
    """Return a geometry of a map in pixels of its grid; without a CRS it is in pixels already."""
    if not grid.crs:
        return geometry
    to = ~grid.transform
    return affine_transform(geometry, (to.a, to.b, to.d, to.e, to.c, to.f))


def _means(
    geometry: BaseGeometry, grid: MapGrid, change: ChangeRaster, probability: Probability
) -> tuple[float, float, float, float]:
    """Return the means of index before, index after, new and probability after inside a polygon in pixels."""
    sums, count = np.zeros(4), 0
    steps = (change.described[1].step, change.described[2].step, STEP, STEP)
    for window in _windows(geometry, grid):
        inside = rasterize(
            [(translate(geometry, -window.col, -window.row), 1)],
            window.shape,
            dtype="uint8",
        ).astype(bool)
        bands, new = change.read_bands(window), probability(window)
        inside &= (bands[0] != CHANGE_NODATA) & (new != NODATA)
        count += int(inside.sum())
        for place, layer in enumerate((bands[1], bands[2], new, bands[0])):
            sums[place] += float(layer[inside].sum(dtype=np.float64)) * steps[place]
    means = sums / count if count else np.full(4, np.nan)
    return float(means[0]), float(means[1]), float(means[2]), float(means[3])


def _windows(geometry: BaseGeometry, grid: MapGrid) -> Iterable[Window]:
    """Yield windows of bounded size that together hold the polygon."""
    left, top, right, bottom = geometry.bounds
    row, col = max(int(np.floor(top + 1e-6)), 0), max(int(np.floor(left + 1e-6)), 0)
    end, side = min(int(np.ceil(bottom - 1e-6)), grid.height), min(int(np.ceil(right - 1e-6)), grid.width)
    height = max(1, _MOST_PX // max(side - col, 1))
    for first in range(row, end, height):
        yield Window(first, col, min(height, end - first), max(side - col, 1))


def lies_beside_new(geometry: BaseGeometry, grid: MapGrid, probability: Probability, threshold: float) -> bool:
    """Return whether at least half of the pixels of a polygon touch a new landslide: they are its edge.

    Args:
        geometry: in the CRS of the grid.
        grid: of the map.
        probability: reads the encoded probability of a new landslide.
        threshold: of that probability.
    """
    geometry = _to_pixels(geometry, grid)
    beside = count = 0
    whole = Window(0, 0, grid.height, grid.width)
    for window in _windows(geometry, grid):
        around = window.expand(1).intersection(whole) or window
        inside = rasterize(
            [(translate(geometry, -around.col, -around.row), 1)],
            around.shape,
            dtype="uint8",
        ).astype(bool)
        rows, cols = window.relative_to(around).slices
        core = np.zeros_like(inside)
        core[rows, cols] = inside[rows, cols]
        padded = np.pad(reaches_threshold(probability(around), threshold), 1)
        near = np.zeros_like(inside)
        for down in range(3):
            for right in range(3):
                near |= padded[down : down + inside.shape[0], right : right + inside.shape[1]]
        beside += int((core & near).sum())
        count += int(core.sum())
    return count > 0 and beside >= count / 2
