"""A raster file seen on another grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.grid.alignment import locate_pixels
from landslip.grid.resampling import average_squares, sample_bilinear, sample_mask, window_around
from landslip.grid.window import Window
from landslip.scenes.raster_file import RasterFile

_MOST_PIXELS = 2**22
"""Pixels of a file held at a time, however much finer than the scene it is."""


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
        x, y = locate_pixels(self.file_grid, self.scene_grid, window)
        inside = (x < self.file.shape[1]) & (y < self.file.shape[0])
        x, y = x / step, y / step
        values = np.zeros((len(bands), *window.shape), np.float32)
        observed = np.zeros(values.shape, np.bool_)
        needed = window_around(x, y, (-(-self.file.shape[0] // step), -(-self.file.shape[1] // step)))
        if needed is None:
            return values, observed
        parts = [self._read_squares(bands, rows) for rows in _strips(needed, _MOST_PIXELS // step**2)]
        stored, usable, seen = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        x, y = x - needed.col, y - needed.row
        for position in range(len(bands)):
            values[position] = sample_bilinear(stored[position], usable[position], x, y)
            observed[position] = inside & sample_mask(seen[position], x, y)
        return values, observed

    def _read_squares(
        self, bands: Sequence[int], squares: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Read a window of the thinned file: values, where they may be mixed with others, where they were observed.

        Raises:
            SceneError: the file cannot be read.
        """
        step, (height, width) = self.thinning, self.file.shape
        row, col = squares.row * step, squares.col * step
        bottom, right = min(squares.bottom * step, height), min(squares.right * step, width)
        stored, seen = self.file.read(bands, Window(row, col, bottom - row, right - col))
        usable = seen.copy()
        for position, band in enumerate(bands):
            if band in self.blank_zero_bands:
                usable[position] &= stored[position] != 0
        if step == 1:
            return stored, usable, seen
        return *average_squares(stored, usable, step), average_squares(stored, seen, step)[1]


def _strips(window: Window, most_pixels: int) -> list[Window]:
    """Cut a window into strips of no more than some pixels, or of one row."""
    rows = max(1, most_pixels // window.width)
    return [
        Window(row, window.col, min(rows, window.bottom - row), window.width)
        for row in range(window.row, window.bottom, rows)
    ]
