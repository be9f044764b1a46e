"""Simulated landslides of a region: initiation, runout, area and outline.

They start on steep slopes, clustered as after a storm or an earthquake, and run down the steepest descent until the
slope flattens or a river is reached. Areas follow the three-parameter inverse gamma distribution of Malamud et al.
(2004), "Landslide inventories and their statistical properties", Earth Surface Processes and Landforms 29, truncated
to sizes visible at 10 m. Each cell of a grid has its own random seed, so that any window can be simulated alone.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import scale

from landslip.grid.window import Window
from landslip.synthetic.noise import evaluate_spline_at, octave_noise_at
from landslip.synthetic.region import PIXEL_M, Region
from landslip.synthetic.relief import Relief

AREA_SHAPE: Final = 1.40
AREA_SCALE_M2: Final = 1280.0
AREA_SHIFT_M2: Final = -132.0
"""Parameters rho, a and s of Malamud et al. (2004), fitted to three inventories."""
SMALLEST_M2: Final = 400.0
LARGEST_M2: Final = 300_000.0
START_DEG: Final = 22.0
"""Smallest slope of the coarse relief at which landslides start."""
_FULL_RATE_DEG: Final = 36.0
_STOP_DEG: Final = 9.0
_CELL_PX: Final = 256
_POINTS: Final = 24
_LONGEST_M: Final = 1800.0
REACH_PX: Final = int(_LONGEST_M / PIXEL_M) + 60
"""Largest distance of any part of a landslide from its start."""
_CACHED_CELLS: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class Landslide:
    """A landslide in pixel coordinates of its region: x is the column, y the row, from the upper left corner."""

    outline: shapely.Polygon
    area_m2: float
    start: tuple[float, float]
    """x, y of its uppermost point."""
    start_slope_deg: float
    """Slope of the coarse relief at the start."""
    freshness: float
    """Fraction of bare soil inside the outline, 0 to 1."""


def draw_areas_m2(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw areas from the truncated inverse gamma distribution: a / Gamma(rho) + s, redrawn where outside."""
    areas = np.empty(0)
    while len(areas) < count:
        more = AREA_SCALE_M2 / draw.gamma(AREA_SHAPE, size=2 * count + 8) + AREA_SHIFT_M2
        areas = np.concatenate([areas, more[(more >= SMALLEST_M2) & (more <= LARGEST_M2)]])
    return areas[:count]


