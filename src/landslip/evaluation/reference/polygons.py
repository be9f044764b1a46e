"""Truth as polygons: GeoPackage, GeoJSON, shapefile or whatever else GDAL reads."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslip.errors import TruthError
from landslip.grid.map_grid import MapGrid
from landslip.grid.polygons import in_pixels, polygons_only
from landslip.grid.window import Window
from landslip.mapping.inventory.files import LAYER

_SURE_PX = 4.0
"""A polygon without a pixel's centre in it is smaller than this, unless it is very thin."""


@dataclass(frozen=True, slots=True, eq=False)
class PolygonFile:
    """Polygons as they were read, all valid."""

    name: str
    geometries: NDArray[np.object_]
    """(n,) polygons and multipolygons."""
    crs: CRS | None
    mended: int
    """Polygons that crossed themselves and were made valid: where a line crosses itself both sides count as inside."""
    left_out: int
    """Rows without a polygon: empty ones, points, lines."""


def read_polygons(path: Path) -> PolygonFile:
    """Read a file of polygons; of several layers ``landslides``, which a landslide map has.

    Raises:
        TruthError: it cannot be read, holds several layers and none of that name, or rows but no polygon.
    """
    try:
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
        if len(layers) > 1 and LAYER not in layers:
            raise TruthError(
                f"{path} holds the layers {', '.join(layers)}: give a file with one, or name the one with the "
                f"landslides '{LAYER}'"
            )
        # A GeoPackage of rasters has no layer.
        table: Any = pyogrio.read_dataframe(path, layer=LAYER if LAYER in layers else None) if layers else None
    except (DataSourceError, DataLayerError) as error:
        raise TruthError(
            f"{path} cannot be read as polygons: give a GeoPackage, GeoJSON or shapefile, or a label raster"
        ) from error
    rows = np.asarray(getattr(table, "geometry", []), object)
    kinds = shapely.get_type_id(rows)
    wanted = np.isin(kinds, (3, 6)) & ~shapely.is_empty(rows)
    if len(rows) and not wanted.any():
        raise TruthError(f"{path} holds no polygon, only points, lines or empty rows: give the outlines of landslides")
    given = shapely.force_2d(rows[wanted])
    valid = shapely.is_valid(given)
    geometries = given.copy()
    geometries[~valid] = [polygons_only(shapely.make_valid(one)) for one in given[~valid]]
    crs = getattr(table, "crs", None)
    return PolygonFile(
        name=path.name,
        geometries=geometries,
        crs=None if crs is None else CRS.from_user_input(crs),
        mended=int(np.count_nonzero(~valid)),
        left_out=int(np.count_nonzero(~wanted)),
    )


@dataclass(frozen=True)
class PolygonTruth:
    """Polygons laid on a map's grid. A pixel is landslide where its centre lies in one."""

    file: PolygonFile
    grid: MapGrid
    pixels: NDArray[np.object_]
    """(m,) those that reach into the map, cut to it, in pixel coordinates."""

    @classmethod
    def on(cls, file: PolygonFile, grid: MapGrid) -> "PolygonTruth":
        """Lay polygons on a grid.

        Raises:
            TruthError: none reaches into the map, or only one of the two has a CRS.
            AreaError: they reach to where the map's CRS has no coordinates.
        """
        if (file.crs is None) != (grid.crs is None):
            lacking, other = (file.name, "the map") if file.crs is None else ("the map", file.name)
            raise TruthError(
                f"{lacking} does not say its CRS and {other} does, so the two cannot be laid on each other: give both "
                "with a CRS, or both in pixel coordinates"
            )
        placed = file.geometries if file.crs is None else in_pixels(file.geometries, file.crs, grid, file.name)
        cut = shapely.intersection(placed, shapely.box(0, 0, grid.width, grid.height))
        inside = cut[shapely.area(cut) > 0] if len(cut) else cut
        if len(placed) and not len(inside):
            raise TruthError(
                f"none of the {len(placed)} polygons of {file.name} reaches into the map: give the truth of the place "
                "that was mapped, and see that its CRS is the one it says"
            )
        pixels = [one if one.geom_type != "GeometryCollection" else polygons_only(one) for one in inside]
        return cls(file, grid, np.array(pixels, object))

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.pixels)

    @cached_property
    def area_m2(self) -> float:
        """Geodesic area of all of them together inside the map, each place counted once."""
        if not len(self.pixels):
            return 0.0
        areas_m2, _ = self.grid.areas_and_perimeters_m(np.array([shapely.union_all(self.pixels)], object))
        return float(areas_m2[0])

    @cached_property
    def without_pixel(self) -> int:
        """How many are so small or thin that no pixel has its centre in them: they are no part of the truth."""
        return sum(not self._holds_a_centre(one) for one in self.pixels)

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Where landslides are in a window, (h, w)."""
        box = shapely.box(window.col, window.row, window.right, window.bottom)
        near = self.pixels[np.sort(self._tree.query(box))]
        if not len(near):
            return np.zeros(window.shape, np.bool_)
        return _centres_in(near, window)

    def observed(self, window: Window) -> NDArray[np.bool_]:
        """Everywhere: polygons alone do not say where nobody looked."""
        return np.ones(window.shape, np.bool_)

    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know, in sentences."""
        said = []
        if self.file.mended:
            said.append(f"{self.file.mended} polygons of {self.file.name} crossed themselves and were made valid")
        if self.file.left_out:
            said.append(f"{self.file.left_out} rows of {self.file.name} hold no polygon and were left out")
        outside = len(self.file.geometries) - len(self.pixels)
        if outside:
            said.append(f"{outside} of {len(self.file.geometries)} polygons lie outside the map")
        if self.without_pixel:
            said.append(
                f"{self.without_pixel} polygons are so small that no pixel of the map has its centre in them: they "
                "count neither as found nor as missed"
            )
        return tuple(said)

    def _holds_a_centre(self, polygon: BaseGeometry) -> bool:
        left, top, right, bottom = polygon.bounds
        if polygon.area > _SURE_PX and polygon.area > 0.3 * (right - left) * (bottom - top):
            return True
        row, col = int(np.floor(top)), int(np.floor(left))
        window = Window(row, col, max(1, int(np.ceil(bottom)) - row), max(1, int(np.ceil(right)) - col))
        return bool(_centres_in(np.array([polygon], object), window).any())


def _centres_in(polygons: NDArray[np.object_], window: Window) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = geometry_mask(
        polygons, window.shape, Affine.translation(window.col, window.row), invert=True
    )
    return inside
