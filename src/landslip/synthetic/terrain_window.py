"""Terrain of a window at 10 m: elevation, slope and illumination.

The coarse relief is refined with fractal noise where it is steep. The amplitude of the noise falls with the wavelength
as in real terrain (Hurst exponent about 0.8; Turcotte 1997, "Fractals and Chaos in Geology and Geophysics").
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.synthetic.noise import octave_noise
from landslip.synthetic.region import PIXEL_M, Region
from landslip.synthetic.relief import Relief

_RISE_AT_100_M: Final = 1.9
"""Standard deviation in metres of the octave of 100 m, on steep slopes."""
_HURST: Final = 0.85
_FINEST_PX: Final = 4.0
_SHADOW_EDGE: Final = 0.05
"""Half the width of a cast shadow's edge, in tangents: shadows are cast on the coarse relief."""


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """Terrain of a window; every layer is (h, w)."""

    elevation_m: NDArray[np.float32]
    slope_deg: NDArray[np.float32]
    """After Horn (1981), as everywhere in landslip."""
    north: NDArray[np.float32]
    """Cosine of the aspect (1 facing north, -1 facing south) times the sine of the slope."""
    sun: NDArray[np.float32]
    """Cosine of the solar incidence angle divided by that of a horizontal surface; 0 in shadow."""
    sky: NDArray[np.float32]
    """Sky-view factor of the tilted plane, 0 to 1."""


def compute_elevation(region: Region, relief: Relief, window: Window) -> NDArray[np.float32]:
    """Compute the elevation of a window (h, w) in metres."""
    height = relief.sample(relief.elevation_m, window)
    rough = relief.sample(relief.roughness, window)
    fine = np.zeros(window.shape, np.float32)
    period, number = 2.2 * relief.cell_px, 0
    while period >= _FINEST_PX:
        length_m = period * PIXEL_M
        # The noise stands for gullies that the coarse relief does not resolve.
        rise = _RISE_AT_100_M * (length_m / 100) ** _HURST * max(1.0, length_m / 150) ** 0.8
        # Folded noise has sharp crests, like spurs between gullies.
        fine += (np.float32(0.8) - np.abs(octave_noise(region.seed + 40 + number, window, period))) * np.float32(
            1.6 * rise
        )
        period, number = period / 2, number + 1
    return height + rough * fine


def compute_terrain(region: Region, relief: Relief, window: Window) -> Terrain:
    """Compute the terrain of a window; slopes at its edge use the elevation beyond it."""
    around = compute_elevation(region, relief, window.expand(1))
    inside = (slice(1, -1), slice(1, -1))
    slope = np.ascontiguousarray(slope_deg(around, PIXEL_M, PIXEL_M)[inside])
    east = (around[1:-1, 2:] - around[1:-1, :-2]) / np.float32(2 * PIXEL_M)
    south = (around[2:, 1:-1] - around[:-2, 1:-1]) / np.float32(2 * PIXEL_M)
    upright = 1 / np.sqrt(1 + east * east + south * south)
    zenith, azimuth = np.radians(region.sun_zenith_deg), np.radians(region.sun_azimuth_deg)
    # The surface normal is (-east, south, 1) along east, north, up; the sun is at (sin, cos) of its azimuth.
    level = np.float32(np.tan(zenith))
    toward = (south * np.float32(np.cos(azimuth)) - east * np.float32(np.sin(azimuth))) * level
    struck = np.maximum((1 + toward) * upright, 0)
    horizon = relief.sample(relief.horizon, window)
    sun_height = np.float32(1 / np.tan(zenith))
    lit = np.clip((sun_height - horizon) / np.float32(2 * _SHADOW_EDGE) + np.float32(0.5), 0, 1)
    return Terrain(
        elevation_m=np.ascontiguousarray(around[inside]),
        slope_deg=slope,
        north=south * upright,
        sun=struck * lit,
        sky=(1 + upright) / 2,
    )
