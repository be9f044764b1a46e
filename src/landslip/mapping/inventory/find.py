"""From a finished probability raster to the inventory of a map."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.files import append_to_geopackage, check_geopackage, portions
from landslip.mapping.inventory.ground import ground_under
from landslip.mapping.inventory.outlines import Outline, outlines
from landslip.mapping.job import Job
from landslip.probability import NODATA


@dataclass(frozen=True, slots=True)
class Found:
    """What the inventory of a map holds in numbers."""

    areas_m2: NDArray[np.float64]
    """Area of every landslide, in the order of the ids."""
    observed_px: int
    observed_area_m2: float


def find_landslides(job: Job, levels: Iterator[tuple[Window, NDArray[np.uint8]]], path: Path) -> Found:
    """Find the landslides of a probability raster and write them as a GeoPackage.

    Args:
        job: what is mapped.
        levels: the raster in strips from top to bottom.
        path: of the GeoPackage; must not exist.
    """
    card, grid = job.detector.card, job.grid
    threshold, min_area_m2, image_date = job.threshold, job.settings.min_area_m2, job.scene.date
    ground = ground_under(job.scene, job.region, grid)
    tally = _Tally(grid)
    areas_m2: list[NDArray[np.float64]] = []
    first_id = 1
    append_to_geopackage(path, landslide_table([], grid, card, image_date, first_id))
    for portion in portions(outlines(tally.watching(levels), threshold, ground)):
        table = landslide_table(_large(portion, grid, min_area_m2), grid, card, image_date, first_id)
        table = table[table["area_m2"] >= min_area_m2]
        table = table.assign(id=np.arange(first_id, first_id + len(table)))
        first_id += len(table)
        areas_m2.append(table["area_m2"].to_numpy())
        if len(table):
            append_to_geopackage(path, table)
    check_geopackage(path, first_id - 1)
    return Found(np.concatenate([np.zeros(0), *areas_m2]), tally.observed_px, tally.observed_area_m2)


def _large(portion: list[Outline], grid: MapGrid, min_area_m2: float) -> list[Outline]:
    """Leave out what is surely too small, by pixels times the area of one, and so spare most the full measurement."""
    # At their middles: a corner may lie on a pole, where pixels have no area.
    bounds = np.array([outline.geometry.bounds for outline in portion])
    places = (bounds[:, :2] + bounds[:, 2:]) / 2
    roughly_m2 = np.array([outline.area_px for outline in portion]) * grid.pixel_area_m2(places)
    return [outline for outline, area_m2 in zip(portion, roughly_m2, strict=True) if area_m2 * 1.1 >= min_area_m2]


class _Tally:
    """Counts what was observed while the levels pass by."""

    def __init__(self, grid: MapGrid) -> None:
        self.observed_px = 0
        self.observed_area_m2 = 0.0
        self._grid = grid

    def watching(
        self, levels: Iterator[tuple[Window, NDArray[np.uint8]]]
    ) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Hand the strips on."""
        for window, strip in levels:
            starts = np.arange(0, window.width, 512)
            counts = np.add.reduceat((strip != NODATA).sum(axis=0), starts)
            middles = (starts + np.minimum(starts + 512, window.width)) / 2
            places = np.column_stack([middles, np.full(len(starts), window.row + window.height / 2)])
            self.observed_px += int(counts.sum())
            self.observed_area_m2 += float(counts @ self._grid.pixel_area_m2(places))
            yield window, strip
