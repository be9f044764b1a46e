"""Reference labels as a raster on any grid: each pixel of a map takes the label at its centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.errors import ReferenceDataError
from landslip.grid.alignment import grids_overlap, ground_resolution_m, locate_pixels, same_grid
from landslip.grid.resampling import window_around
from landslip.grid.window import Window
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.scenes.georeference import file_grids
from landslip.scenes.raster_file import RasterFile

_STRIP_PX: Final = 2**22
_MAX_VALUES: Final = 16
_OWN_VALUES: Final = frozenset({LANDSLIDE, BACKGROUND, NODATA})


@dataclass(frozen=True, slots=True, eq=False)
class RasterReference:
    """A label raster sampled on the grid of a map."""

    file: RasterFile
    file_grid: GeoBox
    map_grid: GeoBox
    values: tuple[int, ...]
    """All values of the raster except nodata, ascending."""
    landslide_values: tuple[int, ...]
    """The values that are landslide; 255 is nodata unless it is one of them, all other values are background."""
    nodata_is_background: bool = False
    """Whether nodata inside the raster is background."""

    @classmethod
    def on(
        cls,
        path: Path,
        map_grid: GeoBox,
        landslide_values: Sequence[int] = (),
        *,
        nodata_is_background: bool = False,
    ) -> "RasterReference":
        """Open a label raster and place it on a grid.

        Args:
            path: of a raster with one band of integers.
            map_grid: of the map; if it has no CRS, the raster must have none either, and the same size.
            landslide_values: the values that are landslide; 1 where empty, if the raster holds only 0, 1 and 255.
            nodata_is_background: take nodata inside the raster as background.

        Raises:
            ReferenceDataError: the raster is not a label raster, its landslide value is unknown, or it does not
                overlap the map.
            SceneError: it cannot be read, or has no usable georeference.
        """
        file = RasterFile(path)
        if file.count - len(file.alphas) != 1:
            raise ReferenceDataError(f"{path} has {file.count} bands: give a label raster with one band")
        file_grid = _grid_of(file, map_grid)
        values = _values_of(file)
        landslide = _landslide_values(path, values, landslide_values)
        return cls(file, file_grid, map_grid, values, landslide, nodata_is_background)

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return the landslide pixels of a window of the map, (h, w)."""
        labels, valid, _ = self._sample(window)
        return np.asarray(valid & np.isin(labels, self.landslide_values))

    def valid(self, window: Window) -> NDArray[np.bool_]:
        """Return the labelled pixels of a window of the map, (h, w)."""
        labels, valid, inside = self._sample(window)
        if self.nodata_is_background:
            return inside
        if NODATA in self.landslide_values:
            return valid
        return np.asarray(valid & (labels != NODATA))

    def notes(self) -> tuple[str, ...]:
        """Describe resampling and the meaning of the values, in sentences."""
        notes = []
        if self.nodata_is_background:
            notes.append(f"nodata of {self.file.path.name} was taken as background")
        if not same_grid(self.file_grid, self.map_grid):
            sizes = f"{ground_resolution_m(self.file_grid):.3g} m, map {ground_resolution_m(self.map_grid):.3g} m"
            notes.append(
                f"{self.file.path.name} has another grid than the map (pixels of {sizes}): each pixel of the map takes "
                "the label at its centre"
            )
        others = sorted(set(self.values) - {*self.landslide_values, NODATA})
        if others and (others != [BACKGROUND] or self.landslide_values != (LANDSLIDE,)):
            notes.append(
                f"{self.file.path.name}: {_list(self.landslide_values)} is landslide, {_list(others)} is background"
            )
        return tuple(notes)

    def _sample(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Read the labels (h, w) at the centres of the map's pixels, where they are valid, and which are inside."""
        if self.map_grid.crs is None:
            labels, valid = self.file.read([1], window)
            return labels[0], valid[0], np.ones(window.shape, np.bool_)
        x, y = locate_pixels(self.file_grid, self.map_grid, window)
        height, width = self.file.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        needed = window_around(x, y, self.file.shape)
        if needed is None:
            nowhere = np.zeros(window.shape, np.bool_)
            return np.zeros(window.shape, np.float32), nowhere, nowhere
        labels, valid = self.file.read([1], needed)
        rows = np.clip(np.floor(y).astype(np.intp) - needed.row, 0, needed.height - 1)
        cols = np.clip(np.floor(x).astype(np.intp) - needed.col, 0, needed.width - 1)
        return labels[0][rows, cols], np.asarray(inside & valid[0][rows, cols]), np.asarray(inside)


def _grid_of(file: RasterFile, map_grid: GeoBox) -> GeoBox:
    if file.crs is None or map_grid.crs is None:
        if file.crs is not None or map_grid.crs is not None or file.shape != tuple(map_grid.shape):
            (size, crs), (map_size, map_crs) = (
                (f"{shape[0]} x {shape[1]} px", "without a CRS" if crs is None else "with a CRS")
                for shape, crs in ((file.shape, file.crs), (map_grid.shape, map_grid.crs))
            )
            raise ReferenceDataError(
                f"{file.path} ({size}, {crs}) does not fit a map of {map_size}, {map_crs}: give both with a CRS, or a "
                "label raster of the image's size"
            )
        return map_grid
    (grid,), _ = file_grids([file], None)
    if not grids_overlap(grid, map_grid):
        raise ReferenceDataError(f"{file.path} does not overlap the map: give the reference of the mapped area")
    return grid


def _values_of(file: RasterFile) -> tuple[int, ...]:
    """Return every value that occurs.

    Raises:
        ReferenceDataError: they are not labels, or every pixel is nodata.
    """
    found: set[float] = set()
    height, width = file.shape
    rows = max(1, _STRIP_PX // width)
    for row in range(0, height, rows):
        labels, valid = file.read([1], Window(row, 0, min(rows, height - row), width))
        found |= set(np.unique(labels[valid]).tolist())
        if len(found) > _MAX_VALUES or any(not value.is_integer() for value in found):
            raise ReferenceDataError(
                f"{file.path} holds more than {_MAX_VALUES} values, or fractions, such as "
                f"{sorted(found)[len(found) // 2]:g}: give a raster of integer labels"
            )
    if not found:
        raise ReferenceDataError(f"{file.path} is nodata everywhere: give a raster with labels")
    return tuple(sorted(int(value) for value in found))


def _landslide_values(path: Path, values: tuple[int, ...], given: Sequence[int]) -> tuple[int, ...]:
    """Return the values that are landslide.

    Raises:
        ReferenceDataError: they are not given and cannot be inferred, or a given one does not occur.
    """
    if given:
        absent = [value for value in given if value not in values]
        if absent:
            raise ReferenceDataError(
                f"landslide_values must occur in the raster: {path} holds {_list(values)}, got {_list(absent)}",
                parameter="landslide_values",
            )
        return tuple(sorted(set(given)))
    # Of 0 and 255, 255 may be landslide, as in 8-bit images, unless the file declares it nodata.
    ambiguous = NODATA in values and LANDSLIDE not in values
    if set(values) <= _OWN_VALUES and not ambiguous:
        return (LANDSLIDE,)
    raise ReferenceDataError(
        f"{path} holds the values {_list(values)}, expected 1 for landslide, 0 for background and 255 or nodata for "
        "unlabelled: set landslide_values",
        parameter="landslide_values",
    )


def _list(values: Sequence[int]) -> str:
    return " and ".join([", ".join(map(str, values[:-1])), str(values[-1])] if len(values) > 1 else map(str, values))
