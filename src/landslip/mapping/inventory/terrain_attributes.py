"""Terrain attributes of landslides: elevation, slope and aspect, accumulated strip by strip."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.grid.map_grid import MapGrid
from landslip.grid.terrain import aspect_deg, slope_deg
from landslip.grid.window import Window
from landslip.scenes.scene import Scene


@dataclass(frozen=True, slots=True)
class TerrainSums:
    """Additive terrain statistics of a landslide; lowest and highest are infinite without known pixels."""

    lowest_m: float
    highest_m: float
    slope_pixels: int
    slope_sum_deg: float
    slope_max_deg: float
    downhill_east: float
    """Sum of the eastward component of the downhill direction, weighted by the sine of the slope."""
    downhill_north: float

    def merge(self, other: "TerrainSums") -> "TerrainSums":
        """Return the statistics of two parts of one landslide."""
        return TerrainSums(
            min(self.lowest_m, other.lowest_m),
            max(self.highest_m, other.highest_m),
            self.slope_pixels + other.slope_pixels,
            self.slope_sum_deg + other.slope_sum_deg,
            max(self.slope_max_deg, other.slope_max_deg),
            self.downhill_east + other.downhill_east,
            self.downhill_north + other.downhill_north,
        )

    def attributes(self) -> dict[str, float]:
        """Return the terrain columns of a landslide; unknown ones are left out."""
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
class Terrain:
    """Terrain of a strip, (H, W) float32 each, NaN where unknown."""

    elevation_m: NDArray[np.float32]
    slope_deg: NDArray[np.float32]
    downhill_east: NDArray[np.float32]
    downhill_north: NDArray[np.float32]

    def sums(self, inside: NDArray[np.intp], label: NDArray[np.intp], count: int) -> list[TerrainSums]:
        """Accumulate the statistics of each landslide.

        Args:
            inside: flat indices of the strip's landslide pixels.
            label: index of the landslide of each pixel, 0 ... count - 1.
            count: number of landslides.
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
        return [TerrainSums(*values) for values in columns]


def terrain_reader(scene: Scene, region: Window, grid: MapGrid) -> Callable[[Window], Terrain] | None:
    """Return a function that reads the terrain of a strip; None where the scene has neither elevation nor slope.

    The slope is the scene's channel where present, and computed from elevation otherwise.

    Args:
        scene: that is mapped.
        region: window of the scene that is mapped.
        grid: of the region.
    """
    if not {"elevation", "slope"} & set(scene.channels):
        return None

    def read(channel: str, window: Window) -> NDArray[np.float32]:
        values, valid = scene.read([channel], window)
        return np.where(valid, values[0], np.float32(np.nan))

    def terrain(strip: Window) -> Terrain:
        window = Window(strip.row + region.row, strip.col + region.col, strip.height, strip.width)
        unknown = np.full(window.shape, np.nan, np.float32)
        slope = read("slope", window) if "slope" in scene.channels else None
        if "elevation" not in scene.channels:
            return Terrain(unknown, unknown if slope is None else slope, unknown, unknown)
        # The slope needs neighbours beyond the strip.
        around = window.expand(1).intersection(scene.window) or window
        inner = window.relative_to(around).slices
        elevation = read("elevation", around)
        width_m, height_m, rotation_deg = _orientation(grid, strip)
        computed = slope_deg(elevation, width_m, height_m)[inner]
        direction = np.radians(aspect_deg(elevation, width_m, height_m)[inner] - rotation_deg)
        steepness = np.sin(np.radians(computed))
        return Terrain(
            elevation[inner],
            computed if slope is None else slope,
            np.sin(direction) * steepness,
            np.cos(direction) * steepness,
        )

    return terrain


def _orientation(grid: MapGrid, strip: Window) -> tuple[float, float, float]:
    """Return width and height of a pixel in metres at the centre of a strip, and the rotation of the rows.

    The height is negative on a mirrored grid; the rotation is in degrees counter-clockwise from east.
    """
    middle = np.array([[strip.width / 2, strip.row + strip.height / 2]])
    (across,), (down,) = grid.pixel_vectors_m(middle)
    mirrored = across[0] * down[1] - across[1] * down[0] > 0
    height_m = float(np.hypot(*down)) * (-1 if mirrored else 1)
    return float(np.hypot(*across)), height_m, float(np.degrees(np.arctan2(across[1], across[0])))
