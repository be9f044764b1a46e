"""Slope and aspect from elevation.

Gradients by the third-order finite difference of Horn (1981), "Hill shading and the reflectance map", Proceedings of
the IEEE 69(1), as GDAL and most GIS compute them. Beyond the edge the ground is continued straight on.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def slope_deg(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> NDArray[np.float32]:
    """Steepest slope of the ground in degrees, 0 where flat.

    Args:
        elevation_m: (H, W), NaN where unknown.
        pixel_width_m: metres eastwards from a column to the next; negative where columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Returns:
        (H, W), NaN where the elevation or that of a neighbour is unknown.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    east, south = _gradient(elevation_m, pixel_width_m, pixel_height_m)
    return np.degrees(np.arctan(np.hypot(east, south))).astype(np.float32)


def aspect_deg(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> NDArray[np.float32]:
    """Direction in which the ground falls, in degrees clockwise from north, 0 up to but not including 360.

    Args:
        elevation_m: (H, W), NaN where unknown.
        pixel_width_m: metres eastwards from a column to the next; negative where columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Returns:
        (H, W), NaN where the ground is flat, or the elevation or that of a neighbour is unknown.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    east, south = _gradient(elevation_m, pixel_width_m, pixel_height_m)
    direction = np.degrees(np.arctan2(-east, south)).astype(np.float32) % np.float32(360)
    # A hair west of north rounds to 360.
    direction[direction == 360] = 0
    direction[(east == 0) & (south == 0)] = np.nan
    return direction


def _gradient(
    elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rise in metres a metre, eastwards and southwards.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    ground = np.asarray(elevation_m, np.float64)
    if ground.ndim != 2:
        raise ValueError(f"elevation of shape {ground.shape} is no image: give (height, width)")
    for size in (pixel_width_m, pixel_height_m):
        if not np.isfinite(size) or size == 0:
            raise ValueError(f"a pixel size of {size} m is none: give metres other than 0")
    ground = _continued(_continued(ground).T).T
    rises = ground[:, 2:] - ground[:, :-2]
    falls = ground[2:, :] - ground[:-2, :]
    east = (rises[:-2] + 2 * rises[1:-1] + rises[2:]) / (8 * pixel_width_m)
    south = (falls[:, :-2] + 2 * falls[:, 1:-1] + falls[:, 2:]) / (8 * pixel_height_m)
    # The centre itself has no part in the difference, yet where it is unknown so is the slope.
    unknown = np.isnan(ground[1:-1, 1:-1])
    east[unknown] = south[unknown] = np.nan
    return east, south


def _continued(ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add a row above and below: straight on, or level where there is but one row."""
    if len(ground) == 1:
        return np.repeat(ground, 3, axis=0)
    return np.concatenate([2 * ground[:1] - ground[1:2], ground, 2 * ground[-1:] - ground[-2:-1]])
