"""Slope and aspect from elevation.

Gradients by the third-order finite difference of Horn (1981), "Hill shading and the reflectance map", Proceedings of
the IEEE 69(1), as in GDAL and most GIS. The elevation is extrapolated linearly beyond the edge.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox
from pyproj import Geod

from landslip.grid.window import Window


def slope_deg(
    elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float, *, like_landslide4sense: bool = False
) -> NDArray[np.float32]:
    """Compute the slope in degrees, 0 where flat.

    Args:
        elevation_m: (H, W), NaN where nodata.
        pixel_width_m: metres eastwards from a column to the next; negative if columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.
        like_landslide4sense: whether to round the elevation to whole metres and the slope to whole degrees, as in the
            Landslide4Sense patches, whose slope was computed on a grid of 12.5 m.

    Returns:
        (H, W), NaN where the pixel or a neighbour is nodata.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.

    Example:
        >>> rising_east = np.tile(np.arange(5) * 10.0, (5, 1))
        >>> float(slope_deg(rising_east, 10, 10)[2, 2])
        45.0
    """
    if like_landslide4sense:
        elevation_m = np.rint(np.asarray(elevation_m, np.float64))
    east, south = _gradient(elevation_m, pixel_width_m, pixel_height_m)
    slope = np.degrees(np.arctan(np.hypot(east, south))).astype(np.float32)
    return np.rint(slope) if like_landslide4sense else slope


def aspect_deg(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> NDArray[np.float32]:
    """Compute the aspect (downslope direction) in degrees clockwise from north, 0 <= aspect < 360.

    Args:
        elevation_m: (H, W), NaN where nodata.
        pixel_width_m: metres eastwards from a column to the next; negative if columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Returns:
        (H, W), NaN where flat, or where the pixel or a neighbour is nodata.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    east, south = _gradient(elevation_m, pixel_width_m, pixel_height_m)
    direction = np.degrees(np.arctan2(-east, south)).astype(np.float32) % np.float32(360)
    # Slightly west of north rounds to 360.
    direction[direction == 360] = 0
    direction[(east == 0) & (south == 0)] = np.nan
    return direction


def slope_on_grid(elevation_m: NDArray[np.float32], geobox: GeoBox, window: Window) -> NDArray[np.float32]:
    """Compute the slope in degrees of a window of a grid; the same in any window that holds the pixel's neighbours.

    On a geographic grid the size of a pixel in metres is that at the latitude of each pixel. Grids may be rotated or
    south up.

    Args:
        elevation_m: (h, w), NaN where nodata.
        geobox: the whole grid; without a CRS its unit is the metre.
        window: of the elevation in the grid.

    Returns:
        (h, w), NaN where the pixel or a neighbour is nodata.
    """
    across, down = _gradient(elevation_m, 1.0, 1.0)
    affine, crs = geobox.affine, geobox.crs
    east_m: float | NDArray[np.float64]
    north_m: float | NDArray[np.float64]
    if crs is not None and crs.geographic:
        rows = np.arange(window.row, window.bottom)[:, None] + 0.5
        cols = np.arange(window.col, window.right)[None, :] + 0.5
        east_m, north_m = _degree_m(affine.d * cols + affine.e * rows + affine.f, crs.proj.get_geod())
    else:
        axes = crs.proj.axis_info if crs is not None else ()
        east_m = north_m = float(axes[0].unit_conversion_factor) if axes else 1.0
    # Gradient on the ground = inverse transpose of the Jacobian x gradient in pixels.
    determinant = affine.a * affine.e - affine.b * affine.d
    east = (affine.e * across - affine.d * down) / (determinant * east_m)
    north = (affine.a * down - affine.b * across) / (determinant * north_m)
    return np.degrees(np.arctan(np.hypot(east, north))).astype(np.float32)


def _degree_m(latitude: NDArray[np.float64], geod: Geod | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lengths in metres of a degree of longitude and of latitude on an ellipsoid."""
    radius, squared = (geod.a, geod.es) if geod is not None else (6_378_137.0, 0.00669438)
    phi = np.radians(np.clip(latitude, -89.9999, 89.9999))
    width = 1 - squared * np.sin(phi) ** 2
    degree = np.pi / 180
    return degree * radius * np.cos(phi) / np.sqrt(width), degree * radius * (1 - squared) / width**1.5


def _gradient(
    elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the gradient eastwards and southwards, metres per metre."""
    ground = np.asarray(elevation_m, np.float64)
    if ground.ndim != 2:
        raise ValueError(f"elevation must have the shape (H, W), got {ground.shape}")
    for size in (pixel_width_m, pixel_height_m):
        if not np.isfinite(size) or size == 0:
            raise ValueError(f"pixel size must be finite and not 0, got {size} m")
    ground = _extrapolate(_extrapolate(ground).T).T
    rises = ground[:, 2:] - ground[:, :-2]
    falls = ground[2:, :] - ground[:-2, :]
    east = (rises[:-2] + 2 * rises[1:-1] + rises[2:]) / (8 * pixel_width_m)
    south = (falls[:, :-2] + 2 * falls[:, 1:-1] + falls[:, 2:]) / (8 * pixel_height_m)
    # The differences do not use the centre, but where it is nodata so is the slope.
    nodata = np.isnan(ground[1:-1, 1:-1])
    east[nodata] = south[nodata] = np.nan
    return east, south


def _extrapolate(ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add a row above and below by linear extrapolation; a single row is repeated."""
    if len(ground) == 1:
        return np.repeat(ground, 3, axis=0)
    return np.concatenate([2 * ground[:1] - ground[1:2], ground, 2 * ground[-1:] - ground[-2:-1]])
