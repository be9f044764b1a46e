"""Profile and plan curvature of the ground.

Zevenbergen and Thorne (1987), "Quantitative analysis of land surface topography", Earth Surface Processes and Landforms
12(1), 47-56: a partial quartic surface through the nine pixels around each, with the signs of that paper.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landslip.grid.terrain import check_ground

_FLAT = 1e-7
"""Squared gradient below which a direction of slope is rounding."""


@dataclass(frozen=True, slots=True)
class Derivatives:
    """First and second derivatives of the ground eastwards (x) and northwards (y), (H, W) each, NaN where unknown."""

    x: NDArray[np.float64]
    """Metres per metre."""
    y: NDArray[np.float64]
    xx: NDArray[np.float64]
    """Per metre; not halved."""
    yy: NDArray[np.float64]
    xy: NDArray[np.float64]

    def profile_curvature(self) -> NDArray[np.float32]:
        """Return the curvature along the slope per metre: positive where the ground is convex, steeper downhill."""
        along = self.xx * self.x**2 + 2 * self.xy * self.x * self.y + self.yy * self.y**2
        return self._by_direction(-along)

    def plan_curvature(self) -> NDArray[np.float32]:
        """Return the curvature across the slope per metre: positive in hollows, where water converges."""
        across = self.xx * self.y**2 - 2 * self.xy * self.x * self.y + self.yy * self.x**2
        return self._by_direction(across)

    def _by_direction(self, numerator: NDArray[np.float64]) -> NDArray[np.float32]:
        squared = self.x**2 + self.y**2
        # Where the ground is level there is no direction along or across the slope.
        divisor = np.where(squared > _FLAT, squared, np.nan)
        return (numerator / divisor).astype(np.float32)


def profile_curvature(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> NDArray[np.float32]:
    """Compute the curvature along the slope per metre: positive where the ground is convex, steeper downhill.

    Args:
        elevation_m: (H, W), NaN where nodata.
        pixel_width_m: metres eastwards from a column to the next; negative if columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Returns:
        (H, W), NaN where level, at the edge, or where the pixel or a neighbour is nodata.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.

    Example:
        >>> x = np.arange(7) * 10.0
        >>> float(profile_curvature(np.tile(-(x**2) / 1000, (5, 1)), 10, 10)[2, 3])
        0.0020000000949949026
    """
    return zevenbergen_thorne(elevation_m, pixel_width_m, pixel_height_m).profile_curvature()


def plan_curvature(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> NDArray[np.float32]:
    """Compute the curvature across the slope per metre: positive in hollows, where water converges.

    Args:
        elevation_m: (H, W), NaN where nodata.
        pixel_width_m: metres eastwards from a column to the next; negative if columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Returns:
        (H, W), NaN where level, at the edge, or where the pixel or a neighbour is nodata.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.

    Example:
        >>> x, y = np.meshgrid(np.arange(-30, 40, 10.0), np.arange(0, 50, 10.0))
        >>> hollow = x**2 / 1000 + y / 2
        >>> float(plan_curvature(hollow, 10, 10)[2, 3])
        0.0020000000949949026
    """
    return zevenbergen_thorne(elevation_m, pixel_width_m, pixel_height_m).plan_curvature()


def zevenbergen_thorne(elevation_m: ArrayLike, pixel_width_m: float, pixel_height_m: float) -> Derivatives:
    """Compute the derivatives of the ground from the nine pixels around each.

    Args:
        elevation_m: (H, W), NaN where nodata.
        pixel_width_m: metres eastwards from a column to the next; negative if columns run west.
        pixel_height_m: metres southwards from a row to the next; negative on a south-up grid.

    Returns:
        NaN at the edge, whose curvature is unknown, and where the pixel or a neighbour is nodata.

    Raises:
        ValueError: a pixel size is 0 or not finite, or the elevation is not two-dimensional.
    """
    ground = np.pad(check_ground(elevation_m, pixel_width_m, pixel_height_m), 1, constant_values=np.nan)
    centre = ground[1:-1, 1:-1]
    north, south, west, east = ground[:-2, 1:-1], ground[2:, 1:-1], ground[1:-1, :-2], ground[1:-1, 2:]
    corners = ground[:-2, 2:] - ground[:-2, :-2] + ground[2:, :-2] - ground[2:, 2:]
    width, height = pixel_width_m, pixel_height_m
    parts = (
        (east - west) / (2 * width),
        (north - south) / (2 * height),
        (east + west - 2 * centre) / width**2,
        (north + south - 2 * centre) / height**2,
        corners / (4 * width * height),
    )
    unknown = np.isnan(sum(parts))
    return Derivatives(*(np.where(unknown, np.nan, part) for part in parts))
