"""A raster file seen on another grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.scenes.grids import points_in
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.resampling import bilinear, footprint, nearest, thinned
from landslip.scenes.window import Window


@dataclass(frozen=True, slots=True, eq=False)
class Regridded:
    """A file whose bands are resampled to the scene's grid, window by window.

    Where the file is finer than the scene, squares of its pixels are averaged first, so that none is passed over.
    """

    file: RasterFile
    file_grid: GeoBox
    scene_grid: GeoBox
    thinning: int
    """Pixels of the file a side of the squares that are averaged; 1 where the file is no finer than the scene."""
    blank_zero_bands: frozenset[int]
    """Bands in which 0 stands for nothing observed, as far as a single band can say: such a 0 is kept unmixed."""

    def read(self, bands: Sequence[int], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as stored values (n, h, w), and what was observed (n, h, w).

        Raises:
            SceneError: the file cannot be read.
        """
        step = self.thinning
        x, y = points_in(self.file_grid, self.scene_grid, window)
        inside = (x < self.file.shape[1]) & (y < self.file.shape[0])
        x, y = x / step, y / step
        values = np.zeros((len(bands), *window.shape), np.float32)
        observed = np.zeros(values.shape, np.bool_)
        height, width = self.file.shape
        needed = footprint(x, y, (-(-height // step), -(-width // step)))
        if needed is None:
            return values, observed
        bottom, right = min(needed.bottom * step, height), min(needed.right * step, width)
        row, col = needed.row * step, needed.col * step
        stored, seen = self.file.read(bands, Window(row, col, bottom - row, right - col))
        usable = seen.copy()
        for position, band in enumerate(bands):
            if band in self.blank_zero_bands:
                usable[position] &= stored[position] != 0
        if step > 1:
            seen = thinned(stored, seen, step)[1]
            stored, usable = thinned(stored, usable, step)
        x, y = x - needed.col, y - needed.row
        for position in range(len(bands)):
            values[position] = bilinear(stored[position], usable[position], x, y)
            observed[position] = inside & nearest(seen[position], x, y)
        return values, observed
