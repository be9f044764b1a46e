"""Projection of polygons in any CRS to the pixel coordinates of a map grid."""

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from landslip.errors import AreaError
from landslip.grid.map_grid import MapGrid, footprint_lonlat

Polygons = NDArray[np.object_]
"""(n,) shapely polygons or multipolygons."""


def project_to_pixels(geometries: Polygons, crs: CRS, grid: MapGrid, label: str) -> Polygons:
    """Project polygons to pixel coordinates of a grid, clipped to its surroundings.

    Args:
        geometries: (n,) valid polygons.
        crs: of the polygons.
        grid: must have a CRS.
        label: of the polygons, for error messages.

    Returns:
        (n,) valid, in pixel coordinates; empty where a polygon is far from the grid.

    Raises:
        AreaError: a polygon reaches to where the grid's CRS is undefined.
    """
    near = _near(geometries, crs, grid)
    # Edges that are straight in one CRS are curved in another: they are split first.
    west, south, east, north = shapely.bounds(near).T
    longest = np.maximum(east - west, north - south) / 50
    fine = near.copy()
    wide = np.flatnonzero(longest > 0)
    fine[wide] = shapely.segmentize(near[wide], longest[wide])
    try:
        to_grid = Transformer.from_crs(crs, grid.crs, always_xy=True)
        in_crs = shapely.transform(fine, lambda xy: np.column_stack(to_grid.transform(*xy.T)))
    except ProjError as error:
        raise AreaError(
            f"{label} has the CRS '{crs.name}', which cannot be converted to that of the scene: save it in another CRS"
        ) from error
    if not np.isfinite(shapely.get_coordinates(in_crs)).all():
        raise AreaError(f"{label} reaches to where the CRS of the scene is undefined: give an area inside the scene")
    back = ~grid.transform
    matrix, shift = np.array([[back.a, back.d], [back.b, back.e]]), np.array([back.c, back.f])
    placed = shapely.transform(_repeat_longitudes(in_crs, grid), lambda xy: xy @ matrix + shift)
    return np.asarray(shapely.make_valid(placed), object)


def keep_polygons(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a geometry collection, without lines and points."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])


def _near(geometries: Polygons, crs: CRS, grid: MapGrid) -> Polygons:
    """Clip polygons to the grid's surroundings: many CRSs are undefined far away."""
    _, footprint = footprint_lonlat(grid)
    if footprint is None or not crs.is_geographic:
        return geometries
    west, south, east, north = footprint.bounds
    margin_deg = 0.05 * max(east - west, north - south) + 0.001
    return np.asarray(shapely.intersection(geometries, footprint.buffer(margin_deg)), object)


def _repeat_longitudes(in_crs: Polygons, grid: MapGrid) -> Polygons:
    """Repeat polygons at every multiple of 360 degrees that a grid in degrees may cover: 181 east is 179 west."""
    if grid.crs is None or not grid.crs.is_geographic:
        return in_crs
    corners = np.array([[0, 0], [grid.width, 0], [0, grid.height], [grid.width, grid.height]], np.float64)
    lon = grid.to_crs(corners)[:, 0]
    rotations = range(int(np.floor((lon.min() - 180) / 360)), int(np.ceil((lon.max() + 180) / 360)) + 1)
    copies = [
        shapely.transform(in_crs, lambda xy, count=count: np.column_stack([xy[:, 0] + 360 * count, xy[:, 1]]))  # type: ignore[misc] # count is bound now
        for count in rotations
    ]
    return np.asarray(shapely.union_all(np.stack(copies), axis=0), object)
