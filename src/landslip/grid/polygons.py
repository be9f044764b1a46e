"""Polygons of any CRS laid on a map's grid, in its pixel coordinates."""

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from landslip.errors import AreaError
from landslip.grid.map_grid import MapGrid, footprint_lonlat

Polygons = NDArray[np.object_]
"""(n,) shapely polygons or multipolygons."""


def in_pixels(geometries: Polygons, crs: CRS, grid: MapGrid, what: str) -> Polygons:
    """Lay valid polygons on a grid, as far as they lie near it.

    Args:
        geometries: (n,) in their own CRS.
        crs: of them.
        grid: has a CRS.
        what: they are, as an error names them.

    Returns:
        (n,) in pixel coordinates, valid; empty where a polygon lies far away.

    Raises:
        AreaError: they reach to where the grid's CRS has no coordinates.
    """
    near = _near(geometries, crs, grid)
    # Edges that are straight in one CRS bend in another: cut them up first.
    west, south, east, north = shapely.bounds(near).T
    longest = np.maximum(east - west, north - south) / 50
    fine = near.copy()
    wide = np.flatnonzero(longest > 0)
    fine[wide] = shapely.segmentize(near[wide], longest[wide])
    to_grid = Transformer.from_crs(crs, grid.crs, always_xy=True)
    in_crs = shapely.transform(fine, lambda xy: np.column_stack(to_grid.transform(*xy.T)))
    if not np.isfinite(shapely.get_coordinates(in_crs)).all():
        raise AreaError(f"{what} reaches beyond what the scene's CRS can show: give an area inside the scene")
    back = ~grid.transform
    matrix, shift = np.array([[back.a, back.d], [back.b, back.e]]), np.array([back.c, back.f])
    placed = shapely.transform(_everywhere(in_crs, grid), lambda xy: xy @ matrix + shift)
    return np.asarray(shapely.make_valid(placed), object)


def polygons_only(geometry: BaseGeometry) -> BaseGeometry:
    """A geometry without the lines and points in which it touches something."""
    parts = shapely.get_parts(shapely.get_parts(geometry))
    return shapely.union_all([part for part in parts if part.geom_type == "Polygon"])


def _near(geometries: Polygons, crs: CRS, grid: MapGrid) -> Polygons:
    """Polygons cut to the grid's surroundings: far from home many a CRS has no coordinates."""
    _, footprint = footprint_lonlat(grid)
    if footprint is None or not crs.is_geographic:
        return geometries
    west, south, east, north = footprint.bounds
    margin_deg = 0.05 * max(east - west, north - south) + 0.001
    return np.asarray(shapely.intersection(geometries, footprint.buffer(margin_deg)), object)


def _everywhere(in_crs: Polygons, grid: MapGrid) -> Polygons:
    """On a grid in degrees, all of it at every full turn that the grid may reach: 181 degrees east is 179 west."""
    if grid.crs is None or not grid.crs.is_geographic:
        return in_crs
    corners = np.array([[0, 0], [grid.width, 0], [0, grid.height], [grid.width, grid.height]], np.float64)
    lon = grid.to_crs(corners)[:, 0]
    turns = range(int(np.floor((lon.min() - 180) / 360)), int(np.ceil((lon.max() + 180) / 360)) + 1)
    turned = [
        shapely.transform(in_crs, lambda xy, turn=turn: np.column_stack([xy[:, 0] + 360 * turn, xy[:, 1]]))  # type: ignore[misc] # turn binds now
        for turn in turns
    ]
    return np.asarray(shapely.union_all(np.stack(turned), axis=0), object)
