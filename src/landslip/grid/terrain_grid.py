"""Terrain on the grid of a scene, in metres on the ground: projected or geographic, rotated or south up.

North is that of the grid: on a projected one it differs from true north by the convergence of meridians, at most about
3 degrees within a UTM zone.
"""

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Geod

from landslip.grid.curvature import Derivatives, zevenbergen_thorne
from landslip.grid.terrain import Gradient, horn_gradient
from landslip.grid.window import Window

Metres = float | NDArray[np.float64]


def slope_on_grid(elevation_m: NDArray[np.float32], geobox: GeoBox, window: Window) -> NDArray[np.float32]:
    """Compute the slope in degrees of a window of a grid; the same in any window that holds the pixel's neighbours.

    Args:
        elevation_m: (h, w), NaN where nodata.
        geobox: the whole grid; without a CRS its unit is the metre.
        window: of the elevation in the grid.

    Returns:
        (h, w), NaN where the pixel or a neighbour is nodata.
    """
    return gradient_on_grid(elevation_m, geobox, window).slope_deg()


def gradient_on_grid(elevation_m: NDArray[np.float32], geobox: GeoBox, window: Window) -> Gradient:
    """Compute the gradient of the ground in a window of a grid, by the method of Horn.

    On a geographic grid the size of a pixel in metres is that at the latitude of each pixel.

    Args:
        elevation_m: (h, w), NaN where nodata.
        geobox: the whole grid; without a CRS its unit is the metre.
        window: of the elevation in the grid.
    """
    pixels = horn_gradient(elevation_m, 1.0, 1.0)
    col_x, col_y, row_x, row_y = _pixels_per_metre(geobox, window)
    return Gradient(
        east=pixels.east * col_x + pixels.south * row_x, south=-(pixels.east * col_y + pixels.south * row_y)
    )


def derivatives_on_grid(elevation_m: NDArray[np.float32], geobox: GeoBox, window: Window) -> Derivatives:
    """Compute the derivatives for curvatures in a window of a grid, by the method of Zevenbergen and Thorne.

    Args:
        elevation_m: (h, w), NaN where nodata.
        geobox: the whole grid; without a CRS its unit is the metre.
        window: of the elevation in the grid.
    """
    pixels = zevenbergen_thorne(elevation_m, 1.0, 1.0)
    col_x, col_y, row_x, row_y = _pixels_per_metre(geobox, window)
    # zevenbergen_thorne has y upwards, and rows are counted downwards.
    by_row, mixed = -pixels.y, -pixels.xy
    return Derivatives(
        x=pixels.x * col_x + by_row * row_x,
        y=pixels.x * col_y + by_row * row_y,
        xx=pixels.xx * col_x**2 + 2 * mixed * col_x * row_x + pixels.yy * row_x**2,
        yy=pixels.xx * col_y**2 + 2 * mixed * col_y * row_y + pixels.yy * row_y**2,
        xy=pixels.xx * col_x * col_y + mixed * (col_x * row_y + col_y * row_x) + pixels.yy * row_x * row_y,
    )


def pixel_size_on_grid(geobox: GeoBox) -> tuple[float, float]:
    """Return height and width of a pixel in metres at the centre of a grid."""
    height, width = (int(side) for side in geobox.shape)
    east_m, north_m = _unit_m(geobox, Window(height // 2, width // 2, 1, 1))
    affine = geobox.affine
    across = np.hypot(affine.a * east_m, affine.d * north_m)
    down = np.hypot(affine.b * east_m, affine.e * north_m)
    return float(np.squeeze(down)), float(np.squeeze(across))


def _pixels_per_metre(geobox: GeoBox, window: Window) -> tuple[Metres, Metres, Metres, Metres]:
    """Return the columns per metre eastwards and northwards, and the rows per metre eastwards and northwards."""
    affine = geobox.affine
    east_m, north_m = _unit_m(geobox, window)
    # The inverse of the Jacobian: the gradient on the ground is its transpose times the gradient in pixels.
    determinant = affine.a * affine.e - affine.b * affine.d
    return (
        affine.e / (determinant * east_m),
        -affine.b / (determinant * north_m),
        -affine.d / (determinant * east_m),
        affine.a / (determinant * north_m),
    )


def _unit_m(geobox: GeoBox, window: Window) -> tuple[Metres, Metres]:
    """Return the length of a unit of the CRS in metres, eastwards and northwards, at each pixel of a window."""
    crs, affine = geobox.crs, geobox.affine
    if crs is None:
        # The y axis of an image points down.
        return 1.0, -1.0
    if not crs.geographic:
        axes = crs.proj.axis_info
        unit = float(axes[0].unit_conversion_factor) if axes else 1.0
        return unit, unit
    rows = np.arange(window.row, window.bottom)[:, None] + 0.5
    cols = np.arange(window.col, window.right)[None, :] + 0.5
    return _degree_m(affine.d * cols + affine.e * rows + affine.f, crs.proj.get_geod())


def _degree_m(latitude: NDArray[np.float64], geod: Geod | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lengths in metres of a degree of longitude and of latitude on an ellipsoid."""
    radius, squared = (geod.a, geod.es) if geod is not None else (6_378_137.0, 0.00669438)
    phi = np.radians(np.clip(latitude, -89.9999, 89.9999))
    width = 1 - squared * np.sin(phi) ** 2
    degree = np.pi / 180
    return degree * radius * np.cos(phi) / np.sqrt(width), degree * radius * (1 - squared) / width**1.5
