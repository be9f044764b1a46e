"""The ground of a region at 10 m, window by window: elevation, slope, and how the sun strikes it.

The coarse relief is refined by fractal noise where it is steep; its amplitude falls with the wavelength as that of
real ground does (Hurst exponent about 0.8; Turcotte 1997, "Fractals and Chaos in Geology and Geophysics").
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.synthetic.noise import octave
from landslip.synthetic.region import PIXEL_M, Region
from landslip.synthetic.relief import Relief

_RISE_AT_100_M: Final = 1.9
"""Deviation in metres of the octave of 100 m, on steep ground."""
_HURST: Final = 0.85
_FINEST_PX: Final = 4.0
_SHADOW_EDGE: Final = 0.05
"""Half the width of a cast shadow's edge, in tangents: the ground that casts it is known only coarsely."""


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Terrain of a window; every layer is (h, w)."""

    elevation_m: NDArray[np.float32]
    slope_deg: NDArray[np.float32]
    """By Horn (1981), as everywhere in landslip."""
    north: NDArray[np.float32]
    """How far the slope faces north: -1 to 1 times the sine of the slope."""
    sun: NDArray[np.float32]
    """Cosine of the angle between the sun and the ground's normal, 0 in shadow, over that on level ground."""
    sky: NDArray[np.float32]
    """Share of the sky above the ground's plane."""


def elevation_m(region: Region, relief: Relief, window: Window) -> NDArray[np.float32]:
    """Elevation of a window (h, w)."""
    height = relief.sample(relief.elevation_m, window)
    rough = relief.sample(relief.roughness, window)
    fine = np.zeros(window.shape, np.float32)
    period, number = 2.2 * relief.cell_px, 0
    while period >= _FINEST_PX:
        length_m = period * PIXEL_M
        # Where the coarse ground knows no gullies, the noise stands in for them.
        rise = _RISE_AT_100_M * (length_m / 100) ** _HURST * max(1.0, length_m / 150) ** 0.8
        # Folded noise has sharp crests, as spurs between gullies have.
        fine += (np.float32(0.8) - np.abs(octave(region.seed + 40 + number, window, period))) * np.float32(1.6 * rise)
        period, number = period / 2, number + 1
    return height + rough * fine


def ground(region: Region, relief: Relief, window: Window) -> Ground:
    """Terrain of a window; its slope is that of the whole, since the ground goes on beyond the window."""
    around = elevation_m(region, relief, window.expanded(1))
    inside = (slice(1, -1), slice(1, -1))
    slope = np.ascontiguousarray(slope_deg(around, PIXEL_M, PIXEL_M)[inside])
    east = (around[1:-1, 2:] - around[1:-1, :-2]) / np.float32(2 * PIXEL_M)
    south = (around[2:, 1:-1] - around[:-2, 1:-1]) / np.float32(2 * PIXEL_M)
    upright = 1 / np.sqrt(1 + east * east + south * south)
    zenith, azimuth = np.radians(region.sun_zenith_deg), np.radians(region.sun_azimuth_deg)
    # The normal is (-east, south, 1) in axes east, north, up; the sun stands at (sin, cos) of its azimuth.
    level = np.float32(np.tan(zenith))
    toward = (south * np.float32(np.cos(azimuth)) - east * np.float32(np.sin(azimuth))) * level
    struck = np.maximum((1 + toward) * upright, 0)
    horizon = relief.sample(relief.horizon, window)
    sun_height = np.float32(1 / np.tan(zenith))
    lit = np.clip((sun_height - horizon) / np.float32(2 * _SHADOW_EDGE) + np.float32(0.5), 0, 1)
    return Ground(
        elevation_m=np.ascontiguousarray(around[inside]),
        slope_deg=slope,
        north=south * upright,
        sun=struck * lit,
        sky=(1 + upright) / 2,
    )
