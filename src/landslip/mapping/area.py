"""Area of interest: the part of a scene to map, from a bounding box or a file of polygons."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslip.errors import AreaError, PolygonFileError
from landslip.files.georeference_warnings import ignore_missing_crs
from landslip.grid.map_grid import MapGrid, footprint_lonlat
from landslip.grid.polygons import keep_polygons, project_to_pixels
from landslip.grid.window import Window

_LON_LAT: Final = CRS.from_epsg(4326)
_GEOD: Final = Geod(ellps="WGS84")
_UPWARDS: Final = Affine.scale(1, -1)
"""From pixels to (column, -row): GDAL takes the identity for no transform, and warns of it."""


@dataclass(frozen=True, slots=True)
class AreaOfInterest:
    """An area of interest in its own CRS."""

    text: str
    """As given by the user."""
    geometry: BaseGeometry
    crs: CRS
    notes: tuple[str, ...] = ()
    """On polygons of the file that were repaired or left out, in sentences."""

    def on(self, geobox: GeoBox) -> "AreaOnGrid":
        """Project the area to the grid of a scene.

        Raises:
            AreaError: the scene has no CRS, or the area lies outside it.
        """
        inside = self.project(geobox)
        grid = MapGrid.of(geobox, Window(0, 0, *map(int, geobox.shape)))
        if inside.area == 0:
            raise AreaError(
                f"the area '{self.text}' does not overlap the scene, which spans {_extent(grid)} in longitude and "
                "latitude: give an area inside it",
                parameter="aoi",
            )
        left, top, right, bottom = inside.bounds
        row, col = int(np.floor(top)), int(np.floor(left))
        window = Window(row, col, int(np.ceil(bottom)) - row, int(np.ceil(right)) - col)
        areas_m2, _ = grid.areas_and_perimeters_m(np.array([inside], object))
        whole_m2 = self._area_m2
        return AreaOnGrid(inside, window, min(1.0, float(areas_m2[0]) / whole_m2) if whole_m2 > 0 else 1.0)

    def project(self, geobox: GeoBox) -> BaseGeometry:
        """Project the area to pixel coordinates of the grid of a scene and clip it to the scene; it may be empty.

        Raises:
            AreaError: the scene has no CRS.
        """
        if geobox.crs is None:
            raise AreaError(
                f"the area '{self.text}' needs an image with a CRS: map the whole image, or crop it first",
                parameter="aoi",
            )
        grid = MapGrid.of(geobox, Window(0, 0, *map(int, geobox.shape)))
        (projected,) = project_to_pixels(np.array([self.geometry], object), self.crs, grid, f"the area '{self.text}'")
        return keep_polygons(shapely.intersection(projected, shapely.box(0, 0, grid.width, grid.height)))

    @property
    def _area_m2(self) -> float:
        """Geodesic area; 0 where it reaches to where its CRS is undefined."""
        west, south, east, north = self.geometry.bounds
        fine = shapely.segmentize(self.geometry, max(east - west, north - south) / 200)
        to_degrees = Transformer.from_crs(self.crs, _LON_LAT, always_xy=True)
        lonlat = shapely.transform(fine, lambda xy: np.column_stack(to_degrees.transform(*xy.T)))
        if not np.isfinite(shapely.get_coordinates(lonlat)).all():
            return 0.0
        areas_m2 = [
            [abs(_GEOD.geometry_area_perimeter(ring)[0]) for ring in (part.exterior, *part.interiors)]
            for part in shapely.get_parts(lonlat)
        ]
        return sum(outer - sum(holes) for outer, *holes in areas_m2)


@dataclass(frozen=True, slots=True)
class AreaOnGrid:
    """An area in pixel coordinates of a scene, and the window around it."""

    pixels: BaseGeometry
    window: Window
    fraction_inside: float = 1.0
    """Of the area: what the scene covers; 1 where that is unknown."""

    def mask(self, block: Window) -> NDArray[np.bool_]:
        """Return which pixels of a block have their centre in the area, (H, W)."""
        shifted = shapely.affinity.affine_transform(self.pixels, [1, 0, 0, -1, -block.col, block.row])
        # rasterio silences its warning by itself, but not while other threads change the warning filters.
        with ignore_missing_crs(None):
            inside: NDArray[np.bool_] = geometry_mask([shifted], block.shape, _UPWARDS, invert=True)
        return inside


def area_of_interest(text: str, layer: str | None = None) -> AreaOfInterest:
    """Parse an area of interest: a bounding box in degrees or a file of polygons.

    Args:
        text: ``west,south,east,north``, or the path of a file, see ``polygon_files.FORMATS``.
        layer: of a file with several layers: the one to read.

    Raises:
        AreaError: it is neither, or the file holds no polygon that can be used.
    """
    path = Path(text)
    # A text that is too long for a file name raises OSError: it is not a file.
    with contextlib.suppress(OSError):
        if path.exists():
            return _from_file(path, layer)
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise AreaError(
            f"'{_keep_end(text)}' is neither a file nor a bounding box: give west,south,east,north in "
            "degrees, or a file of polygons such as a GeoPackage or GeoJSON",
            parameter="aoi",
        ) from error
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90) or west == east:
        raise AreaError(
            f"the bounding box '{text}' is not west,south,east,north in degrees: longitudes must be in -180..180, "
            "latitudes in -90..90, south below north",
            parameter="aoi",
        )
    boxes = (
        [shapely.box(west, south, east, north)]
        if west < east
        # Across the antimeridian, as in GeoJSON (RFC 7946, 5.2).
        else [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    )
    return AreaOfInterest(text, shapely.union_all(boxes), _LON_LAT)


def _from_file(path: Path, layer: str | None) -> AreaOfInterest:
    from landslip.mapping.polygon_files import read_polygon_file  # noqa: PLC0415 - imports pandas, which is slow

    try:
        file = read_polygon_file(path, layer)
    except PolygonFileError as error:
        raise AreaError(str(error), parameter=error.parameter or "aoi") from error
    if not len(file.geometries):
        raise AreaError(f"{path} holds no polygon: give a file with the area's outline", parameter="aoi")
    if file.crs is None:
        raise AreaError(f"{path} has no CRS: save it with one", parameter="aoi")
    return AreaOfInterest(str(path), shapely.union_all(file.geometries), file.crs, file.notes())


def _extent(grid: MapGrid) -> str:
    bbox, _ = footprint_lonlat(grid)
    west, south, east, north = bbox or (np.nan,) * 4
    return f"{west:.3f} to {east:.3f} and {south:.3f} to {north:.3f}"


def _keep_end(text: str, length: int = 80) -> str:
    """Shorten a text on one line, keeping its end: a path ends with the name of its file."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"...{line[3 - length :]}"
