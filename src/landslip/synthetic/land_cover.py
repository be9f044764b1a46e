"""Land-cover fractions of each pixel, from elevation, slope, aspect, distance to rivers and noise.

Forest below the tree line, meadow above it, rock on steep or high slopes, snow above its line; rivers with gravel bars,
fields and villages on valley floors and gentle slopes, roads along rivers and contours. Bars, bare fields, roads and
clearings are look-alikes: bare soil that is not a landslide. Tree and snow lines follow Koerner (2003), "Alpine Plant
Life"; fractions and sizes are chosen by eye, not fitted to a real area.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window
from landslip.synthetic.noise import fractal_noise, hash_pairs, octave_noise, white_noise
from landslip.synthetic.region import Region
from landslip.synthetic.relief import Relief
from landslip.synthetic.terrain_window import Terrain

Field = NDArray[np.float32]

_CROPS: Final = (("crop", 0.42), ("meadow", 0.62), ("stubble", 0.86), ("soil", 1.0))
"""Crops with the cumulative fraction of fields."""
_BARE_CROPS: Final = (2, 3)
_VISIT_SEED: Final = 1_000_003
"""Added to the seed of crops from visit to visit."""


def ramp(values: Field, low: float, high: float) -> Field:
    """Return 0 below ``low``, 1 above ``high`` and a smooth step between; a falling step where high is below low."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Field = t * t * (3 - 2 * t)
    return smooth


def land_covers(
    region: Region, relief: Relief, window: Window, terrain: Terrain, bare: Field
) -> Iterator[tuple[str, Field, Field]]:
    """Yield each land cover with its fraction and its brightness around 1, both (h, w); fractions add up to 1.

    Args:
        region: parameters of the region.
        relief: coarse relief of the region.
        window: window of the region, in pixels.
        terrain: terrain of the window.
        bare: fraction of each pixel exposed by landslides.
    """
    seed = region.seed
    broad = fractal_noise(seed + 20, window, 220, 6, 0.6)
    patchy = fractal_noise(seed + 34, window, 30, 4, 0.65)
    grain = white_noise(seed + 28, window)
    fine = octave_noise(seed + 29, window, 2.5)
    crowns = np.exp(np.float32(0.055) * grain + np.float32(0.10) * fine + np.float32(0.05) * patchy)
    earth = np.exp(np.float32(0.05) * grain + np.float32(0.07) * fine + np.float32(0.06) * patchy)
    left = np.ones(window.shape, np.float32)

    def take(fraction: Field) -> Field:
        part = left * fraction
        np.subtract(left, part, out=left)
        return part

    slid = take(bare)
    yield region.soil, slid * np.float32(0.85), earth * (1 + np.float32(0.10) * octave_noise(seed + 30, window, 6))
    yield "rock", slid * np.float32(0.15), earth
    river = _River(region, relief, window, patchy)
    still = np.ones(window.shape, np.float32)
    if region.turbidity:
        yield "turbid water", take(river.water * np.float32(region.turbidity)), still
    yield "water", take(river.water), still
    yield "gravel", take(river.bars), earth
    tilled = _field_cover(region, terrain, river, broad)
    yield "built", take(_road_cover(region, terrain, relief, window, river)), earth
    yield "built", take(_building_cover(region, window, river, tilled)), earth * (1 + np.float32(0.25) * grain)
    kinds, tint = _draw_parcels(region, window)
    fields = take(tilled)
    for number, (crop, _) in enumerate(_CROPS):
        yield region.soil if crop == "soil" else crop, fields * (kinds == number), tint
    # Clearings in the forest: bare, with straight sides, and not landslides.
    yield "dry grass", take(_clearing_cover(region, window, terrain)), earth
    cold = _snow_height(terrain, broad) - region.snow_line_m
    yield "snow", take(ramp(cold, -60, 120) * ramp(terrain.slope_deg, 56, 46)), 1 + np.float32(0.03) * fine
    high = ramp(terrain.elevation_m + 160 * broad, region.tree_line_m + 350, region.tree_line_m + 1000)
    steep = ramp(terrain.slope_deg + 4 * patchy + 3 * broad, 50, 60)
    stony = np.maximum(steep, high * ramp(terrain.slope_deg + 6 * patchy, 20, 40))
    yield "rock", take(stony * np.float32(0.9)), earth
    # Sunny slopes are drier.
    dry = np.clip(np.float32(region.dryness) + np.float32(0.16) * broad - np.float32(0.22) * terrain.north, 0, 1)
    above = ramp(terrain.elevation_m + 110 * broad + 40 * patchy, region.tree_line_m - 150, region.tree_line_m + 150)
    gaps = ramp(patchy * np.float32(0.4) + dry, 0.75, 1.35)
    open_land = take(np.maximum(above, gaps))
    yield "dry grass", open_land * dry, earth
    yield "meadow", open_land * (1 - dry), crowns
    dark = ramp(
        np.float32(region.conifers) + np.float32(0.28) * broad + np.float32(0.2) * patchy
        + (terrain.elevation_m - region.tree_line_m) * np.float32(0.0004) + np.float32(0.25), 0.3, 0.75,
    )  # fmt: skip
    # Undergrowth between the crowns, and autumn leaves.
    undergrowth = take(np.float32(0.45) * dry)
    yield "dry grass", undergrowth, crowns
    yield "conifers", left * dark, crowns
    yield "broadleaf", left * (1 - dark), crowns


