"""From encoded probability to the inventory of a map, in a file or in memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.detector.card import Card
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.files import append_to_geopackage, check_geopackage, chunks
from landslip.mapping.inventory.outlines import Outline, trace_outlines
from landslip.mapping.inventory.terrain_attributes import Terrain, terrain_reader
from landslip.mapping.job import Job
from landslip.mapping.raster.block_order import strips
from landslip.probability import NODATA, encode_probability

_AREA_TOLERANCE = 0.005
"""A pixel of 10 m in UTM has 99.8 to 100.1 m2 of geodesic area; four of them reach a minimum area of 400 m2."""

Strips = Iterable[tuple[Window, NDArray[np.uint8]]]
"""Encoded probability in strips from top to bottom, without gaps."""


@dataclass(frozen=True, slots=True)
class Found:
    """The inventory of a map in numbers."""

    areas_m2: NDArray[np.float64]
    """Area of every landslide, in the order of the ids."""
    valid_px: int
    valid_area_m2: float


def find_landslides(job: Job, encoded: Strips, path: Path) -> Found:
    """Find the landslides of a probability raster and write them to a GeoPackage.

    Args:
        job: what is mapped.
        encoded: the raster in strips.
        path: of the GeoPackage; must not exist.
    """
    grid, image_date = job.grid, job.scene.date
    counter = _ValidCounter(grid)
    areas_m2: list[NDArray[np.float64]] = []
    append_to_geopackage(path, landslide_table([], grid, job.detector.card, image_date, 1))
    for table in landslide_tables(
        counter.count(encoded),
        grid,
        job.detector.card,
        threshold=job.threshold,
        min_area_m2=job.settings.min_area_m2,
        image_date=image_date,
        terrain=terrain_reader(job.scene, job.region, grid),
    ):
        areas_m2.append(table["area_m2"].to_numpy())
        append_to_geopackage(path, table)
    check_geopackage(path, sum(map(len, areas_m2)))
    return Found(np.concatenate([np.zeros(0), *areas_m2]), counter.pixels, counter.area_m2)


def outline_landslides(
    probability: NDArray[np.float32],
    geobox: GeoBox,
    card: Card,
    *,
    threshold: float,
    min_area_m2: float = 400.0,
    image_date: datetime | None = None,
) -> gpd.GeoDataFrame:
    """Outline the landslides of a probability array in memory, as a map does in its files.

    Args:
        probability: (H, W), 0 to 1; NaN is nodata.
        geobox: grid of the array; without a CRS, geometry is in pixel coordinates.
        card: of the detector, for the confidence of polygons.
        threshold: probability from which a pixel is landslide.
        min_area_m2: smaller landslides are left out.
        image_date: acquisition date, if known.

    Returns:
        The columns of ``landslides.gpkg``, one row per landslide; terrain columns are NaN.
    """
    encoded = encode_probability(probability)
    height, width = encoded.shape
    grid = MapGrid.of(geobox, Window(0, 0, height, width))
    pieces = ((window, encoded[window.slices]) for window in strips(height, width))
    tables = list(
        landslide_tables(pieces, grid, card, threshold=threshold, min_area_m2=min_area_m2, image_date=image_date)
    )
    if not tables:
        return landslide_table([], grid, card, image_date, 1)
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True))


def landslide_tables(
    encoded: Strips,
    grid: MapGrid,
    card: Card,
    *,
    threshold: float,
    min_area_m2: float,
    image_date: datetime | None,
    terrain: Callable[[Window], Terrain] | None = None,
) -> Iterator[gpd.GeoDataFrame]:
    """Yield the landslides of a raster in tables of bounded size, with consecutive ids; no table is empty."""
    first_id = 1
    for chunk in chunks(trace_outlines(encoded, threshold, terrain)):
        table = landslide_table(_remove_small(chunk, grid, min_area_m2), grid, card, image_date, first_id)
        table = table[reaches_area(table["area_m2"].to_numpy(), min_area_m2)]
        if len(table):
            yield table.assign(id=np.arange(first_id, first_id + len(table)))
            first_id += len(table)


def reaches_area(areas_m2: NDArray[np.float64], min_area_m2: float) -> NDArray[np.bool_]:
    """Return which landslides are large enough for an inventory.

    Areas are geodesic, so the scale factor of a projection changes the area of a pixel a little. A landslide stays if
    its area is at least ``min_area_m2`` less 0.5 %, so that a number of whole pixels is not cut by that factor.

    Args:
        areas_m2: (n,) areas.
        min_area_m2: minimum area.

    Example:
        >>> reaches_area(np.array([299.8, 399.2, 400.3]), 400.0).tolist()
        [False, True, True]
    """
    return np.asarray(areas_m2 >= min_area_m2 * (1 - _AREA_TOLERANCE))


def _remove_small(chunk: list[Outline], grid: MapGrid, min_area_m2: float) -> list[Outline]:
    """Remove outlines that are clearly too small by their pixel count, to save their exact measurement."""
    # At the centre of the bounds: a corner may lie on a pole, where pixels have no area.
    bounds = np.array([outline.geometry.bounds for outline in chunk])
    centres = (bounds[:, :2] + bounds[:, 2:]) / 2
    approximate_m2 = np.array([outline.area_px for outline in chunk]) * grid.pixel_area_m2(centres)
    return [outline for outline, area_m2 in zip(chunk, approximate_m2, strict=True) if area_m2 * 1.1 >= min_area_m2]


class _ValidCounter:
    """Counts valid pixels and their area while strips pass through."""

    def __init__(self, grid: MapGrid) -> None:
        self.pixels = 0
        self.area_m2 = 0.0
        self._grid = grid

    def count(self, encoded: Strips) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Yield the strips unchanged."""
        for window, strip in encoded:
            starts = np.arange(0, window.width, 512)
            counts = np.add.reduceat((strip != NODATA).sum(axis=0), starts)
            middles = (starts + np.minimum(starts + 512, window.width)) / 2
            centres = np.column_stack([middles, np.full(len(starts), window.row + window.height / 2)])
            self.pixels += int(counts.sum())
            self.area_m2 += float(counts @ self._grid.pixel_area_m2(centres))
            yield window, strip
