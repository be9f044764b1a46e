"""A raster file resampled to another grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.grid.alignment import locate_pixels
from landslip.grid.resampling import average_squares, sample_bilinear, sample_mask, window_around
from landslip.grid.window import Window
from landslip.scenes.raster_file import RasterFile

_MAX_PIXELS = 2**22
"""Pixels of a file held at a time, however much finer than the scene it is."""


@dataclass(frozen=True, slots=True, eq=False)
class ResampledFile:
    """A file whose bands are resampled to the scene's grid, window by window.

    If the file is finer than the scene, squares of its pixels are averaged first, so that every pixel contributes.
    """

    file: RasterFile
    file_grid: GeoBox
    scene_grid: GeoBox
    factor: int
    """Side of the averaged squares in pixels of the file; 1 if the file is not finer than the scene."""
    blank_zero_bands: frozenset[int]
    """Bands in which 0 may be nodata: such a 0 is not averaged with other values."""

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as stored values (n, h, w), and their validity (n, h, w).

        Raises:
            SceneError: the file cannot be read.
        """
        step = self.factor
        x, y = locate_pixels(self.file_grid, self.scene_grid, window)
        inside = (x < self.file.shape[1]) & (y < self.file.shape[0])
        x, y = x / step, y / step
        values = np.empty((len(bands), *window.shape), np.float32) if out is None else out
        valid = np.zeros(values.shape, np.bool_)
        needed = window_around(x, y, (-(-self.file.shape[0] // step), -(-self.file.shape[1] // step)))
        if needed is None:
            values[:] = 0
            return values, valid
        parts = [self._read_squares(bands, rows) for rows in _strips(needed, _MAX_PIXELS // step**2)]
        stored, usable, stored_valid = (
            parts[0] if len(parts) == 1 else (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
        )
        x, y = x - needed.col, y - needed.row
        for position in range(len(bands)):
            sample_bilinear(stored[position], usable[position], x, y, values[position])
            np.logical_and(inside, sample_mask(stored_valid[position], x, y), out=valid[position])
        return values, valid

    def _read_squares(
        self, bands: Sequence[int], squares: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Read a window of averaged squares: values, where they may be averaged with others, and their validity.

        Raises:
            SceneError: the file cannot be read.
        """
        step, (height, width) = self.factor, self.file.shape
        row, col = squares.row * step, squares.col * step
        bottom, right = min(squares.bottom * step, height), min(squares.right * step, width)
        stored, valid = self.file.read(bands, Window(row, col, bottom - row, right - col))
        usable = valid
        if self.blank_zero_bands:
            usable = valid.copy()
            for position, band in enumerate(bands):
                if band in self.blank_zero_bands:
                    usable[position] &= stored[position] != 0
        if step == 1:
            return stored, usable, valid
        return *average_squares(stored, usable, step), average_squares(stored, valid, step)[1]


def _strips(window: Window, max_pixels: int) -> list[Window]:
    """Split a window into strips of at most ``max_pixels`` pixels, or of one row."""
    rows = max(1, max_pixels // window.width)
    return [
        Window(row, window.col, min(rows, window.bottom - row), window.width)
        for row in range(window.row, window.bottom, rows)
    ]