def _snow_height(terrain: Terrain, broad: Field) -> Field:
    """Return the elevation, and more where snow lies lower: on slopes that face north, and by weather."""
    return terrain.elevation_m + 260 * broad + 700 * terrain.north


def find_snow_line(region: Region, window: Window, terrain: Terrain, fraction: float) -> float:
    """Return the snow line above which about a fraction of a window is snow where nothing else covers it."""
    height = _snow_height(terrain, fractal_noise(region.seed + 20, window, 220, 6, 0.6))
    return float(np.quantile(height, 1 - fraction)) if fraction else float(height.max()) + 1000.0


class _River:
    """Cover fractions of water and gravel bars along rivers."""

    def __init__(self, region: Region, relief: Relief, window: Window, patchy: Field) -> None:
        self.distance_m = relief.sample(relief.river_distance_m, window)
        self.width_m = relief.sample(relief.river_width_m, window)
        self.above_m = relief.sample(relief.elevation_m, window) - relief.sample(relief.river_elevation_m, window)
        sway = octave_noise(region.seed + 70, window, 17)
        reach_m = self.width_m * np.float32(region.water_stage)
        beyond = self.distance_m - reach_m * (np.float32(0.42) + np.float32(0.12) * sway)
        main = ramp(beyond, 9, -9)
        # Wide rivers braid: thin channels cross their bars.
        wide = ramp(self.width_m, 35, 60)
        bed = self.distance_m - self.width_m * (np.float32(1.25) + np.float32(0.45) * sway + np.float32(0.2) * patchy)
        thread = ramp(np.abs(octave_noise(region.seed + 71, window, 13)), 0.26, 0.1) * ramp(bed, 0, -20) * wide
        self.water = np.maximum(main, thread * np.float32(0.8))
        self.bars = ramp(bed, 12, -12) * np.float32(0.92) * ramp(self.width_m, 14, 30)


def _field_cover(region: Region, terrain: Terrain, river: _River, broad: Field) -> Field:
    """Return the fraction of fields: on gentle slopes, near the river and little above it."""
    near = np.float32(2.2 * region.fields) - river.distance_m / 1600 - river.above_m / 160 + np.float32(0.35) * broad
    gentle = ramp(terrain.slope_deg, 22, 11) if region.name.startswith("alpine") else ramp(terrain.slope_deg, 15, 7)
    low = ramp(terrain.elevation_m, region.tree_line_m - 300, region.tree_line_m - 700)
    return ramp(near, 0.35, 0.6) * gentle * low


def find_bare_fields(region: Region, relief: Relief, window: Window, terrain: Terrain) -> NDArray[np.bool_]:
    """Return the pixels (h, w) that are mostly field, and bare on this visit."""
    river = _River(region, relief, window, fractal_noise(region.seed + 34, window, 30, 4, 0.65))
    tilled = _field_cover(region, terrain, river, fractal_noise(region.seed + 20, window, 220, 6, 0.6))
    kinds, _ = _draw_parcels(region, window)
    return np.asarray((tilled > 0.5) & np.isin(kinds, _BARE_CROPS))


