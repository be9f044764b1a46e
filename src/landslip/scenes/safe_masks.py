"""Bands of Sentinel-2 products with their quality masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.windows import Window as RasterioWindow

from landslip.errors import SceneError
from landslip.grid.window import Window
from landslip.scenes.product_metadata import Statement
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.safe_metadata import TileGrid, parse_xml

_OVERVIEW_PX = 256


@dataclass(frozen=True, slots=True)
class RasterMask:
    """A mask as a raster of any resolution."""

    description: str
    file: RasterFile
    layers: tuple[int, ...]
    marked: frozenset[int] | None
    """Values that mark a pixel in any layer; every value but 0 where None."""

    def read(self, band: RasterFile, window: RasterioWindow, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Read where a window of a band, resampled to a shape (h, w), has no usable values.

        Raises:
            SceneError: the mask cannot be read.
        """
        rows = _centres(window.row_off, window.height, shape[0]) * self.file.shape[0] / band.shape[0]
        cols = _centres(window.col_off, window.width, shape[1]) * self.file.shape[1] / band.shape[1]
        row, col = int(rows[0]), int(cols[0])
        height, width = int(rows[-1]) - row + 1, int(cols[-1]) - col + 1
        if height > 2 * shape[0] or width > 2 * shape[1]:
            values, _ = self.file.read_resampled(self.layers, RasterioWindow(col, row, width, height), shape)
            return self._marked(values)
        values, _ = self.file.read(self.layers, Window(row, col, height, width))
        marked = self._marked(values)
        return np.asarray(marked[np.ix_(rows.astype(int) - row, cols.astype(int) - col)])

    def marks_all(self) -> bool:
        """Return whether an overview of the mask marks every pixel, as masks that a processor left empty do."""
        height, width = self.file.shape
        shape = (min(height, _OVERVIEW_PX), min(width, _OVERVIEW_PX))
        values, _ = self.file.read_resampled(self.layers, RasterioWindow(0, 0, width, height), shape)
        return bool(self._marked(values).all())

    def _marked(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        marked = values != 0 if self.marked is None else np.isin(values, list(self.marked))
        return np.asarray(marked.any(axis=0))


@dataclass(frozen=True, slots=True)
class PolygonMask:
    """A mask as polygons in the CRS of the tile, as products before baseline 04.00 have them."""

    description: str
    polygons: tuple[Mapping[str, Any], ...]
    """GeoJSON polygons."""

    @classmethod
    def read_gml(cls, description: str, data: bytes, name: str) -> "PolygonMask | None":
        """Read the polygons of a mask in GML; None if there are none.

        Raises:
            SceneError: the GML is damaged.
        """
        polygons: list[Mapping[str, Any]] = []
        for polygon in (one for one in parse_xml(data, name).iter() if one.tag.rpartition("}")[2] == "Polygon"):
            rings = [
                _ring(one.text or "", int(one.get("srsDimension", "2")), name)
                for one in polygon.iter()
                if one.tag.rpartition("}")[2] == "posList"
            ]
            if rings:
                polygons.append({"type": "Polygon", "coordinates": rings})
        return cls(description, tuple(polygons)) if polygons else None

    def read(self, band: RasterFile, window: RasterioWindow, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Read where a window of a band, resampled to a shape (h, w), has no usable values."""
        to_ground = (
            band.transform
            * Affine.translation(window.col_off, window.row_off)
            * Affine.scale(window.width / shape[1], window.height / shape[0])
        )
        burnt = rasterize([(polygon, 1) for polygon in self.polygons], shape, transform=to_ground, dtype="uint8")
        return np.asarray(burnt != 0)


PixelMask: TypeAlias = RasterMask | PolygonMask
"""A mask of pixels without usable values, over the whole tile."""


class ProductBand(RasterFile):
    """A band of a product: its values are nodata where the product states so.

    Args:
        path: for GDAL.
        statement: conversion to DN.
        special: stored values that are no reflectance: nodata and saturated.
        grid: georeference of the tile, for files without one.
        masks: of pixels without usable values.
        parts: files on disk that the band depends on.
    """

    def __init__(
        self,
        path: Path,
        statement: Statement,
        special: tuple[float, ...],
        grid: TileGrid | None,
        masks: tuple[PixelMask, ...],
        parts: tuple[Path, ...],
    ) -> None:
        super().__init__(path)
        self.statement = statement
        self.masks = masks
        self.parts = parts
        self._special = special
        if self.crs is None and grid is not None:
            self.crs, self.transform = grid.crs, grid.transform(self.shape)

    def declares_nodata(self, band: int) -> bool:
        """Return that nodata is declared, by the metadata of the product."""
        return True

    def _read(
        self, bands: list[int], window: RasterioWindow, shape: tuple[int, int], out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a window, resampled to a shape."""
        values, valid = super()._read(bands, window, shape, out)
        for value in self._special:
            valid &= values != np.float32(value)
        for mask in self.masks:
            valid &= ~mask.read(self, window, shape)
        return values, valid


def _centres(first: float, length: float, count: int) -> NDArray[np.float64]:
    """Return the centres of evenly spaced cells."""
    return np.asarray(first + (np.arange(count) + 0.5) * length / count)


def _ring(text: str, dimension: int, name: str) -> list[tuple[float, float]]:
    """Read the coordinates of a ring.

    Raises:
        SceneError: they are not numbers.
    """
    try:
        numbers: Sequence[float] = [float(word) for word in text.split()]
        if dimension not in (2, 3) or len(numbers) % dimension or len(numbers) < 3 * dimension:
            raise ValueError(text[:40])
    except ValueError as error:
        raise SceneError(f"{name} holds a polygon that cannot be read: download the product again") from error
    return list(zip(numbers[0::dimension], numbers[1::dimension], strict=True))
