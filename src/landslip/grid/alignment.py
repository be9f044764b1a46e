"""Geometry of two raster grids: resolution, equality, overlap, and the position of one grid's pixels in another."""

import math
from functools import lru_cache

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from landslip.grid.window import Window

Points = NDArray[np.float64]
_ELLIPSOID = Geod(ellps="WGS84")
_SAME_PX = 1e-3
"""Corners closer than this, in pixels, are equal."""
_CELL_PX = 16
_CELL_ERROR_PX = 1e-3


def ground_resolution_m(geobox: GeoBox) -> float:
    """Return the side in metres of a square with the area of a pixel at the grid's centre, geodesic on WGS 84.

    Example:
        >>> from odc.geo.geobox import GeoBox
        >>> round(ground_resolution_m(GeoBox((100, 100), Affine(10, 0, 5e5, 0, -10, 5e6), "EPSG:32633")), 2)
        10.0
    """
    height, width = geobox.shape
    planar = math.sqrt(abs(geobox.affine.determinant))
    if geobox.crs is None:
        return planar
    # Middles of the left, right, top and bottom edges of a pixel at the centre.
    x, y = np.array([0.0, 1.0, 0.5, 0.5]) + (width - 1) / 2, np.array([0.5, 0.5, 0.0, 1.0]) + (height - 1) / 2
    lon, lat = _transformer(geobox.crs.to_wkt(), "EPSG:4326").transform(*transform_points(geobox.affine, x, y))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return planar
    _, _, sides = _ELLIPSOID.inv(lon[::2], lat[::2], lon[1::2], lat[1::2])
    return math.sqrt(sides[0] * sides[1] * _squareness(geobox.affine))


def _squareness(affine: Affine) -> float:
    """Area of a pixel over that of a rectangle with its sides: 1 unless the grid is sheared."""
    return abs(affine.determinant) / (math.hypot(affine.a, affine.d) * math.hypot(affine.b, affine.e))


def same_grid(one: GeoBox, other: GeoBox) -> bool:
    """Return whether two grids have the same pixels, to a thousandth of a pixel."""
    if one.shape != other.shape or one.crs != other.crs:
        return False
    height, width = one.shape
    x, y = np.array([0.0, width, 0.0, width]), np.array([0.0, 0.0, height, height])
    moved_x, moved_y = transform_points(~one.affine, *transform_points(other.affine, x, y))
    return bool((np.hypot(moved_x - x, moved_y - y) < _SAME_PX).all())


