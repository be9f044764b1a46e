"""From a finished probability raster to the inventory of a map."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslip.card import Card
from landslip.levels import NOT_OBSERVED
from landslip.mapping.attributes import landslide_table
from landslip.mapping.grid import MapGrid
from landslip.mapping.ground import Ground
from landslip.mapping.inventory import append_to_geopackage, portions
from landslip.mapping.outlines import Outline, outlines
from landslip.scenes.window import Window


@dataclass(frozen=True, slots=True)
class Found:
    """What the inventory of a map holds in numbers."""

    areas_m2: NDArray[np.float64]
    """Area of every landslide, in the order of the ids."""
    observed_px: int
    observed_area_m2: float


def write_inventory(
    path: Path,
    levels: Iterator[tuple[Window, NDArray[np.uint8]]],
    *,
    grid: MapGrid,
    card: Card,
    threshold: float,
    min_area_m2: float,
    image_date: datetime | None,
    ground: Callable[[Window], Ground] | None,
) -> Found:
    """Find the landslides of a probability raster and write them as a GeoPackage.

    Args:
        path: of the GeoPackage; must not exist.
        levels: the raster in strips from top to bottom.
        grid: of the map.
        card: of the detector.
        threshold: probability from which a pixel is landslide.
        min_area_m2: smaller landslides are left out.
        image_date: when the image was taken.
        ground: terrain of a strip, where the scene knows it.
    """
    tally = _Tally(grid)
    areas_m2: list[NDArray[np.float64]] = []
    first_id = 1
    append_to_geopackage(path, landslide_table([], grid, card, image_date, first_id))
    large_enough = (
        outline
        for outline in outlines(tally.watching(levels), threshold, ground)
        if _may_reach(outline, grid, min_area_m2)
    )
    for portion in portions(large_enough):
        table = landslide_table(portion, grid, card, image_date, first_id)
        table = table[table["area_m2"] >= min_area_m2]
        table = table.assign(id=np.arange(first_id, first_id + len(table)))
        first_id += len(table)
        areas_m2.append(table["area_m2"].to_numpy())
        if len(table):
            append_to_geopackage(path, table)
    return Found(np.concatenate([np.zeros(0), *areas_m2]), tally.observed_px, tally.observed_area_m2)


def _may_reach(outline: Outline, grid: MapGrid, min_area_m2: float) -> bool:
    """A quick look that spares most tiny outlines the full measurement; the pixel at its place decides, with room."""
    x, y = outline.geometry.bounds[:2]
    return bool(outline.area_px * grid.pixel_area_m2(np.array([[x, y]]))[0] * 1.1 >= min_area_m2)


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
            counts = np.add.reduceat((strip != NOT_OBSERVED).sum(axis=0), starts)
            middles = (starts + np.minimum(starts + 512, window.width)) / 2
            places = np.column_stack([middles, np.full(len(starts), window.row + window.height / 2)])
            self.observed_px += int(counts.sum())
            self.observed_area_m2 += float(counts @ self._grid.pixel_area_m2(places))
            yield window, strip
