"""Landslides of a region: where they start, how they run, how large they are, and their outlines.

They start on steep ground, in clusters as a storm or an earthquake leaves them, run down the line of steepest descent
until the ground flattens or a river takes them, and have the areas of the three-parameter inverse gamma distribution
of Malamud et al. (2004), "Landslide inventories and their statistical properties", Earth Surface Processes and
Landforms 29, cut off at what can be seen in pixels of 10 m and at the largest. Each square of ground has landslides of
its own, drawn from its own seed, so that any window knows its landslides without the rest.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import scale

from landslip.grid.window import Window
from landslip.synthetic.noise import octave_at, spline_at
from landslip.synthetic.region import PIXEL_M, Region
from landslip.synthetic.relief import Relief

AREA_SHAPE: Final = 1.40
AREA_SCALE_M2: Final = 1280.0
AREA_SHIFT_M2: Final = -132.0
"""Rho, a and s of Malamud et al. (2004), who fitted them to three inventories."""
SMALLEST_M2: Final = 400.0
LARGEST_M2: Final = 300_000.0
START_DEG: Final = 22.0
"""No landslide starts where the coarse ground is less steep."""
_SURE_DEG: Final = 36.0
_STOP_DEG: Final = 9.0
_SQUARE_PX: Final = 256
_POINTS: Final = 24
_LONGEST_M: Final = 1800.0
REACH_PX: Final = int(_LONGEST_M / PIXEL_M) + 60
"""No landslide reaches further from where it starts."""
_REMEMBERED: Final = 400


@dataclass(frozen=True, slots=True, eq=False)
class Landslide:
    """One landslide, in pixels of its region: x is the column, y the row, 0 at the upper left pixel's corner."""

    outline: shapely.Polygon
    area_m2: float
    start: tuple[float, float]
    """x, y of its uppermost point."""
    start_slope_deg: float
    """Of the coarse ground there."""
    freshness: float
    """How much of the soil is bare, 0 to 1."""


