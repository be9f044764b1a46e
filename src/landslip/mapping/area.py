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
from pyproj import CRS
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslip.errors import AreaError
from landslip.grid.map_grid import MapGrid, footprint_lonlat
from landslip.grid.polygons import in_pixels, polygons_only
from landslip.grid.window import Window

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
        (placed,) = in_pixels(np.array([self.geometry], object), self.crs, grid, f"the area '{self.text}'")
        inside = polygons_only(shapely.intersection(placed, shapely.box(0, 0, grid.width, grid.height)))
        if inside.area == 0:
            raise AreaError(
                f"the area '{self.text}' does not overlap the scene, which spans {_extent(grid)} in longitude and "
                "latitude: give an area inside it"
            )
        left, top, right, bottom = inside.bounds
        row, col = int(np.floor(top)), int(np.floor(left))
        return AreaOnGrid(inside, Window(row, col, int(np.ceil(bottom)) - row, int(np.ceil(right)) - col))


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


def _extent(grid: MapGrid) -> str:
    bbox, _ = footprint_lonlat(grid)
    west, south, east, north = bbox or (np.nan,) * 4
    return f"{west:.3f} to {east:.3f} and {south:.3f} to {north:.3f}"
