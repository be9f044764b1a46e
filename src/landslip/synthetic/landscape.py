"""A simulated region: the DN that Sentinel-2 would measure in any window, and its landslides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.grid.window import Window
from landslip.scenes.atmosphere import PRESSURE_HEIGHT_M
from landslip.synthetic.atmosphere import COVERS, SPECTRAL, compute_atmosphere
from landslip.synthetic.land_cover import land_covers, ramp
from landslip.synthetic.landslides import Landslide, LandslideField
from landslip.synthetic.noise import fractal_noise, white_noise
from landslip.synthetic.region import PIXEL_M, Region
from landslip.synthetic.relief import Relief, make_relief, move_sun
from landslip.synthetic.terrain_window import Terrain, compute_terrain

GRID_PX: Final = 6
"""Windows are aligned to this many 10 m pixels, so that pixels of 20 m and 60 m fit."""
_NOISE_FLOOR_DN: Final = 3.0
_NOISE_FRACTION: Final = 0.006
"""A signal-to-noise ratio of about 150, as the Sentinel-2 handbook specifies at reference radiance."""
_CLOUD_HEIGHT_M: Final = 1500.0
_CLOUD: Final = {"B09": 0.45, "B10": 0.02, "B11": 0.5, "B12": 0.38}
_HIGHEST_DN: Final = 28_000


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Simulated image, terrain and landslides of a window."""

    dn: dict[str, NDArray[np.uint16]]
    """DN by channel, at its own resolution: (h, w) divided by 1, 2 or 6."""
    terrain: Terrain
    landslide: NDArray[np.uint8]
    """(h, w): 1 where the centre of a pixel is inside a landslide, else 0."""


