"""Slope, aspect and hillshade from elevation.

Gradients by the third-order finite difference of Horn (1981), "Hill shading and the reflectance map", Proceedings of
the IEEE 69(1), as in GDAL and most GIS. The elevation is extrapolated linearly beyond the edge.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUN_AZIMUTH_DEG = 315.0
SUN_ALTITUDE_DEG = 45.0
"""Light from the north-west, as cartography has it: light from the south makes valleys look like ridges."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """Rise of the ground in metres per metre, (H, W) each, NaN where unknown."""

    east: NDArray[np.float64]
    south: NDArray[np.float64]

    def slope_deg(self) -> NDArray[np.float32]:
        """Return the slope in degrees, 0 where flat."""
        slope: NDArray[np.float32] = np.degrees(np.arctan(np.hypot(self.east, self.south))).astype(np.float32)
        return slope

    def aspect_deg(self) -> NDArray[np.float32]:
        """Return the downslope direction in degrees clockwise from north, 0 <= aspect < 360; NaN where flat."""
        direction = np.degrees(np.arctan2(-self.east, self.south)).astype(np.float32) % np.float32(360)
        # Slightly west of north rounds to 360.
        direction[direction == 360] = 0
        direction[(self.east == 0) & (self.south == 0)] = np.nan
        return direction

    def hillshade(
        self, azimuth_deg: float = SUN_AZIMUTH_DEG, altitude_deg: float = SUN_ALTITUDE_DEG
    ) -> NDArray[np.float32]:
        """Return the cosine of the angle between the light and the normal of the ground, 0 in its own shadow.

        Args:
            azimuth_deg: of the light, clockwise from north.
            altitude_deg: of the light above the horizon.
        """
        azimuth, altitude = np.radians(azimuth_deg), np.radians(altitude_deg)
        towards = self.east * np.sin(azimuth) - self.south * np.cos(azimuth)
        cosine = (np.sin(altitude) - np.cos(altitude) * towards) / np.sqrt(1 + self.east**2 + self.south**2)
        shade: NDArray[np.float32] = np.maximum(cosine, 0).astype(np.float32)
        return shade


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
    slope = horn_gradient(elevation_m, pixel_width_m, pixel_height_m).slope_deg()
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
    return horn_gradient(elevation_m, pixel_width_m, pixel_height_m).aspect_deg()


def horn_gradient(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> Gradient:
    """Compute the gradient of the ground by the method of Horn.

    Args:
        elevation_m: (H, W), NaN where nodata.
        pixel_width_m: metres eastwards from a column to the next; negative if columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    ground = check_ground(elevation_m, pixel_width_m, pixel_height_m)
    ground = _extrapolate(_extrapolate(ground).T).T
    rises = ground[:, 2:] - ground[:, :-2]
    falls = ground[2:, :] - ground[:-2, :]
    east = (rises[:-2] + 2 * rises[1:-1] + rises[2:]) / (8 * pixel_width_m)
    south = (falls[:, :-2] + 2 * falls[:, 1:-1] + falls[:, 2:]) / (8 * pixel_height_m)
    # The differences do not use the centre, but where it is nodata so is the slope.
    nodata = np.isnan(ground[1:-1, 1:-1]) | np.isnan(east) | np.isnan(south)
    east[nodata] = south[nodata] = np.nan
    return Gradient(east, south)


def check_ground(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> NDArray[np.float64]:
    """Return the elevation as float64.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    ground = np.asarray(elevation_m, np.float64)
    if ground.ndim != 2:
        raise ValueError(f"elevation must have the shape (H, W), got {ground.shape}")
    for size in (pixel_width_m, pixel_height_m):
        if not np.isfinite(size) or size == 0:
            raise ValueError(f"pixel size must be finite and not 0, got {size} m")
    return ground


def _extrapolate(ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add a row above and below by linear extrapolation; a single row is repeated."""
    if len(ground) == 1:
        return np.repeat(ground, 3, axis=0)
    return np.concatenate([2 * ground[:1] - ground[1:2], ground, 2 * ground[-1:] - ground[-2:-1]])
