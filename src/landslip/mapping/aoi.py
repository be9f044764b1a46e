"""Area of interest: the part of a scene to map, from a bounding box or a file of polygons."""

import contextlib
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyogrio
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS, Transformer
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslip.errors import AreaError
from landslip.mapping.grid import MapGrid
from landslip.mapping.record.footprint import footprint_lonlat
from landslip.scenes.window import Window

_LON_LAT: Final = CRS.from_epsg(4326)
_PIXELS: Final = Affine.identity()


@dataclass(frozen=True, slots=True)
class AreaOfInterest:
    """An area in a CRS of its own."""

    text: str
    """As the user gave it."""
    geometry: BaseGeometry
    crs: CRS

    def on(self, geobox: GeoBox) -> "AreaOnGrid":
        """Lay the area on a scene's grid.

        Raises:
            AreaError: the scene has no CRS, or the area lies outside it.
        """
        if geobox.crs is None:
            raise AreaError(
                f"the area '{self.text}' cannot be placed on an image without a CRS: map the image whole or crop it"
            )
        grid = MapGrid.of(geobox, Window(0, 0, *map(int, geobox.shape)))
        inside = _polygons(shapely.intersection(self._in_pixels(grid), shapely.box(0, 0, grid.width, grid.height)))
        if inside.area == 0:
            raise AreaError(
                f"the area '{self.text}' does not overlap the scene, which spans {_extent(grid)} in longitude and "
                "latitude: give an area inside it"
            )
        left, top, right, bottom = inside.bounds
        row, col = int(np.floor(top)), int(np.floor(left))
        return AreaOnGrid(inside, Window(row, col, int(np.ceil(bottom)) - row, int(np.ceil(right)) - col))

    def _in_pixels(self, grid: MapGrid) -> BaseGeometry:
        """The area, as far as it lies near the scene, in the grid's pixel coordinates."""
        near = self._near(grid)
        # Edges that are straight in one CRS bend in another: cut them up first.
        west, south, east, north = near.bounds if near.area else (0, 0, 0, 0)
        fine = shapely.segmentize(near, max(east - west, north - south) / 50) if near.area else near
        to_scene = Transformer.from_crs(self.crs, grid.crs, always_xy=True)
        in_crs = shapely.transform(fine, lambda xy: np.column_stack(to_scene.transform(*xy.T)))
        if not np.isfinite(shapely.get_coordinates(in_crs)).all():
            raise AreaError(
                f"the area '{self.text}' reaches beyond what the scene's CRS can show: give an area inside the scene"
            )
        to_pixel = ~grid.transform
        pixels = shapely.affinity.affine_transform(
            _everywhere(in_crs, grid), [to_pixel.a, to_pixel.b, to_pixel.d, to_pixel.e, to_pixel.c, to_pixel.f]
        )
        return shapely.make_valid(pixels)

    def _near(self, grid: MapGrid) -> BaseGeometry:
        """The area cut to the scene's surroundings: far from home many a CRS has no coordinates."""
        _, footprint = footprint_lonlat(grid)
        if footprint is None or not self.crs.is_geographic:
            return self.geometry
        west, south, east, north = footprint.bounds
        margin_deg = 0.05 * max(east - west, north - south) + 0.001
        return shapely.intersection(self.geometry, footprint.buffer(margin_deg))


@dataclass(frozen=True, slots=True)
class AreaOnGrid:
    """An area in pixel coordinates of a scene, and the window around it."""

    pixels: BaseGeometry
    window: Window

    def mask(self, block: Window) -> NDArray[np.bool_]:
        """Which pixels of a block have their centre in the area, (h, w)."""
        shifted = shapely.affinity.translate(self.pixels, -block.col, -block.row)
        inside: NDArray[np.bool_] = geometry_mask([shifted], block.shape, _PIXELS, invert=True)
        return inside


def area_of_interest(text: str) -> AreaOfInterest:
    """Take an area as users give it: ``west,south,east,north`` in degrees, or a GeoJSON, GeoPackage or shapefile.

    Raises:
        AreaError: it is neither, or holds no polygon.
    """
    path = Path(text)
    # A text too long for a file name is an OSError to the file system: no file either.
    with contextlib.suppress(OSError):
        if path.exists():
            return _from_file(path)
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise AreaError(
            f"'{textwrap.shorten(text, 80)}' is neither a file nor a bounding box: give WEST,SOUTH,EAST,NORTH in "
            "degrees of longitude and latitude, or a GeoJSON or GeoPackage file"
        ) from error
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90) or west == east:
        raise AreaError(
            f"the bounding box '{text}' is not WEST,SOUTH,EAST,NORTH in degrees: longitudes lie within -180 and 180, "
            "latitudes within -90 and 90, south before north"
        )
    boxes = (
        [shapely.box(west, south, east, north)]
        if west < east
        # Across the antimeridian, as in GeoJSON (RFC 7946, 5.2).
        else [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    )
    return AreaOfInterest(text, shapely.union_all(boxes), _LON_LAT)


def _from_file(path: Path) -> AreaOfInterest:
    try:
        table = pyogrio.read_dataframe(path)
    except (DataSourceError, DataLayerError) as error:
        raise AreaError(f"{path} cannot be read as an area: give a GeoJSON, GeoPackage or shapefile") from error
    polygons = [
        geometry
        for geometry in getattr(table, "geometry", [])
        if geometry is not None and geometry.geom_type in ("Polygon", "MultiPolygon") and not geometry.is_empty
    ]
    if not polygons:
        raise AreaError(f"{path} holds no polygon: give a file with the area's outline")
    if table.crs is None:
        raise AreaError(f"{path} does not say its CRS: save it with one")
    return AreaOfInterest(str(path), shapely.union_all(shapely.make_valid(polygons)), CRS.from_user_input(table.crs))


def _everywhere(in_crs: BaseGeometry, grid: MapGrid) -> BaseGeometry:
    """On a grid in degrees, the area again at every full turn that the grid may reach: 181 degrees east is 179 west."""
    if grid.crs is None or not grid.crs.is_geographic:
        return in_crs
    corners = np.array([[0, 0], [grid.width, 0], [0, grid.height], [grid.width, grid.height]], np.float64)
    lon = grid.to_crs(corners)[:, 0]
    turns = range(int(np.floor((lon.min() - 180) / 360)), int(np.ceil((lon.max() + 180) / 360)) + 1)
    return shapely.union_all([shapely.affinity.translate(in_crs, 360 * turn) for turn in turns])


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry without the lines and points in which it touches something."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])


def _extent(grid: MapGrid) -> str:
    bbox, _ = footprint_lonlat(grid)
    west, south, east, north = bbox or (np.nan,) * 4
    return f"{west:.3f} to {east:.3f} and {south:.3f} to {north:.3f}"
