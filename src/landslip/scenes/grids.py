"""Grids of rasters: how fine they are, whether two are one, and where the pixels of one lie in another."""

import math
from functools import lru_cache

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from landslip.scenes.window import Window

Places = NDArray[np.float64]
_METRES_A_DEGREE = 111_320.0
_SAME_PX = 1e-3
"""Corners that lie closer than this, in pixels, are the same."""
_CELL_PX = 16
_CELL_ERROR_PX = 1e-3


def ground_resolution_m(geobox: GeoBox) -> float:
    """The side in metres of a square as large as a pixel, at the grid's centre (for degrees: on a sphere)."""
    affine, crs = geobox.affine, geobox.crs
    side = math.sqrt(abs(affine.determinant))
    if crs is None:
        return side
    if crs.geographic:
        _, latitude = placed(affine, np.array(geobox.shape[1] / 2), np.array(geobox.shape[0] / 2))
        return side * _METRES_A_DEGREE * math.sqrt(max(0.0, math.cos(math.radians(float(latitude)))))
    return side * float(crs.proj.axis_info[0].unit_conversion_factor) if crs.proj.axis_info else side


def same_grid(one: GeoBox, other: GeoBox) -> bool:
    """Whether two grids hold the same pixels in the same places."""
    if one.shape != other.shape or one.crs != other.crs:
        return False
    height, width = one.shape
    x, y = np.array([0.0, width, 0.0, width]), np.array([0.0, 0.0, height, height])
    moved_x, moved_y = placed(~one.affine, *placed(other.affine, x, y))
    return bool((np.hypot(moved_x - x, moved_y - y) < _SAME_PX).all())


def placed(affine: Affine, x: Places, y: Places) -> tuple[Places, Places]:
    """Where an affine transform puts places."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def overlap(one: GeoBox, other: GeoBox) -> bool:
    """Whether two grids share ground, judged by places spread over each."""
    return _reaches(one, other) or _reaches(other, one)


def points_in(source: GeoBox, target: GeoBox, window: Window) -> tuple[Places, Places]:
    """Where the centres of a window of target pixels lie in the source, in source pixels.

    Between two CRS every 16th pixel is transformed and those between are interpolated, unless that is off by a
    thousandth of a source pixel: then each is transformed. The squares of 16 pixels are counted from the target's
    corner, so that a pixel's answer is the same in every window.

    Returns:
        Columns x (h, w) and rows y (h, w), 0 at the source's edge; -1 where there is no such place.
    """
    cols = np.arange(window.col, window.right, dtype=np.float64)
    rows = np.arange(window.row, window.bottom, dtype=np.float64)
    if source.crs == target.crs:
        return _transformed(source, target, *np.meshgrid(cols + 0.5, rows + 0.5))
    first_col, last_col = window.col // _CELL_PX, (window.right - 1) // _CELL_PX + 1
    first_row, last_row = window.row // _CELL_PX, (window.bottom - 1) // _CELL_PX + 1
    node_x, node_y = np.meshgrid(
        np.arange(2 * first_col, 2 * last_col + 1) * (_CELL_PX / 2) + 0.5,
        np.arange(2 * first_row, 2 * last_row + 1) * (_CELL_PX / 2) + 0.5,
    )
    nodes = _transformed(source, target, node_x, node_y)
    x, y = (_between(axis[::2, ::2], rows / _CELL_PX - first_row, cols / _CELL_PX - first_col) for axis in nodes)
    crooked = np.zeros((last_row - first_row, last_col - first_col), np.bool_)
    for axis in nodes:
        corners = axis[::2, ::2]
        mean = (corners[:-1, :-1] + corners[1:, :-1] + corners[:-1, 1:] + corners[1:, 1:]) / 4
        crooked |= ~(np.abs(axis[1::2, 1::2] - mean) < _CELL_ERROR_PX)
    if crooked.any():
        exact = crooked[np.ix_((rows // _CELL_PX).astype(int) - first_row, (cols // _CELL_PX).astype(int) - first_col)]
        row_index, col_index = np.nonzero(exact)
        x[exact], y[exact] = _transformed(source, target, cols[col_index] + 0.5, rows[row_index] + 0.5)
    nowhere = ~(np.isfinite(x) & np.isfinite(y))
    x[nowhere] = y[nowhere] = -1
    return x, y


def _reaches(source: GeoBox, target: GeoBox) -> bool:
    """Whether any of some places spread over the target lies in the source."""
    x, y = np.meshgrid(np.linspace(0, target.shape[1], 33), np.linspace(0, target.shape[0], 33))
    x, y = _transformed(source, target, x, y)
    return bool(((x > 0) & (x < source.shape[1]) & (y > 0) & (y < source.shape[0])).any())


def _transformed(source: GeoBox, target: GeoBox, x: Places, y: Places) -> tuple[Places, Places]:
    """Turn places in target pixels into places in source pixels; infinite or NaN where there is none."""
    east, north = placed(target.affine, x, y)
    if source.crs is not None and target.crs is not None and source.crs != target.crs:
        east, north = _transformer(target.crs.to_wkt(), source.crs.to_wkt()).transform(east, north)
    with np.errstate(invalid="ignore"):
        return placed(~source.affine, east, north)


def _between(nodes: Places, down: Places, across: Places) -> NDArray[np.float64]:
    """Interpolate node values at rows ``down`` and columns ``across``, in cells."""
    row, col = down.astype(int), across.astype(int)
    row_share, col_share = (down - row)[:, None], across - col
    with np.errstate(invalid="ignore"):
        top = nodes[row[:, None], col] * (1 - col_share) + nodes[row[:, None], col + 1] * col_share
        bottom = nodes[row[:, None] + 1, col] * (1 - col_share) + nodes[row[:, None] + 1, col + 1] * col_share
        between: Places = top * (1 - row_share) + bottom * row_share
    return between


@lru_cache(maxsize=16)
def _transformer(from_wkt: str, to_wkt: str) -> Transformer:
    """The way from one CRS to another, x before y."""
    return Transformer.from_crs(from_wkt, to_wkt, always_xy=True)
