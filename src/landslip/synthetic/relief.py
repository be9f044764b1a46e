"""Coarse relief of a region: fractal terrain eroded by rivers and hillslope processes.

Rivers incise by the stream power law, dh/dt = U - K A^(1/2) S (Whipple and Tucker 1999), solved implicitly from the
outlet upstream (Braun and Willett 2013), from a coarse grid to finer ones. Hillslopes are limited to a critical slope
(Burbank et al. 1996). A trunk river crosses every region; widths of rivers and valley floors grow with the square root
of the drained area (Leopold and Maddock 1953).

Drainage depends on the whole catchment and cannot be computed by window: it is computed once, on a grid of at most
``LARGEST_GRID`` cells a side, and refined by ``terrain_window``.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window
from landslip.synthetic.drainage import NEIGHBOURS, Drainage, breach_depressions, route_flow
from landslip.synthetic.noise import evaluate_spline, evaluate_spline_at, fractal_noise, octave_noise, uniform_noise
from landslip.synthetic.region import PIXEL_M, Region

LARGEST_GRID: Final = 1400
_QUICK_GRID: Final = 900
"""Largest grid while cells stay below ``_GOOD_CELL_PX``."""
_FINEST_CELL_PX: Final = 2.4
_GOOD_CELL_PX: Final = 3.6
_MARGIN_PX: Final = 120
"""The grid extends beyond the region by this much."""
_COARSEST: Final = 56

_RIVER_KM2: Final = 6.0
"""Smallest catchment of a river."""
_WIDTH_PER_ROOT: Final = 0.0032
"""River width in metres divided by the square root of the drained square metres."""
_FLOOR_PER_WIDTH: Final = 3.0
FAR_M: Final = 3000.0


@dataclass(frozen=True, slots=True, eq=False)
class Relief:
    """Coarse relief of a region; layers are coefficients of a cubic B-spline."""

    cell_px: float
    """Cell size in pixels of the region."""
    margin_px: float
    """Distance of the first cell before the region's first row and column."""
    elevation_m: NDArray[np.float32]
    river_distance_m: NDArray[np.float32]
    """Distance to the centre line of the nearest river, at most ``FAR_M``."""
    river_width_m: NDArray[np.float32]
    """Width of that river."""
    river_elevation_m: NDArray[np.float32]
    """Elevation of its water surface."""
    roughness: NDArray[np.float32]
    """Amplitude of the fine relief: 0 on valley floors, about 1 on steep slopes."""
    horizon: NDArray[np.float32]
    """Tangent of the horizon angle towards the sun."""

    def positions(self, window: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return rows and columns of the pixels of a window, in cells of the grid."""
        rows = np.arange(window.row, window.bottom, dtype=np.float64) + self.margin_px
        cols = np.arange(window.col, window.right, dtype=np.float64) + self.margin_px
        return rows / self.cell_px, cols / self.cell_px

    def sample(self, layer: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
        """Sample one of the layers at the pixels of a window of the region."""
        return evaluate_spline(layer, *self.positions(window))


def make_relief(region: Region) -> Relief:
    """Compute the coarse relief of a region; takes seconds and at most about 400 MB."""
    rows, cols = region.height_px + 2 * _MARGIN_PX, region.width_px + 2 * _MARGIN_PX
    longest = max(rows, cols)
    cell_px = max(_FINEST_CELL_PX, min(longest / _QUICK_GRID, _GOOD_CELL_PX), longest / LARGEST_GRID)
    shape = int(np.ceil(rows / cell_px)) + 4, int(np.ceil(cols / cell_px)) + 4
    cell_m = cell_px * PIXEL_M
    heights, drained = _erode(region, shape, cell_m)
    heights, (distance, width, water) = _widen_valleys(region, heights, drained, cell_m)
    heights = _smooth_hillslopes(heights, region, cell_m)
    return Relief(
        cell_px=cell_px,
        # A spline's first coefficients lie before the edge.
        margin_px=_MARGIN_PX + 2 * cell_px,
        elevation_m=heights.astype(np.float32),
        river_distance_m=distance,
        river_width_m=width,
        river_elevation_m=water,
        roughness=_compute_roughness(heights, distance, width, cell_m),
        horizon=_compute_horizon(heights, region, cell_m),
    )


def move_sun(relief: Relief, region: Region) -> Relief:
    """Return a relief with the horizon towards the sun of another date of its region."""
    heights = relief.elevation_m.astype(np.float64)
    return replace(relief, horizon=_compute_horizon(heights, region, relief.cell_px * PIXEL_M))


def _erode(region: Region, shape: tuple[int, int], cell_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Erode fractal terrain from coarse to fine; return heights and drained area in square metres."""
    factors = [1]
    while max(shape) / (2 * factors[-1]) >= _COARSEST:
        factors.append(2 * factors[-1])
    # Rivers form on fractal terrain, and persist on finer grids.
    coarsest = Window(0, 0, -(-shape[0] // factors[-1]), -(-shape[1] // factors[-1]))
    start = fractal_noise(region.seed + 1, coarsest, max(coarsest.shape) / 2.5, 6, 0.6)
    heights = 300 + 120 * start.astype(np.float64)
    drained = np.zeros_like(heights)
    for factor in reversed(factors):
        small = -(-shape[0] // factor), -(-shape[1] // factor)
        steps = 40
        if factor != factors[-1]:
            heights = _refine(heights, Window(0, 0, *small), region.seed + 17 * factor)
            heights += 0.2 * cell_m * factor * uniform_noise(region.seed + 2, np.arange(small[0]), np.arange(small[1]))
            steps = 18 if factor > 2 else 12
        heights, drained = _incise(region, heights, cell_m * factor, steps, factor)
    return heights + region.base_m, drained


def _refine(heights: NDArray[np.float64], window: Window, seed: int) -> NDArray[np.float64]:
    """Double the resolution of a grid and warp it slightly, to hide the straight lines of D8 flow."""
    rows, cols = (lines / 2 + 0.25 for lines in np.indices(window.shape).astype(np.float64))
    for number, (period_cells, sway_cells) in enumerate(((24, 1.5), (10, 0.6))):
        rows += sway_cells * octave_noise(seed + 2 * number, window, period_cells)
        cols += sway_cells * octave_noise(seed + 2 * number + 1, window, period_cells)
    return evaluate_spline_at(heights.astype(np.float32), rows, cols).astype(np.float64)


def _incise(
    region: Region, heights: NDArray[np.float64], cell_m: float, steps: int, factor: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Let rivers incise for a number of steps with 80 m of uplift each."""
    height, width = heights.shape
    window = Window(0, 0, height, width)
    period = height / 2
    uplift = (
        (80 * np.clip(1 + 0.25 * fractal_noise(region.seed + 3, window, period, 2), 0.25, 2)).astype(np.float64).ravel()
    )
    # Critical slope varies with rock.
    rock = fractal_noise(region.seed + 4, window, period / 3, 7, 0.75).astype(np.float64).ravel()
    steepest = np.tan(np.radians(region.critical_slope_deg)) * np.clip(0.92 + 0.2 * rock, 0.45, 1.25)
    jitter = np.stack([
        1 + 0.5 * (uniform_noise(region.seed + 5 + 31 * factor + direction, np.arange(height), np.arange(width)) - 0.5)
        for direction in range(8)
    ])  # fmt: skip
    outlets = np.zeros(heights.shape, np.bool_)
    inlet, outlet = _trunk_river(region, height, width)
    outlets[outlet] = True
    rain = np.full(heights.size, cell_m**2)
    rain[inlet[0] * width + inlet[1]] += region.inflow_km2 * 1e6
    heights[outlet] = 0
    heights = breach_depressions(heights, outlets)
    surface = heights.ravel()
    drainage = route_flow(heights, outlets, jitter)
    drained = drainage.accumulate(rain)
    for step in range(steps):
        if step:
            drainage = route_flow(surface.reshape(heights.shape), outlets, jitter)
            drained = drainage.accumulate(rain)
        _incise_once(surface, drainage, drained, uplift, steepest, region.steepness_m, cell_m)
    return surface.reshape(heights.shape), drained.reshape(heights.shape)


def _incise_once(
    surface: NDArray[np.float64],
    drainage: Drainage,
    drained: NDArray[np.float64],
    uplift: NDArray[np.float64],
    steepest: NDArray[np.float64],
    steepness_m: float,
    cell_m: float,
) -> None:
    """Apply uplift and incision from the outlets upstream, so that the receiver of a cell is always up to date."""
    reach = drainage.distance * cell_m
    cutting = uplift.mean() / steepness_m * np.sqrt(drained) / reach
    limit = steepest * reach
    for cells in drainage.levels[1:]:
        low = surface[drainage.receiver[cells]]
        factor = cutting[cells]
        cut = (surface[cells] + uplift[cells] + factor * low) / (1 + factor)
        # Strictly above its receiver, so that the next step finds no sink.
        surface[cells] = np.clip(cut, low + 1e-4, low + limit[cells])


def _trunk_river(region: Region, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the inlet (top row) and outlet (bottom row) of the trunk river, the same for any cell size."""
    draw = np.random.default_rng(region.seed)
    start, end = draw.uniform(0.15, 0.85, 2)
    return (0, int(start * width)), (height - 1, int(end * width))


def _widen_valleys(
    region: Region, heights: NDArray[np.float64], drained: NDArray[np.float64], cell_m: float
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Widen valley floors along rivers; also return distance to the river, its width and its elevation."""
    # Rivers much narrower than a cell cannot be resolved.
    rivers = drained > max(_RIVER_KM2 * 1e6, (0.3 * cell_m / _WIDTH_PER_ROOT) ** 2)
    row, col, near = _find_nearest(rivers, max(1, round(FAR_M / cell_m)))
    rows, cols = np.indices(heights.shape)
    distance = np.where(near, np.hypot(rows - row, cols - col) * cell_m, FAR_M)
    river_width = np.maximum(_WIDTH_PER_ROOT * np.sqrt(drained[row, col]), 0.4 * cell_m)
    water = np.where(near, heights[row, col], heights)
    window = Window(0, 0, *heights.shape)
    sway = np.exp(np.clip(0.5 * fractal_noise(region.seed + 6, window, 2500 / cell_m, 3), -1, 1))
    floor = _FLOOR_PER_WIDTH * river_width * sway
    # A floor rises gently from the river; beyond it the valley side starts with the critical slope.
    beyond = np.maximum(distance - floor, 0)
    wall = np.tan(np.radians(region.critical_slope_deg)) * np.exp(
        0.35 * fractal_noise(region.seed + 7, window, 900 / cell_m, 5, 0.7)
    )
    side = water + 0.012 * np.minimum(distance, floor) + wall * beyond * (1 + beyond / 200)
    bottom = np.where(distance < floor, np.minimum(side, np.maximum(heights, water)), np.minimum(side, heights))
    lower = np.where(near, bottom, heights)
    # The spline mixes a sixth of each bank into the cells of the river: subtracted, its centre line is at 0.
    layers = (np.minimum(distance, FAR_M) - cell_m / 3, np.where(near, river_width, 0), water)
    return lower, (layers[0].astype(np.float32), layers[1].astype(np.float32), layers[2].astype(np.float32))


def _find_nearest(
    sites: NDArray[np.bool_], reach: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Find row and column of the nearest site by jump flooding (Rong and Tan 2006), and whether one is within reach."""
    rows, cols = np.indices(sites.shape)
    far = 10 * (sites.shape[0] + sites.shape[1])
    best_row, best_col = np.where(sites, rows, -far), np.where(sites, cols, -far)
    step = 1 << max(0, (reach - 1).bit_length())
    while step:
        for row_sign, col_sign in NEIGHBOURS:
            other_row = _shift(best_row, row_sign * step, col_sign * step, -far)
            other_col = _shift(best_col, row_sign * step, col_sign * step, -far)
            nearer = (other_row - rows) ** 2 + (other_col - cols) ** 2 < (best_row - rows) ** 2 + (best_col - cols) ** 2
            best_row, best_col = np.where(nearer, other_row, best_row), np.where(nearer, other_col, best_col)
        step //= 2
    near = (best_row - rows) ** 2 + (best_col - cols) ** 2 <= reach**2
    return np.where(near, best_row, 0), np.where(near, best_col, 0), near


def _shift(values: NDArray[np.int64], row: int, col: int, blank: int) -> NDArray[np.int64]:
    """Shift an array by rows and columns, padded with a blank value."""
    out = np.full_like(values, blank)
    height, width = values.shape
    if abs(row) < height and abs(col) < width:
        out[max(0, -row) : height - max(0, row), max(0, -col) : width - max(0, col)] = values[
            max(0, row) : height + min(0, row), max(0, col) : width + min(0, col)
        ]
    return out


def _smooth_hillslopes(heights: NDArray[np.float64], region: Region, cell_m: float) -> NDArray[np.float64]:
    """Smooth ridges and banks by creep (linear diffusion), then limit slopes to the critical slope."""
    limit = np.tan(np.radians(region.critical_slope_deg + 8)) * cell_m
    for _ in range(2):
        padded = np.pad(heights, 1, mode="edge")
        heights = heights + 0.12 * (
            padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * heights
        )
    for _ in range(6):
        padded = np.pad(heights, 1, mode="edge")
        lowest = heights.copy()
        for row, col in NEIGHBOURS:
            other = padded[1 + row : 1 + row + heights.shape[0], 1 + col : 1 + col + heights.shape[1]]
            np.minimum(lowest, other + limit * (row * row + col * col) ** 0.5, out=lowest)
        heights = lowest
    return heights


def _compute_roughness(
    heights: NDArray[np.float64], distance: NDArray[np.float32], width: NDArray[np.float32], cell_m: float
) -> NDArray[np.float32]:
    """Compute roughness, which rises with the slope and the distance from the river."""
    slope = np.hypot(*np.gradient(heights, cell_m))
    rough: NDArray[np.float32] = (
        np.clip(slope / 0.7, 0.03, 1.2) * np.clip(distance / (4 * width + 60), 0.1, 1)
    ).astype(np.float32)
    return rough


def _compute_horizon(heights: NDArray[np.float64], region: Region, cell_m: float) -> NDArray[np.float32]:
    """Compute the tangent of the horizon angle towards the sun for each cell, at least -1."""
    azimuth = np.radians(region.sun_azimuth_deg)
    highest = np.full(heights.shape, -1.0)
    reach_m = min(4000.0, 60 * cell_m)
    far = int(reach_m / cell_m)
    padded = np.pad(heights, far + 1, constant_values=-1e6)
    for step in range(1, far + 1):
        row, col = round(-np.cos(azimuth) * step), round(np.sin(azimuth) * step)
        other = padded[
            far + 1 + row : far + 1 + row + heights.shape[0], far + 1 + col : far + 1 + col + heights.shape[1]
        ]
        np.maximum(highest, (other - heights) / (np.hypot(row, col) * cell_m), out=highest)
    return highest.astype(np.float32)
