"""Reference inventories as polygons on the grid of a map."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslip.errors import PolygonFileError, ReferenceDataError
from landslip.grid.map_grid import MapGrid
from landslip.grid.polygons import keep_polygons, project_to_pixels
from landslip.grid.window import Window
from landslip.mapping.inventory.files import LAYER
from landslip.mapping.polygon_files import PolygonFile, read_polygon_file

_LARGE_PX = 4.0
"""A polygon without a pixel centre in it is smaller than this, unless it is very thin."""


def read_polygons(path: Path, layer: str | None = None) -> PolygonFile:
    """Read polygons, see ``mapping.polygon_files``; of several layers the one named ``landslides``, as in a map.

    Raises:
        ReferenceDataError: the file cannot be read, holds several layers and none was chosen, or rows but no polygon.
    """
    try:
        return read_polygon_file(path, layer, preferred=LAYER)
    except PolygonFileError as error:
        raise ReferenceDataError(str(error), parameter=error.parameter or "reference") from error


@dataclass(frozen=True)
class PolygonReference:
    """Polygons on the grid of a map. A pixel is landslide where its centre lies in a polygon."""

    file: PolygonFile
    grid: MapGrid
    pixels: NDArray[np.object_]
    """(m,) the polygons that overlap the map, clipped to it, in pixel coordinates."""

    @classmethod
    def on(cls, file: PolygonFile, grid: MapGrid) -> "PolygonReference":
        """Place polygons on a grid.

        Raises:
            ReferenceDataError: no polygon overlaps the map, or only one of the two has a CRS.
            AreaError: a polygon reaches beyond the validity of the map's CRS.
        """
        if (file.crs is None) != (grid.crs is None):
            without, other = (file.name, "the map") if file.crs is None else ("the map", file.name)
            raise ReferenceDataError(
                f"{without} has no CRS and {other} has one: give both with a CRS, or both in pixel coordinates"
            )
        placed = file.geometries if file.crs is None else project_to_pixels(file.geometries, file.crs, grid, file.name)
        clipped = shapely.intersection(placed, shapely.box(0, 0, grid.width, grid.height))
        inside = clipped[shapely.area(clipped) > 0] if len(clipped) else clipped
        if len(placed) and not len(inside):
            raise ReferenceDataError(
                f"none of the {len(placed)} polygons of {file.name} overlaps the map: give the reference of the mapped "
                "area, and check its CRS"
            )
        pixels = [one if one.geom_type != "GeometryCollection" else keep_polygons(one) for one in inside]
        return cls(file, grid, np.array(pixels, object))

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.pixels)

    @cached_property
    def area_m2(self) -> float:
        """Geodesic area of the union of all polygons inside the map."""
        if not len(self.pixels):
            return 0.0
        areas_m2, _ = self.grid.areas_and_perimeters_m(np.array([shapely.union_all(self.pixels)], object))
        return float(areas_m2[0])

    @cached_property
    def without_pixel(self) -> int:
        """Number of polygons so small or thin that they hold no pixel centre; they are not part of the mask."""
        return sum(not self._holds_a_centre(one) for one in self.pixels)

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return the landslide pixels of a window, (h, w)."""
        box = shapely.box(window.col, window.row, window.right, window.bottom)
        near = self.pixels[np.sort(self._tree.query(box))]
        if not len(near):
            return np.zeros(window.shape, np.bool_)
        return _rasterise(near, window)

    def valid(self, window: Window) -> NDArray[np.bool_]:
        """Return True everywhere, (h, w): polygons do not tell which area was surveyed."""
        return np.ones(window.shape, np.bool_)

    def notes(self) -> tuple[str, ...]:
        """Describe repaired, skipped and uncounted polygons, in sentences."""
        notes = list(self.file.notes())
        if equal := len(self.pixels) - len(np.unique(shapely.to_wkb(shapely.normalize(self.pixels)))):
            notes.append(f"{equal} polygons of {self.file.name} are equal to another one of it")
        outside = len(self.file.geometries) - len(self.pixels)
        if outside:
            notes.append(f"{outside} of {len(self.file.geometries)} polygons lie outside the map")
        if self.without_pixel:
            notes.append(
                f"{self.without_pixel} polygons are so small that they hold no pixel centre of the map: they count "
                "neither as detected nor as missed"
            )
        return tuple(notes)

    def _holds_a_centre(self, polygon: BaseGeometry) -> bool:
        left, top, right, bottom = polygon.bounds
        if polygon.area > _LARGE_PX and polygon.area > 0.3 * (right - left) * (bottom - top):
            return True
        row, col = int(np.floor(top)), int(np.floor(left))
        window = Window(row, col, max(1, int(np.ceil(bottom)) - row), max(1, int(np.ceil(right)) - col))
        return bool(_rasterise(np.array([polygon], object), window).any())


def _rasterise(polygons: NDArray[np.object_], window: Window) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = geometry_mask(
        polygons, window.shape, Affine.translation(window.col, window.row), invert=True
    )
    return inside