def _draw_parcels(region: Region, window: Window) -> tuple[NDArray[np.int64], Field]:
    """Return the index in ``_CROPS`` of each pixel's crop, and the brightness of its field."""
    u, v = _rotate_coordinates(region.seed, window, 70)
    row, col = np.floor(u / 9).astype(np.int64), np.floor(v / 4.5 + 0.3 * np.floor(u / 9)).astype(np.int64)
    draw = hash_pairs(region.seed + 80 + _VISIT_SEED * region.visit, row, col)
    kinds = np.searchsorted(np.array([fraction for _, fraction in _CROPS]), draw, side="right")
    tint = np.float32(0.8) + np.float32(0.4) * hash_pairs(region.seed + 81, row, col)
    return kinds, tint


def _clearing_cover(region: Region, window: Window, terrain: Terrain) -> Field:
    """Return the fraction of clearings: few large parcels on slopes, logged or burnt."""
    u, v = _rotate_coordinates(region.seed + 7, window, 60)
    row, col = np.floor(u / 21).astype(np.int64), np.floor(v / 15).astype(np.int64)
    # One parcel in a hundred, of varying size.
    cut = hash_pairs(region.seed + 82, row, col) < 0.011
    cut &= u / 21 - row < 0.3 + 0.7 * hash_pairs(region.seed + 85, row, col)
    cut &= v / 15 - col < 0.3 + 0.7 * hash_pairs(region.seed + 86, row, col)
    return (
        cut * ramp(terrain.slope_deg, 36, 30) * ramp(terrain.elevation_m, region.tree_line_m, region.tree_line_m - 200)
    )


def _rotate_coordinates(seed: int, window: Window, period_px: float) -> tuple[Field, Field]:
    """Return pixel coordinates rotated by an angle of the region and warped by noise."""
    angle = (seed % 360) * np.pi / 180
    rows = np.arange(window.row, window.bottom, dtype=np.float64)[:, None]
    cols = np.arange(window.col, window.right, dtype=np.float64)[None, :]
    bend = 6 * octave_noise(seed + 83, window, period_px)
    u = cols * np.cos(angle) + rows * np.sin(angle) + bend
    v = rows * np.cos(angle) - cols * np.sin(angle) + bend
    return u.astype(np.float32), v.astype(np.float32)


def _building_cover(region: Region, window: Window, river: _River, tilled: Field) -> Field:
    """Return the fraction of buildings: clusters of roofs among fields."""
    village = ramp(octave_noise(region.seed + 72, window, 45), 1.15, 1.5) * ramp(river.distance_m, 60, 140)
    roof = hash_pairs(
        region.seed + 73, *np.indices(window.shape) // 2 + np.array([window.row, window.col])[:, None, None] // 2
    )
    return village * tilled * (roof > 0.55) * np.float32(0.75)


def _road_cover(region: Region, terrain: Terrain, relief: Relief, window: Window, river: _River) -> Field:
    """Return the fraction of roads: beside rivers, and in places along contours."""
    where = 1.9 * river.width_m + 70 + 35 * octave_noise(region.seed + 74, window, 120)
    beside = (
        ramp(np.abs(river.distance_m - where), 11, 4)
        * ramp(river.distance_m, 900, 700)
        * ramp(terrain.slope_deg, 30, 20)
    )
    height = relief.sample(relief.elevation_m, window)
    level = height - np.float32(320) * np.rint(height / np.float32(320))
    rise = np.tan(np.radians(np.clip(terrain.slope_deg, 3, 60))).astype(np.float32)
    along = ramp(np.abs(level) / rise, 9, 3) * ramp(octave_noise(region.seed + 75, window, 160), 0.7, 0.9)
    along = (
        along * ramp(terrain.elevation_m, region.tree_line_m, region.tree_line_m - 150) * ramp(terrain.slope_deg, 8, 14)
    )
    road: Field = np.float32(0.7) * np.maximum(beside, along)
    return road