def transform_points(affine: Affine, x: Points, y: Points) -> tuple[Points, Points]:
    """Apply an affine transform to points."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def grids_overlap(one: GeoBox, other: GeoBox) -> bool:
    """Return whether two grids overlap, tested at 33 x 33 points of each."""
    return _reaches(one, other) or _reaches(other, one)


def covered_fraction(grid: GeoBox, by: GeoBox) -> float:
    """Return the fraction of 33 x 33 cells of a grid whose centres lie in another grid."""
    return float(_reached(by, grid, (np.arange(33) + 0.5) / 33).mean())


def locate_pixels(source: GeoBox, target: GeoBox, window: Window) -> tuple[Points, Points]:
    """Locate the centres of target pixels in a source grid.

    Args:
        source: grid of the image to sample.
        target: grid of the result.
        window: pixels of the target.

    Returns:
        Columns x (h, w), or (1, w) if equal in all rows; rows y (h, w), or (h, 1) if equal in all columns. In source
        pixels from its edge; -1 where a target pixel has no position in the source CRS.
    """
    cols = np.arange(window.col, window.right, dtype=np.float64) + 0.5
    rows = np.arange(window.row, window.bottom, dtype=np.float64) + 0.5
    if source.crs != target.crs:
        return _points_across_crs(source, target, window)
    if source.affine.b == source.affine.d == target.affine.b == target.affine.d == 0:
        x, _ = _transformed(source, target, cols, np.zeros_like(cols))
        _, y = _transformed(source, target, np.zeros_like(rows), rows)
        return x[None, :], y[:, None]
    return _transformed(source, target, *np.meshgrid(cols, rows))


def _points_across_crs(source: GeoBox, target: GeoBox, window: Window) -> tuple[Points, Points]:
    """Locate pixel centres (h, w) in a source of another CRS.

    The corners of squares of 16 pixels are transformed and the pixels between are interpolated. If the centre of a
    square is off by more than a thousandth of a source pixel, all its pixels are transformed. Squares are aligned with
    the target's corner, so that the result for a pixel is the same in every window.
    """
    rows, cols = np.arange(window.row, window.bottom), np.arange(window.col, window.right)
    first_row, first_col = window.row // _CELL_PX, window.col // _CELL_PX
    cells_down = (window.bottom - 1) // _CELL_PX + 1 - first_row
    cells_across = (window.right - 1) // _CELL_PX + 1 - first_col
    # Corners and centres of the squares: every second node is a corner.
    node_cols = np.arange(2 * first_col, 2 * (first_col + cells_across) + 1, dtype=np.float64) * (_CELL_PX / 2)
    node_rows = np.arange(2 * first_row, 2 * (first_row + cells_down) + 1, dtype=np.float64) * (_CELL_PX / 2)
    nodes = _transformed(source, target, *np.meshgrid(node_cols + 0.5, node_rows + 0.5))
    curved = np.zeros((cells_down, cells_across), np.bool_)
    with np.errstate(invalid="ignore"):
        for axis in nodes:
            corners = axis[::2, ::2]
            middles = (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]) / 4
            curved |= ~(np.abs(axis[1::2, 1::2] - middles) < _CELL_ERROR_PX)
        x, y = (_between(axis[::2, ::2], rows / _CELL_PX - first_row, cols / _CELL_PX - first_col) for axis in nodes)
    exact = curved[np.ix_(rows // _CELL_PX - first_row, cols // _CELL_PX - first_col)]
    if exact.any():
        row_index, col_index = np.nonzero(exact)
        x[exact], y[exact] = _transformed(
            source, target, cols[col_index].astype(np.float64) + 0.5, rows[row_index].astype(np.float64) + 0.5
        )
    undefined = ~(np.isfinite(x) & np.isfinite(y))
    x[undefined] = y[undefined] = -1
    return x, y


def _reaches(source: GeoBox, target: GeoBox) -> bool:
    """Return whether any of 33 x 33 points of the target lies in the source."""
    return bool(_reached(source, target, np.linspace(0, 1, 33)).any())


def _reached(source: GeoBox, target: GeoBox, positions: Points) -> NDArray[np.bool_]:
    """Return which points of the target, at these fractions of its sides, lie in the source."""
    x, y = np.meshgrid(positions * target.shape[1], positions * target.shape[0])
    x, y = _transformed(source, target, x, y)
    return np.asarray((x > 0) & (x < source.shape[1]) & (y > 0) & (y < source.shape[0]), np.bool_)


def _transformed(source: GeoBox, target: GeoBox, x: Points, y: Points) -> tuple[Points, Points]:
    """Transform target pixel coordinates to source pixel coordinates; infinite or NaN where undefined."""
    east, north = transform_points(target.affine, x, y)
    if source.crs is not None and target.crs is not None and source.crs != target.crs:
        east, north = _transformer(target.crs.to_wkt(), source.crs.to_wkt()).transform(east, north)
        if source.crs.geographic:
            # The longitudes of a source that crosses the antimeridian continue beyond 180 degrees.
            middle, _ = transform_points(source.affine, np.array(source.shape[1] / 2), np.array(source.shape[0] / 2))
            with np.errstate(invalid="ignore"):
                east = (east - middle + 180) % 360 + middle - 180
    with np.errstate(invalid="ignore"):
        return transform_points(~source.affine, east, north)


def _between(nodes: Points, down: Points, across: Points) -> Points:
    """Interpolate node values at rows ``down`` and columns ``across``, in cells."""
    row, col = down.astype(int)[:, None], across.astype(int)[None, :]
    row_weight, col_weight = down[:, None] - row, across[None, :] - col
    top = nodes[row, col] * (1 - col_weight) + nodes[row, col + 1] * col_weight
    bottom = nodes[row + 1, col] * (1 - col_weight) + nodes[row + 1, col + 1] * col_weight
    between: Points = top * (1 - row_weight) + bottom * row_weight
    return between


@lru_cache(maxsize=16)
def _transformer(from_wkt: str, to_wkt: str) -> Transformer:
    """Return the transformer between two CRSs, x before y."""
    return Transformer.from_crs(from_wkt, to_wkt, always_xy=True)
