"""Coordinates of map pixels: in the scene's CRS, in longitude and latitude, and in metres.

Lengths and areas are geodesic on WGS 84 (Karney 2013): a grid in degrees, across the antimeridian or around a pole
gives the same areas as any other. Pixel coordinates are (x = column, y = row) from the upper left corner.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from landslip.errors import SceneError
from landslip.grid.window import Window

_GEOD: Final = Geod(ellps="WGS84")
# Longer edges, in pixels, are split before they are projected onto the ellipsoid.
_STRAIGHT_PX: Final = 32.0

Coordinates = NDArray[np.float64]
"""(n, 2) float64."""


@dataclass(frozen=True)
class MapGrid:
    """Grid of a map: a window of the scene's grid. Without a CRS, ``transform`` only scales pixels to metres."""

    crs: CRS | None
    transform: Affine
    height: int
    width: int

    @classmethod
    def of(cls, geobox: GeoBox, window: Window) -> "MapGrid":
        """Make the grid of a window of a scene.

        Raises:
            SceneError: the centre or a corner has no longitude and latitude in this CRS.
        """
        crs = None if geobox.crs is None else CRS.from_user_input(geobox.crs.proj)
        grid = cls(crs, geobox.affine * Affine.translation(window.col, window.row), window.height, window.width)
        corners = np.array([[0, 0], [grid.width, 0], [0, grid.height], [grid.width, grid.height]], np.float64)
        try:
            finite = np.isfinite(grid.centre_lonlat).all()
            whole = np.isfinite(grid.to_lonlat(corners)).all()
        except ProjError:
            finite = whole = np.False_
        if crs is not None and not finite:
            raise SceneError(
                f"the centre of the scene has no longitude and latitude in its CRS ({crs.name}), so areas cannot be "
                "computed: reproject the scene, or remove the CRS and give pixel_size_m",
                parameter="pixel_size_m",
            )
        if crs is not None and not whole:
            raise SceneError(
                f"a corner of the scene lies outside the Earth in its CRS ({crs.name}), so it has no position: crop "
                "the scene to the area of interest, or reproject it"
            )
        return grid

    @cached_property
    def _lonlat(self) -> Transformer | None:
        return None if self.crs is None else Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)

    @property
    def centre_lonlat(self) -> Coordinates:
        """Longitude and latitude of the centre, (2,); NaN without a CRS."""
        return self.to_lonlat(np.array([[self.width / 2, self.height / 2]])).reshape(2)

    @property
    def pixel_size_m(self) -> tuple[float, float]:
        """Width and height of a pixel at the centre."""
        across, down = self.pixel_vectors_m(np.array([[self.width / 2, self.height / 2]]))
        return float(np.hypot(*across[0])), float(np.hypot(*down[0]))

    def to_crs(self, pixels: Coordinates) -> Coordinates:
        """Convert pixel coordinates (n, 2) to the scene's CRS; unchanged without a CRS."""
        if self.crs is None:
            return pixels
        t = self.transform
        x, y = pixels.T
        return np.column_stack([t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f])

    def to_lonlat(self, pixels: Coordinates) -> Coordinates:
        """Convert pixel coordinates (n, 2) to longitude (-180 to 180) and latitude on WGS 84.

        NaN without a CRS, and where the CRS has no longitude and latitude.
        """
        if self._lonlat is None:
            return np.full_like(pixels, np.nan, dtype=np.float64)
        lon, lat = self._lonlat.transform(*self.to_crs(pixels).T)
        lonlat = np.column_stack([lon, lat])
        # Outside its domain a projection gives infinite coordinates.
        lonlat[~np.isfinite(lonlat).all(axis=1)] = np.nan
        # The longitudes of a grid in degrees may continue beyond the antimeridian.
        beyond = np.abs(lonlat[:, 0]) > 180
        lonlat[beyond, 0] = (lonlat[beyond, 0] + 180) % 360 - 180
        return lonlat

    def pixel_vectors_m(self, pixels: Coordinates) -> tuple[Coordinates, Coordinates]:
        """Return the steps of one pixel right and one pixel down, each (n, 2) east and north in metres."""
        if self.crs is None:
            size_x, size_y = abs(self.transform.a), abs(self.transform.e)
            return np.tile([size_x, 0.0], (len(pixels), 1)), np.tile([0.0, -size_y], (len(pixels), 1))
        return self._step_m(pixels, [0.5, 0.0]), self._step_m(pixels, [0.0, 0.5])

    def _step_m(self, pixels: Coordinates, half_step: list[float]) -> Coordinates:
        start, end = self.to_lonlat(pixels - half_step), self.to_lonlat(pixels + half_step)
        azimuth_deg, _, distance_m = _GEOD.inv(*start.T, *end.T)
        azimuth = np.radians(azimuth_deg)
        return np.column_stack([np.sin(azimuth) * distance_m, np.cos(azimuth) * distance_m])

    def pixel_area_m2(self, pixels: Coordinates) -> NDArray[np.float64]:
        """Return the ground area of a pixel at each of (n, 2) pixel coordinates, (n,)."""
        across, down = self.pixel_vectors_m(pixels)
        return np.abs(across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0])

    def areas_and_perimeters_m(
        self, geometries: NDArray[np.object_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute geodesic areas in square metres and perimeters in metres of (n,) polygons in pixel coordinates."""
        polygons, owners = shapely.get_parts(geometries, return_index=True)
        rings, polygon = shapely.get_rings(polygons, return_index=True)
        ring_m2, ring_m = self.ring_areas_and_perimeters_m(rings)
        areas_m2, perimeters_m = np.zeros(len(geometries)), np.zeros(len(geometries))
        # The first ring of a polygon is its exterior, the others are holes.
        np.add.at(areas_m2, owners[polygon], np.where(np.diff(polygon, prepend=-1) > 0, ring_m2, -ring_m2))
        np.add.at(perimeters_m, owners[polygon], ring_m)
        return areas_m2, perimeters_m

    def ring_areas_and_perimeters_m(
        self, rings: NDArray[np.object_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute geodesic areas in square metres and lengths in metres of (k,) rings in pixel coordinates.

        Rings are measured one by one: their orientation is undefined where longitudes jump or a pole lies inside.
        """
        pixels, ring = shapely.get_coordinates(shapely.segmentize(rings, _STRAIGHT_PX), return_index=True)
        if self.crs is None:
            metres = np.asarray(shapely.polygons(shapely.linearrings(pixels * self.pixel_size_m, indices=ring)))
            return shapely.area(metres), shapely.length(metres)
        lon, lat = np.ascontiguousarray(self.to_lonlat(pixels).T)
        ends = np.cumsum(np.bincount(ring, minlength=len(rings))).tolist()
        # The last point of a ring is the first once more.
        measured = [
            _GEOD.polygon_area_perimeter(lon[start : max(start, end - 1)], lat[start : max(start, end - 1)])
            for start, end in pairwise([0, *ends])
        ]
        areas_m2, perimeters_m = np.array(measured, np.float64).reshape(-1, 2).T
        return np.abs(areas_m2), perimeters_m


_POINTS_PER_SIDE = 20

Bbox = tuple[float, float, float, float]
"""West, south, east, north; west > east across the antimeridian (RFC 7946, 5.2)."""


def footprint_lonlat(grid: MapGrid) -> tuple[Bbox | None, BaseGeometry | None]:
    """Return the bounding box and the outline of a map in longitude and latitude; both None without a CRS.

    Across the antimeridian the outline is split in two (RFC 7946, 3.1.9); around a pole it is the whole polar cap.
    """
    if grid.crs is None:
        return None, None
    longest_px = max(grid.width, grid.height) / _POINTS_PER_SIDE
    box = shapely.segmentize(shapely.box(0, 0, grid.width, grid.height), longest_px)
    lon, lat = grid.to_lonlat(shapely.get_coordinates(box)).T
    lon = np.degrees(np.unwrap(np.radians(lon)))
    south, north = float(lat.min()), float(lat.max())
    if abs(lon[-1] - lon[0]) > 180:
        south, north = (south, 90.0) if lat.mean() > 0 else (-90.0, north)
        return (-180.0, south, 180.0, north), shapely.box(-180, south, 180, north)
    outline = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))
    parts = [
        shapely.affinity.translate(shapely.intersection(outline, shapely.box(west, -90, west + 360, 90)), -(west + 180))
        for west in (-540, -180, 180)
    ]
    west, east = (_within_180(float(value)) for value in (lon.min(), lon.max()))
    return (west, south, east, north), shapely.union_all([part for part in parts if not part.is_empty])


def _within_180(lon: float) -> float:
    return (lon + 180) % 360 - 180 if abs(lon) > 180 else lon