def draw_areas_m2(draw: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw areas from the cut-off inverse gamma distribution: a / Gamma(rho) + s, drawn again where outside."""
    areas = np.empty(0)
    while len(areas) < count:
        more = AREA_SCALE_M2 / draw.gamma(AREA_SHAPE, size=2 * count + 8) + AREA_SHIFT_M2
        areas = np.concatenate([areas, more[(more >= SMALLEST_M2) & (more <= LARGEST_M2)]])
    return areas[:count]


class LandslideField:
    """The landslides of a region, found by window; squares once made are remembered up to a limit."""

    def __init__(self, region: Region, relief: Relief) -> None:
        self._region = region
        self._relief = relief
        self._squares: OrderedDict[tuple[int, int], list[Landslide]] = OrderedDict()

    def reaching(self, window: Window) -> list[Landslide]:
        """The landslides that may reach into a window, in a fixed order."""
        wide = window.expanded(REACH_PX)
        found = []
        for row in range(wide.row // _SQUARE_PX, (wide.bottom - 1) // _SQUARE_PX + 1):
            for col in range(wide.col // _SQUARE_PX, (wide.right - 1) // _SQUARE_PX + 1):
                found += self._in_square(row, col)
        box = shapely.box(window.col, window.row, window.right, window.bottom)
        if not found:
            return []
        touches = shapely.intersects(np.array([one.outline for one in found]), box)
        return [one for one, hit in zip(found, touches, strict=True) if hit]

    def starting(self, window: Window) -> list[Landslide]:
        """The landslides that start in a window, in a fixed order: windows that tile a region tell each once."""
        return [
            one
            for one in self.reaching(window.expanded(2))
            if window.col <= one.start[0] < window.right and window.row <= one.start[1] < window.bottom
        ]

    def _in_square(self, row: int, col: int) -> list[Landslide]:
        key = (row, col)
        if key not in self._squares:
            self._squares[key] = _make(self._region, self._relief, row, col)
            if len(self._squares) > _REMEMBERED:
                self._squares.popitem(last=False)
        self._squares.move_to_end(key)
        return self._squares[key]


def _make(region: Region, relief: Relief, row: int, col: int) -> list[Landslide]:
    """The landslides that start in one square of ground."""
    draw = np.random.default_rng([region.seed, 101, row + 2**20, col + 2**20])
    square_km2 = (_SQUARE_PX * PIXEL_M / 1000) ** 2
    count = draw.poisson(region.landslides_per_km2 * square_km2)
    if not count:
        return []
    # Everything is drawn for every candidate, so that one more or less changes no other.
    y, x = (row + draw.random(count)) * _SQUARE_PX, (col + draw.random(count)) * _SQUARE_PX
    areas_m2 = draw_areas_m2(draw, count)
    luck, freshness, stretch = draw.random(count), draw.uniform(0.55, 1, count), draw.normal(0, 0.3, count)
    ragged = draw.normal(1, 0.16, (count, 2, _POINTS))
    sway = draw.normal(0, 0.18, (count, _POINTS))
    slope = np.degrees(np.arctan(np.hypot(*_gradient(relief, y, x))))
    chance = np.clip((slope - START_DEG) / (_SURE_DEG - START_DEG), 0, 1) * _shaken(region, y, x)
    distance = _layer_at(relief, relief.river_distance_m, y, x)
    width = _layer_at(relief, relief.river_width_m, y, x)
    snow = _layer_at(relief, relief.elevation_m, y, x) > region.snow_line_m - 200
    inside = (y >= 0) & (y < region.height_px) & (x >= 0) & (x < region.width_px)
    starts = (luck < chance) & (distance > width + 30) & ~snow & inside & (slope > START_DEG)
    if not starts.any():
        return []
    path, ends = _run(relief, y[starts], x[starts], _lengths_m(areas_m2[starts], stretch[starts]), sway[starts])
    outlines = _outlines(path, ends, areas_m2[starts], ragged[starts])
    return [
        Landslide(outline, float(shapely.area(outline) * PIXEL_M**2), (float(sx), float(sy)), float(s), float(f))
        for outline, sx, sy, s, f in zip(outlines, x[starts], y[starts], slope[starts], freshness[starts], strict=True)
        if outline is not None
    ]


def _lengths_m(areas_m2: NDArray[np.float64], stretch: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lengths: about two and a half times the width for small landslides, more for large ones."""
    ratio = 2.6 * (areas_m2 / 3000) ** 0.14 * np.exp(stretch)
    return np.minimum(np.sqrt(areas_m2 * ratio / 0.75), _LONGEST_M)


def _shaken(region: Region, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """How hard the storm or earthquake struck: clusters of some kilometres, nothing between them."""
    field = octave_at(region.seed + 60, y, x, 260) + 0.6 * octave_at(region.seed + 61, y, x, 90)
    struck: NDArray[np.float64] = np.clip(0.28 + 0.5 * field, 0.0, 1).astype(np.float64) ** 1.5
    return struck


def _layer_at(
    relief: Relief, layer: NDArray[np.float32], y: NDArray[np.float64], x: NDArray[np.float64]
) -> NDArray[np.float32]:
    """A layer of the relief at scattered places; x and y count from the corner, layers from the pixel's centre."""
    rows = (y - 0.5 + relief.margin_px) / relief.cell_px
    cols = (x - 0.5 + relief.margin_px) / relief.cell_px
    return spline_at(layer, rows, cols)


def _gradient(
    relief: Relief, y: NDArray[np.float64], x: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rise in metres a metre along y and x, over two pixels each way."""
    reach = 2.0
    along_y = _layer_at(relief, relief.elevation_m, y + reach, x) - _layer_at(relief, relief.elevation_m, y - reach, x)
    along_x = _layer_at(relief, relief.elevation_m, y, x + reach) - _layer_at(relief, relief.elevation_m, y, x - reach)
    return (
        along_y.astype(np.float64) / (2 * reach * PIXEL_M),
        along_x.astype(np.float64) / (2 * reach * PIXEL_M),
    )


def _run(
    relief: Relief,
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    lengths_m: NDArray[np.float64],
    sway: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Run downhill in equal steps, with some inertia.

    Returns:
        The way (n, points, 2) as y, x, and how many of its points were reached before it stopped.
    """
    path = np.zeros((len(y), _POINTS, 2))
    path[:, 0] = np.stack([y, x], 1)
    ends = np.full(len(y), _POINTS)
    heading = np.zeros((len(y), 2))
    step_px = lengths_m / PIXEL_M / (_POINTS - 1)
    for point in range(1, _POINTS):
        here = path[:, point - 1]
        gradient = np.stack(_gradient(relief, here[:, 0], here[:, 1]), 1)
        steep = np.hypot(gradient[:, 0], gradient[:, 1])
        downhill = -gradient / np.maximum(steep, 1e-6)[:, None]
        heading = downhill if point == 1 else 0.55 * heading + 0.45 * downhill
        heading = heading + sway[:, point, None] * heading[:, ::-1] * (1, -1)
        heading /= np.maximum(np.hypot(heading[:, 0], heading[:, 1]), 1e-6)[:, None]
        path[:, point] = here + heading * step_px[:, None]
        distance = _layer_at(relief, relief.river_distance_m, here[:, 0], here[:, 1])
        width = _layer_at(relief, relief.river_width_m, here[:, 0], here[:, 1])
        stopped = (steep < np.tan(np.radians(_STOP_DEG))) | (distance < 0.7 * width)
        ends = np.where(stopped, np.minimum(ends, point), ends)
    return path, np.maximum(ends, 6)


def _outlines(
    path: NDArray[np.float64], ends: NDArray[np.int64], areas_m2: NDArray[np.float64], ragged: NDArray[np.float64]
) -> list[shapely.Polygon | None]:
    """Widen ways to outlines of the areas asked for; a way cut short is widened more, up to a limit."""
    rings = [_ring(one[:end], ragged[number], 1.0) for number, (one, end) in enumerate(zip(path, ends, strict=True))]
    unit = [shapely.Polygon(ring).area for ring in rings]
    wanted = areas_m2 / PIXEL_M**2
    outlines: list[shapely.Polygon | None] = []
    for number, (one, end) in enumerate(zip(path, ends, strict=True)):
        length = float(np.linalg.norm(one[end - 1] - one[0]))
        width = min(wanted[number] / max(unit[number], 1e-6), max(1.3 * length, 2.0))
        outline = _largest_part(shapely.Polygon(_ring(one[:end], ragged[number], width)))
        if outline is None or outline.area * PIXEL_M**2 < SMALLEST_M2 / 2:
            outlines.append(None)
            continue
        # A bent way folds its inner side in: set the area right about the middle.
        factor = float(np.clip(np.sqrt(wanted[number] / outline.area), 0.7, 1.4))
        outlines.append(shapely.Polygon(scale(outline, factor, factor, origin="centroid").exterior))
    return outlines


def _largest_part(outline: shapely.Polygon) -> shapely.Polygon | None:
    """The outline where it does not cross itself, else the largest of the parts that it bounds."""
    if outline.is_valid:
        return outline
    parts = [part for part in shapely.get_parts(shapely.make_valid(outline)) if isinstance(part, shapely.Polygon)]
    return max(parts, key=lambda part: part.area, default=None)


def _ring(path: NDArray[np.float64], ragged: NDArray[np.float64], width_px: float) -> NDArray[np.float64]:
    """The outline (2 n, 2) in x, y around a way: a rounded scarp above, a waist, a tongue below."""
    t = np.linspace(0, 1, len(path))
    # Zero half a step outside the ends: they are round, not pointed.
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