class Landscape:
    """A region whose relief is computed on first use.

    Args:
        region: its parameters.
        ground: the same ground on another date, whose relief and landslides are taken.
    """

    def __init__(self, region: Region, ground: "Landscape | None" = None) -> None:
        self.region = region
        self._ground = ground

    @cached_property
    def relief(self) -> Relief:
        """Coarse relief of the whole region."""
        return make_relief(self.region) if self._ground is None else move_sun(self._ground.relief, self.region)

    @cached_property
    def landslides(self) -> LandslideField:
        """Landslides of the region."""
        return LandslideField(self.region, self.relief) if self._ground is None else self._ground.landslides

    @cached_property
    def _mean_elevation_m(self) -> float:
        return float(self.relief.elevation_m.mean(dtype=np.float64))

    def terrain(self, window: Window) -> Terrain:
        """Compute the terrain of a window."""
        return compute_terrain(self.region, self.relief, window)

    def landslide_mask(self, window: Window, landslides: Sequence[Landslide] | None = None) -> NDArray[np.uint8]:
        """Rasterize landslides: 1 where the centre of a pixel is inside one, else 0; (h, w)."""
        found = self.landslides.intersecting(window) if landslides is None else landslides
        return _rasterize([(landslide.outline, 1) for landslide in found], window, 1)

    def render(
        self, window: Window, channels: Sequence[str] = SPECTRAL, only: Callable[[Landslide], bool] | None = None
    ) -> View:
        """Simulate a window as Sentinel-2 would measure it at the top of the atmosphere.

        Args:
            window: of the region.
            channels: to simulate.
            only: tells which landslides are there; all where None.

        Raises:
            ValueError: the window is not aligned to the 60 m grid.
        """
        if any(side % GRID_PX for side in (window.row, window.col, window.height, window.width)):
            raise ValueError(f"window must be aligned to {GRID_PX} pixels, got {window}")
        terrain = self.terrain(window)
        found = [one for one in self.landslides.intersecting(window) if only is None or only(one)]
        # Half pixels: partly covered pixels at the edge are mixed, as in a real image.
        bare = _rasterize([(landslide.outline, round(landslide.freshness * 200)) for landslide in found], window, 2)
        bare_fraction = bare.reshape(window.height, 2, window.width, 2).mean((1, 3), dtype=np.float32) / np.float32(200)
        light = self._illuminate(window, terrain, bare_fraction)
        dn = {name: self._simulate_channel(name, window, light) for name in channels}
        return View(dn, terrain, self.landslide_mask(window, found))

    def _illuminate(self, window: Window, terrain: Terrain, bare: NDArray[np.float32]) -> "_Illumination":
        """Compute direct and diffuse illumination of each land cover."""
        cloud, shadow = self._clouds(window)
        sun, sky = terrain.sun * (1 - np.float32(0.85) * shadow), terrain.sky * (1 - np.float32(0.25) * shadow)
        sunlit: dict[str, NDArray[np.float32]] = {}
        skylit: dict[str, NDArray[np.float32]] = {}
        for name, fraction, brightness in land_covers(self.region, self.relief, window, terrain, bare):
            weight = fraction * brightness
            for layers, light in ((sunlit, sun), (skylit, sky)):
                layers[name] = layers[name] + weight * light if name in layers else weight * light
        thin = np.exp((np.float32(self._mean_elevation_m) - terrain.elevation_m) / np.float32(PRESSURE_HEIGHT_M))
        return _Illumination(sunlit, skylit, thin, cloud)

    def _clouds(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the fractions of cloud and of cloud shadow, (h, w) each."""
        if self.region.clouds == 0:
            return np.zeros(window.shape, np.float32), np.zeros(window.shape, np.float32)
        reach_px = _CLOUD_HEIGHT_M * np.tan(np.radians(self.region.sun_zenith_deg)) / PIXEL_M
        azimuth = np.radians(self.region.sun_azimuth_deg)
        # The cloud that shades a pixel is towards the sun.
        row, col = round(-np.cos(azimuth) * reach_px), round(np.sin(azimuth) * reach_px)
        away = Window(window.row + row, window.col + col, window.height, window.width)
        return self._cloud_fraction(window), self._cloud_fraction(away)

    def _cloud_fraction(self, window: Window) -> NDArray[np.float32]:
        billows = fractal_noise(self.region.seed + 90, window, 180, 6, 0.55)
        # The standard deviation of the noise is about 1.2; its upper tail is the requested cloud cover.
        edge = 1.25 * float(np.sqrt(2) * _inverse_erf(1 - 2 * self.region.clouds))
        return ramp(billows, edge - 0.1, edge + 0.5)

    def _simulate_channel(self, name: str, window: Window, light: "_Illumination") -> NDArray[np.uint16]:
        step = round((CHANNELS[name].resolution_m or PIXEL_M) / PIXEL_M)
        atmosphere = compute_atmosphere(self.region, name, self._mean_elevation_m)
        thin, cloud = light.at(step)
        total = thin * np.float32(atmosphere.path)
        for cover, sunlit, skylit in light.covers(step):
            reflectance = COVERS[cover][name]
            total += sunlit * np.float32(reflectance * atmosphere.sun) + skylit * np.float32(
                reflectance * atmosphere.sky
            )
        total += cloud * (np.float32(_CLOUD.get(name, 0.62)) - total)
        total *= np.float32(DN_PER_REFLECTANCE)
        size = Window(window.row // step, window.col // step, window.height // step, window.width // step)
        noise = white_noise(self.region.seed + 1000 + SPECTRAL.index(name) + 100 * self.region.visit, size)
        total += noise * (np.float32(_NOISE_FRACTION) * total + np.float32(0.3 if name == "B10" else _NOISE_FLOOR_DN))
        # 0 is nodata.
        dn: NDArray[np.uint16] = np.clip(np.rint(total), 1, _HIGHEST_DN).astype(np.uint16)
        return dn


class _Illumination:
    """Illumination of each land cover at 10 m, with means over 20 m and 60 m computed once."""

    def __init__(
        self,
        sunlit: dict[str, NDArray[np.float32]],
        skylit: dict[str, NDArray[np.float32]],
        thin: NDArray[np.float32],
        cloud: NDArray[np.float32],
    ) -> None:
        self._layers = {1: (sunlit, skylit, thin, cloud)}

    def at(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the relative air mass and the fraction of cloud."""
        _, _, thin, cloud = self._coarse(step)
        return thin, cloud

    def covers(self, step: int) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32]]]:
        """Return each land cover with its direct and diffuse illumination."""
        sunlit, skylit, _, _ = self._coarse(step)
        return [(name, sunlit[name], skylit[name]) for name in sunlit]

    def _coarse(
        self, step: int
    ) -> tuple[
        dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]], NDArray[np.float32], NDArray[np.float32]
    ]:
        if step not in self._layers:
            sunlit, skylit, thin, cloud = self._layers[1]
            self._layers[step] = (
                {name: block_means(layer, step) for name, layer in sunlit.items()},
                {name: block_means(layer, step) for name, layer in skylit.items()},
                block_means(thin, step),
                block_means(cloud, step),
            )
        return self._layers[step]


def block_means(layer: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Average blocks of ``step`` x ``step`` pixels; summed in a fixed order, so that the window does not matter."""
    total = np.zeros((layer.shape[0] // step, layer.shape[1] // step), np.float32)
    for row in range(step):
        for col in range(step):
            total += layer[row::step, col::step]
    return total * np.float32(1 / step**2)


def _rasterize(shapes: Sequence[tuple[object, int]], window: Window, finer: int) -> NDArray[np.uint8]:
    """Rasterize shapes with their values in a window, at ``finer`` times the resolution."""
    shape = (window.height * finer, window.width * finer)
    if not shapes:
        return np.zeros(shape, np.uint8)
    burnt: NDArray[np.uint8] = rasterize(
        shapes, shape, transform=Affine.translation(window.col, window.row) * Affine.scale(1 / finer), dtype="uint8"
    )
    return burnt


def _inverse_erf(value: float) -> float:
    """Approximate the inverse error function to 0.2 % (Winitzki 2008)."""
    a = 0.147
    logarithm = np.log(1 - value * value)
    first = 2 / (np.pi * a) + logarithm / 2
    return float(np.sign(value) * np.sqrt(np.sqrt(first**2 - logarithm / a) - first))
