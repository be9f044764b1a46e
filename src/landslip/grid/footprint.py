"""The outline of a map in longitude and latitude, as STAC and GeoJSON want it."""

import numpy as np
import shapely
import shapely.affinity
from shapely.geometry.base import BaseGeometry

from landslip.grid.map_grid import MapGrid

_POINTS_A_SIDE = 20

Bbox = tuple[float, float, float, float]
"""West, south, east, north; west is the larger where the antimeridian lies between (RFC 7946, 5.2)."""


def footprint_lonlat(grid: MapGrid) -> tuple[Bbox | None, BaseGeometry | None]:
    """Bounding box and outline of a map; both None without a CRS.

    Across the antimeridian the outline is cut in two (RFC 7946, 3.1.9). Around a pole it is the whole cap.
    """
    if grid.crs is None:
        return None, None
    box = shapely.segmentize(shapely.box(0, 0, grid.width, grid.height), max(grid.width, grid.height) / _POINTS_A_SIDE)
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