class LandslideField:
    """Landslides of a region, by window; simulated cells are cached."""

    def __init__(self, region: Region, relief: Relief) -> None:
        self._region = region
        self._relief = relief
        self._cells: OrderedDict[tuple[int, int], list[Landslide]] = OrderedDict()

    def intersecting(self, window: Window) -> list[Landslide]:
        """Return the landslides that intersect a window, in a fixed order."""
        wide = window.expand(REACH_PX)
        found = []
        for row in range(wide.row // _CELL_PX, (wide.bottom - 1) // _CELL_PX + 1):
            for col in range(wide.col // _CELL_PX, (wide.right - 1) // _CELL_PX + 1):
                found += self._in_cell(row, col)
        box = shapely.box(window.col, window.row, window.right, window.bottom)
        if not found:
            return []
        touches = shapely.intersects(np.array([landslide.outline for landslide in found]), box)
        return [landslide for landslide, hit in zip(found, touches, strict=True) if hit]

    def starting_in(self, window: Window) -> list[Landslide]:
        """Return the landslides that start in a window, so that windows that tile a region yield each once."""
        return [
            landslide
            for landslide in self.intersecting(window.expand(2))
            if window.col <= landslide.start[0] < window.right and window.row <= landslide.start[1] < window.bottom
        ]

    def _in_cell(self, row: int, col: int) -> list[Landslide]:
        key = (row, col)
        if key not in self._cells:
            self._cells[key] = _simulate_cell(self._region, self._relief, row, col)
            if len(self._cells) > _CACHED_CELLS:
                self._cells.popitem(last=False)
        self._cells.move_to_end(key)
        return self._cells[key]


def _simulate_cell(region: Region, relief: Relief, row: int, col: int) -> list[Landslide]:
    """Simulate the landslides that start in one cell of the seed grid."""
    draw = np.random.default_rng([region.seed, 101, row + 2**20, col + 2**20])
    cell_km2 = (_CELL_PX * PIXEL_M / 1000) ** 2
    count = draw.poisson(region.landslides_per_km2 * cell_km2)
    if not count:
        return []
    # Everything is drawn for every candidate, so that rejecting one does not change the others.
    y, x = (row + draw.random(count)) * _CELL_PX, (col + draw.random(count)) * _CELL_PX
    areas_m2 = draw_areas_m2(draw, count)
    luck, freshness, stretch = draw.random(count), draw.uniform(0.55, 1, count), draw.normal(0, 0.3, count)
    ragged = draw.normal(1, 0.16, (count, 2, _POINTS))
    sway = draw.normal(0, 0.18, (count, _POINTS))
    slope = np.degrees(np.arctan(np.hypot(*_compute_gradient(relief, y, x))))
    chance = np.clip((slope - START_DEG) / (_FULL_RATE_DEG - START_DEG), 0, 1) * _compute_trigger(region, y, x)
    distance = _sample_at(relief, relief.river_distance_m, y, x)
    width = _sample_at(relief, relief.river_width_m, y, x)
    snow = _sample_at(relief, relief.elevation_m, y, x) > region.snow_line_m - 200
    inside = (y >= 0) & (y < region.height_px) & (x >= 0) & (x < region.width_px)
    starts = (luck < chance) & (distance > width + 30) & ~snow & inside & (slope > START_DEG)
    if not starts.any():
        return []
    path, ends = _trace_runout(
        relief, y[starts], x[starts], _compute_lengths(areas_m2[starts], stretch[starts]), sway[starts]
    )
    outlines = _build_outlines(path, ends, areas_m2[starts], ragged[starts])
    return [
        Landslide(outline, float(shapely.area(outline) * PIXEL_M**2), (float(sx), float(sy)), float(s), float(f))
        for outline, sx, sy, s, f in zip(outlines, x[starts], y[starts], slope[starts], freshness[starts], strict=True)
        if outline is not None
    ]


def _compute_lengths(areas_m2: NDArray[np.float64], stretch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute lengths: about 2.5 times the width for small landslides, more for large ones."""
    ratio = 2.6 * (areas_m2 / 3000) ** 0.14 * np.exp(stretch)
    return np.minimum(np.sqrt(areas_m2 * ratio / 0.75), _LONGEST_M)


def _compute_trigger(region: Region, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the intensity of the trigger, 0 to 1: clusters of some kilometres with nothing between them."""
    field = octave_noise_at(region.seed + 60, y, x, 260) + 0.6 * octave_noise_at(region.seed + 61, y, x, 90)
    intensity: NDArray[np.float64] = np.clip(0.28 + 0.5 * field, 0.0, 1).astype(np.float64) ** 1.5
    return intensity


def _sample_at(
    relief: Relief, layer: NDArray[np.float32], y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Sample a layer of the relief; x and y count from pixel corners, layers from pixel centres."""
    rows = (y - 0.5 + relief.margin_px) / relief.cell_px
    cols = (x - 0.5 + relief.margin_px) / relief.cell_px
    return evaluate_spline_at(layer, rows, cols)


def _compute_gradient(
    relief: Relief, y: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the gradient along y and x in metres per metre, over two pixels each way."""
    reach = 2.0
    along_y = _sample_at(relief, relief.elevation_m, y + reach, x) - _sample_at(
        relief, relief.elevation_m, y - reach, x
    )
    along_x = _sample_at(relief, relief.elevation_m, y, x + reach) - _sample_at(
        relief, relief.elevation_m, y, x - reach
    )
    return (
        along_y.astype(np.float64) / (2 * reach * PIXEL_M),
        along_x.astype(np.float64) / (2 * reach * PIXEL_M),
    )


def _trace_runout(
    relief: Relief,
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    lengths_m: NDArray[np.float64],
    sway: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Trace runout paths downhill in equal steps, with some inertia.

    Returns:
        Paths (n, points, 2) as y, x, and the number of points of each before it stopped.
    """
    path = np.zeros((len(y), _POINTS, 2))
    path[:, 0] = np.stack([y, x], 1)
    ends = np.full(len(y), _POINTS)
    heading = np.zeros((len(y), 2))
    step_px = lengths_m / PIXEL_M / (_POINTS - 1)
    for point in range(1, _POINTS):
        here = path[:, point - 1]
        gradient = np.stack(_compute_gradient(relief, here[:, 0], here[:, 1]), 1)
        steep = np.hypot(gradient[:, 0], gradient[:, 1])
        downhill = -gradient / np.maximum(steep, 1e-6)[:, None]
        heading = downhill if point == 1 else 0.55 * heading + 0.45 * downhill
        heading = heading + sway[:, point, None] * heading[:, ::-1] * (1, -1)
        heading /= np.maximum(np.hypot(heading[:, 0], heading[:, 1]), 1e-6)[:, None]
        path[:, point] = here + heading * step_px[:, None]
        distance = _sample_at(relief, relief.river_distance_m, here[:, 0], here[:, 1])
        width = _sample_at(relief, relief.river_width_m, here[:, 0], here[:, 1])
        stopped = (steep < np.tan(np.radians(_STOP_DEG))) | (distance < 0.7 * width)
        ends = np.where(stopped, np.minimum(ends, point), ends)
    return path, np.maximum(ends, 6)


def _build_outlines(
    path: NDArray[np.float64], ends: NDArray[np.int64], areas_m2: NDArray[np.float64], ragged: NDArray[np.float64]
) -> list[shapely.Polygon | None]:
    """Widen paths to outlines of the given areas; shorter paths are widened more, up to a limit."""
    rings = [
        _build_ring(one[:end], ragged[number], 1.0) for number, (one, end) in enumerate(zip(path, ends, strict=True))
    ]
    unit = [shapely.Polygon(ring).area for ring in rings]
    wanted = areas_m2 / PIXEL_M**2
    outlines: list[shapely.Polygon | None] = []
    for number, (one, end) in enumerate(zip(path, ends, strict=True)):
        length = float(np.linalg.norm(one[end - 1] - one[0]))
        width = min(wanted[number] / max(unit[number], 1e-6), max(1.3 * length, 2.0))
        outline = _keep_largest_part(shapely.Polygon(_build_ring(one[:end], ragged[number], width)))
        if outline is None or outline.area * PIXEL_M**2 < SMALLEST_M2 / 2:
            outlines.append(None)
            continue
        # Bends fold the inner side of the outline: scale it about its centroid to the wanted area.
        factor = float(np.clip(np.sqrt(wanted[number] / outline.area), 0.7, 1.4))
        outlines.append(shapely.Polygon(scale(outline, factor, factor, origin="centroid").exterior))
    return outlines


def _keep_largest_part(outline: shapely.Polygon) -> shapely.Polygon | None:
    """Return a valid outline, or the largest part of one that crosses itself."""
    if outline.is_valid:
        return outline
    parts = [part for part in shapely.get_parts(shapely.make_valid(outline)) if isinstance(part, shapely.Polygon)]
    return max(parts, key=lambda part: part.area, default=None)


def _build_ring(path: NDArray[np.float64], ragged: NDArray[np.float64], width_px: float) -> NDArray[np.float64]:
    """Build the outline (2 n, 2) in x, y around a path: a rounded scarp, a narrower middle and a tongue."""
    t = np.linspace(0, 1, len(path))
    # Zero half a step outside the ends, so that they are rounded.
    around = (t + 0.04) / 1.08
    profile = np.sqrt(np.sin(np.pi * around)) * (1.05 - 0.35 * np.exp(-(((t - 0.55) / 0.2) ** 2)) + 0.1 * t)
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    sides = []
    for side, sign in ((0, 1), (1, -1)):
        rough = ragged[side, : len(path)]
        rough = (np.roll(rough, 1) + rough + np.roll(rough, -1)) / 3
        half = 0.5 * width_px * profile * np.clip(rough, 0.6, 1.4)
        sides.append(path + sign * across * half[:, None])
    return np.concatenate([sides[0], sides[1][::-1]])[:, ::-1]
