"""Parameters of a synthetic region: relief, land cover, landslides and illumination."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np

from landslip.errors import PatchesError

PIXEL_M: Final = 10.0
"""Pixel size: that of the finest Sentinel-2 channels, and of Landslide4Sense."""
LARGEST_PX: Final = 60_000


@dataclass(frozen=True, slots=True)
class Region:
    """A synthetic region; equal parameters give equal data, bit for bit."""

    name: str
    seed: int
    height_px: int
    width_px: int
    # Relief
    base_m: float
    """Elevation of the outlet of the trunk river."""
    steepness_m: float
    """Uplift over erodibility, U / K of the stream power law with m = 1/2 and n = 1."""
    critical_slope_deg: float
    """Steepest stable hillslope (Burbank et al. 1996)."""
    inflow_km2: float
    """Catchment of the trunk river upstream of the region."""
    # Cover
    tree_line_m: float
    snow_line_m: float
    conifers: float
    """Fraction of conifers in the forest, 0 to 1."""
    dryness: float
    """0 lush to 1 dry vegetation."""
    fields: float
    """Extent of fields upslope from the rivers, 0 to 1."""
    soil: str
    """Soil exposed by landslides: a name in ``atmosphere.COVERS``."""
    # Landslides
    landslides_per_km2: float
    """Density if all slopes were steep and the trigger at its maximum."""
    # Illumination and acquisition
    sun_zenith_deg: float
    sun_azimuth_deg: float
    aerosol: float
    """Aerosol optical depth at 550 nm."""
    water_vapour_cm: float
    clouds: float
    """Cloud cover, 0 to 1."""
    date: datetime
    epsg: int
    easting_m: float
    """Easting of the upper left corner."""
    northing_m: float
    # A later or earlier visit of the same ground (``scene_pairs.py``)
    visit: int = 0
    """Crops and the noise of the sensor differ from visit to visit."""
    water_stage: float = 1.0
    """Width of the water of rivers, as a multiple of that at mean flow."""
    turbidity: float = 0.0
    """Fraction of the water that carries sediment, 0 to 1."""

    def __post_init__(self) -> None:
        if not (1 <= self.height_px <= LARGEST_PX and 1 <= self.width_px <= LARGEST_PX):
            raise PatchesError(
                f"height and width of a region must lie between 1 and {LARGEST_PX:,} pixels, "
                f"got {self.height_px} x {self.width_px}",
                parameter="size",
            )
        if not 0 <= self.clouds < 1:
            raise PatchesError(f"clouds must be a fraction from 0 to below 1, got {self.clouds:g}", parameter="clouds")


_KINDS: Final = (
    # Steep, humid, forested to the ridges; a braided river. Midsummer.
    Region(
        "monsoon", 0, 1, 1, 180, 190, 38, 500, 3300, 9000, 0.2, 0.08, 0.35, "grey soil", 46, 24, 108, 0.14, 3.5, 0,
        datetime(2021, 8, 14, 2, 35, 51), 32651, 240_000, 2_560_000,
    ),
    # Low hills of loose pale deposits, mixed forest. Early autumn.
    Region(
        "volcanic", 0, 1, 1, 40, 95, 31, 120, 2000, 9000, 0.3, 0.22, 0.6, "pale soil", 50, 42, 158, 0.08, 1.6, 0,
        datetime(2021, 9, 11, 1, 26, 49), 32654, 580_000, 4_730_000,
    ),
    # High mountains: terraces below, meadows, rock and snow above. After the monsoon.
    Region(
        "alpine", 0, 1, 1, 1900, 300, 42, 900, 2900, 3400, 0.75, 0.4, 0.5, "brown soil", 36, 38, 154, 0.06, 1.1, 0,
        datetime(2021, 10, 20, 4, 57, 41), 32645, 340_000, 3_100_000,
    ),
    # Rolling tropical hills under plantations, red soil, hazy. After the rains.
    Region(
        "lateritic", 0, 1, 1, 650, 115, 32, 90, 2500, 9000, 0.05, 0.3, 0.65, "red soil", 46, 31, 137, 0.22, 3.0, 0,
        datetime(2021, 11, 2, 5, 12, 31), 32643, 560_000, 1_380_000,
    ),
)  # fmt: skip

KINDS: Final = tuple(kind.name for kind in _KINDS)
"""The kinds of region, in the order in which a patch set uses them."""


def make_region(number: int, seed: int, height_px: int, width_px: int, *, clouds: float = 0.0) -> Region:
    """Draw the parameters of a region: each kind in turn, then variants of them.

    Args:
        number: number of the region, from 0.
        seed: random seed of the patch set or scene.
        height_px: rows of 10 m.
        width_px: columns of 10 m.
        clouds: cloud cover, a fraction.

    Raises:
        PatchesError: a size or the cloud cover is not allowed.
    """
    kind = _KINDS[number % len(_KINDS)]
    draw = np.random.default_rng([seed, number])
    vary = draw.uniform(-1, 1, 8) if number >= len(_KINDS) else draw.uniform(-0.25, 0.25, 8)
    return replace(
        kind,
        name=kind.name if number < len(_KINDS) else f"{kind.name}-{number // len(_KINDS) + 1}",
        seed=int(draw.integers(2**31)),
        height_px=height_px,
        width_px=width_px,
        clouds=clouds,
        base_m=round(kind.base_m * (1 + 0.3 * vary[0])),
        steepness_m=kind.steepness_m * (1 + 0.25 * vary[1]),
        critical_slope_deg=kind.critical_slope_deg + 2.5 * vary[2],
        inflow_km2=kind.inflow_km2 * 2 ** vary[3],
        dryness=float(np.clip(kind.dryness + 0.15 * vary[4], 0, 1)),
        sun_zenith_deg=kind.sun_zenith_deg + 5 * vary[5],
        aerosol=kind.aerosol * (1 + 0.4 * vary[6]),
        landslides_per_km2=kind.landslides_per_km2 * (1 + 0.3 * vary[7]),
    )
