"""Truth as a label raster, on any grid: a map's pixel is what the truth says at its centre."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.errors import TruthError
from landslip.grid.alignment import ground_resolution_m, overlap, points_in, same_grid
from landslip.grid.resampling import footprint
from landslip.grid.window import Window
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.scenes.georeference import file_grids
from landslip.scenes.raster_file import RasterFile

_STRIP_PX: Final = 2**22
_MOST_VALUES: Final = 16
_OURS: Final = frozenset({LANDSLIDE, BACKGROUND, NODATA})


@dataclass(frozen=True, slots=True, eq=False)
class RasterTruth:
    """A label raster seen on a map's grid."""

    file: RasterFile
    file_grid: GeoBox
    map_grid: GeoBox
    values: tuple[int, ...]
    """Every value that it holds where it is not nodata."""
    landslide_values: tuple[int, ...]
    """Those that are landslide; 255 is not observed unless it is among them, and all others are no landslide."""

    @classmethod
    def on(cls, path: Path, map_grid: GeoBox, landslide_values: Sequence[int] = ()) -> "RasterTruth":
        """Open a label raster and lay it on a grid.

        Args:
            path: of one band of whole numbers.
            map_grid: of the map; without a CRS, so must the raster be, and of the same size.
            landslide_values: what is landslide; 1 where none is given, if the raster holds nothing but 0, 1 and 255.

        Raises:
            TruthError: it is no label raster, does not say what is landslide, or lies elsewhere.
            SceneError: it cannot be read, or has no usable place.
        """
        file = RasterFile(path)
        if file.count - len(file.alphas) != 1:
            raise TruthError(f"{path} has {file.count} bands: give a label raster of one band")
        file_grid = _grid_of(file, map_grid)
        values = _values_of(file)
        return cls(file, file_grid, map_grid, values, _landslide_values(path, values, file, landslide_values))

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Where landslides are in a window of the map, (h, w)."""
        stored, seen = self._sampled(window)
        return np.asarray(seen & np.isin(stored, self.landslide_values))

    def observed(self, window: Window) -> NDArray[np.bool_]:
        """Where the truth is known in a window of the map, (h, w)."""
        stored, seen = self._sampled(window)
        if NODATA in self.landslide_values:
            return seen
        return np.asarray(seen & (stored != NODATA))

    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know, in sentences."""
        said = []
        if not same_grid(self.file_grid, self.map_grid):
            finer = f"{ground_resolution_m(self.file_grid):.3g} m against {ground_resolution_m(self.map_grid):.3g} m"
            said.append(
                f"{self.file.path.name} lies on another grid than the map (pixels of {finer}): each pixel of the map "
                "takes the label at its centre"
            )
        others = sorted(set(self.values) - {*self.landslide_values, NODATA})
        if others and (others != [BACKGROUND] or self.landslide_values != (LANDSLIDE,)):
            said.append(
                f"{self.file.path.name}: {_listed(self.landslide_values)} is landslide, {_listed(others)} is not"
            )
        return tuple(said)

    def _sampled(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Labels (h, w) at the centres of the map's pixels, and where there is one."""
        if self.map_grid.crs is None:
            stored, seen = self.file.read([1], window)
            return stored[0], seen[0]
        x, y = points_in(self.file_grid, self.map_grid, window)
        height, width = self.file.shape
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        needed = footprint(x, y, self.file.shape)
        if needed is None:
            return np.zeros(window.shape, np.float32), np.zeros(window.shape, np.bool_)
        stored, seen = self.file.read([1], needed)
        rows = np.clip(np.floor(y).astype(np.intp) - needed.row, 0, needed.height - 1)
        cols = np.clip(np.floor(x).astype(np.intp) - needed.col, 0, needed.width - 1)
        return stored[0][rows, cols], np.asarray(inside & seen[0][rows, cols])


def _grid_of(file: RasterFile, map_grid: GeoBox) -> GeoBox:
    if file.crs is None or map_grid.crs is None:
        if file.crs is not None or map_grid.crs is not None or file.shape != tuple(map_grid.shape):
            (truth, its_crs), (mapped, map_crs) = (
                (f"{shape[0]} x {shape[1]} px", "without a CRS" if crs is None else "with a CRS")
                for shape, crs in ((file.shape, file.crs), (map_grid.shape, map_grid.crs))
            )
            raise TruthError(
                f"{file.path} ({truth}, {its_crs}) cannot be laid on a map of {mapped}, {map_crs}: "
                "give both with a CRS, or a truth of the image's own size"
            )
        return map_grid
    (grid,), _ = file_grids([file], None)
    if not overlap(grid, map_grid):
        raise TruthError(f"{file.path} does not overlap the map: give the truth of the place that was mapped")
    return grid


def _values_of(file: RasterFile) -> tuple[int, ...]:
    """Every value that occurs.

    Raises:
        TruthError: they are no labels, or none is there.
    """
    found: set[float] = set()
    height, width = file.shape
    rows = max(1, _STRIP_PX // width)
    for row in range(0, height, rows):
        stored, seen = file.read([1], Window(row, 0, min(rows, height - row), width))
        found |= set(np.unique(stored[seen]).tolist())
        if len(found) > _MOST_VALUES or any(not value.is_integer() for value in found):
            raise TruthError(
                f"{file.path} holds many values, or fractions, such as {sorted(found)[len(found) // 2]:g}: give a "
                "raster of labels, whole numbers of which some mean landslide"
            )
    if not found:
        raise TruthError(f"{file.path} is nodata everywhere: give a truth that knows something")
    return tuple(sorted(int(value) for value in found))


def _landslide_values(path: Path, values: tuple[int, ...], file: RasterFile, given: Sequence[int]) -> tuple[int, ...]:
    """What is landslide.

    Raises:
        TruthError: that is not said and cannot be known, or a value that was said does not occur.
    """
    if given:
        absent = [value for value in given if value not in values]
        if absent:
            raise TruthError(
                f"{path} holds no {_listed(absent)}, only {_listed(values)}: give --landslide-value as one"
            )
        return tuple(sorted(set(given)))
    # Of 0 and 255 the latter may well be landslide, as in 8-bit pictures; unless the file itself says it is nodata.
    unclear = NODATA in values and LANDSLIDE not in values
    if set(values) <= _OURS and not unclear:
        return (LANDSLIDE,)
    raise TruthError(
        f"{path} holds the values {_listed(values)}, and not 1 for landslide, 0 for not landslide and 255 or nodata "
        "for not observed: say which value is landslide with --landslide-value"
    )


def _listed(values: Sequence[int]) -> str:
    return " and ".join([", ".join(map(str, values[:-1])), str(values[-1])] if len(values) > 1 else map(str, values))
