"""What the terrain is like under each landslide, gathered strip by strip."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.grid.map_grid import MapGrid
from landslip.grid.terrain import aspect_deg, slope_deg
from landslip.grid.window import Window
from landslip.scenes.scene import Scene


@dataclass(frozen=True, slots=True)
class GroundSums:
    """Sums over the pixels of a landslide that can be added up; lowest and highest are infinite without pixels."""

    lowest_m: float
    highest_m: float
    slope_pixels: int
    slope_sum_deg: float
    slope_max_deg: float
    downhill_east: float
    """Sum over pixels of the downhill direction's eastward part, weighted by steepness."""
    downhill_north: float

    def merged(self, other: "GroundSums") -> "GroundSums":
        """The sums of both."""
        return GroundSums(
            min(self.lowest_m, other.lowest_m),
            max(self.highest_m, other.highest_m),
            self.slope_pixels + other.slope_pixels,
            self.slope_sum_deg + other.slope_sum_deg,
            max(self.slope_max_deg, other.slope_max_deg),
            self.downhill_east + other.downhill_east,
            self.downhill_north + other.downhill_north,
        )

    def attributes(self) -> dict[str, float]:
        """The terrain columns of a landslide; what is not known is left out."""
        known: dict[str, float] = {}
        if self.lowest_m <= self.highest_m:
            known |= {
                "elevation_min_m": self.lowest_m,
                "elevation_max_m": self.highest_m,
                "relief_m": self.highest_m - self.lowest_m,
            }
        if self.slope_pixels:
            known["slope_mean_deg"] = self.slope_sum_deg / self.slope_pixels
            known["slope_max_deg"] = self.slope_max_deg
        if self.downhill_east or self.downhill_north:
            known["aspect_deg"] = float(np.degrees(np.arctan2(self.downhill_east, self.downhill_north))) % 360
        return known


@dataclass(frozen=True, slots=True)
class Ground:
    """Terrain of a strip, (h, w) float32 each, NaN where unknown."""

    elevation_m: NDArray[np.float32]
    slope_deg: NDArray[np.float32]
    downhill_east: NDArray[np.float32]
    downhill_north: NDArray[np.float32]

    def sums(self, inside: NDArray[np.intp], label: NDArray[np.intp], count: int) -> list[GroundSums]:
        """Sum over each landslide.

        Args:
            inside: flat indices of the strip's landslide pixels.
            label: which landslide each belongs to, 0 ... count - 1.
            count: how many there are.
        """
        elevation, slope = self.elevation_m.ravel()[inside], self.slope_deg.ravel()[inside]
        lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
        np.fmin.at(lowest, label, elevation)
        np.fmax.at(highest, label, elevation)
        steepest = np.zeros(count)
        np.fmax.at(steepest, label, slope)

        def total(values: NDArray[np.float32]) -> list[float]:
            known = np.nan_to_num(values.ravel()[inside]).astype(np.float64)
            return [float(value) for value in np.bincount(label, weights=known, minlength=count)]

        columns = zip(
            lowest.tolist(),
            highest.tolist(),
            np.bincount(label, weights=np.isfinite(slope), minlength=count).astype(int).tolist(),
            total(self.slope_deg),
            steepest.tolist(),
            total(self.downhill_east),
            total(self.downhill_north),
            strict=True,
        )
        return [GroundSums(*values) for values in columns]


def ground_under(scene: Scene, region: Window, grid: MapGrid) -> Callable[[Window], Ground] | None:
    """How to get the terrain of a strip of the map, or None where the scene has neither elevation nor slope.

    Slope is the scene's own where it has it, and computed from elevation where it has not.

    Args:
        scene: that is mapped.
        region: the part of it that is mapped.
        grid: of that part.
    """
    if not {"elevation", "slope"} & set(scene.channels):
        return None

    def known(channel: str, window: Window) -> NDArray[np.float32]:
        values, observed = scene.read([channel], window)
        return np.where(observed, values[0], np.float32(np.nan))

    def ground(strip: Window) -> Ground:
        window = Window(strip.row + region.row, strip.col + region.col, strip.height, strip.width)
        unknown = np.full(window.shape, np.nan, np.float32)
        slope = known("slope", window) if "slope" in scene.channels else None
        if "elevation" not in scene.channels:
            return Ground(unknown, unknown if slope is None else slope, unknown, unknown)
        # Slope needs the neighbours beyond the strip.
        around = window.expanded(1).intersection(scene.window) or window
        inner = window.relative_to(around).slices
        elevation = known("elevation", around)
        width_m, height_m, turned_deg = _orientation(grid, strip)
        computed = slope_deg(elevation, width_m, height_m)[inner]
        direction = np.radians(aspect_deg(elevation, width_m, height_m)[inner] - turned_deg)
        steepness = np.sin(np.radians(computed))
        return Ground(
            elevation[inner],
            computed if slope is None else slope,
            np.sin(direction) * steepness,
            np.cos(direction) * steepness,
        )

    return ground


def _orientation(grid: MapGrid, strip: Window) -> tuple[float, float, float]:
    """A pixel's width and height in metres at the middle of a strip, height negative on a mirrored grid, and by how
    many degrees the grid's rows are turned counter-clockwise from east.
    """
    middle = np.array([[strip.width / 2, strip.row + strip.height / 2]])
    (across,), (down,) = grid.pixel_vectors_m(middle)
    mirrored = across[0] * down[1] - across[1] * down[0] > 0
    height_m = float(np.hypot(*down)) * (-1 if mirrored else 1)
    return float(np.hypot(*across)), height_m, float(np.degrees(np.arctan2(across[1], across[0])))
