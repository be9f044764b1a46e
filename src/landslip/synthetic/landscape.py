"""One region, ready to be looked at through any window: what Sentinel-2 would measure, and where its landslides are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.grid.window import Window
from landslip.synthetic.atmosphere import COVERS, PRESSURE_HEIGHT_M, SPECTRAL, air
from landslip.synthetic.cover import covers, ramp
from landslip.synthetic.ground import Ground, ground
from landslip.synthetic.landslides import Landslide, LandslideField
from landslip.synthetic.noise import fractal, white
from landslip.synthetic.region import PIXEL_M, Region
from landslip.synthetic.relief import Relief, make_relief

GRID_PX: Final = 6
"""Pixels of 20 m and 60 m lie on this grid of 10 m pixels."""
_NOISE_FLOOR_DN: Final = 3.0
_NOISE_SHARE: Final = 0.006
"""About a signal to noise ratio of 150, as the Sentinel-2 handbook asks of the instrument at typical radiance."""
_CLOUD_HEIGHT_M: Final = 1500.0
_CLOUD: Final = {"B09": 0.45, "B10": 0.02, "B11": 0.5, "B12": 0.38}
_HIGHEST_DN: Final = 28_000


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is seen in a window."""

    dn: dict[str, NDArray[np.uint16]]
    """By channel, at its own resolution: (h, w) divided by 1, 2 or 6."""
    ground: Ground
    landslide: NDArray[np.uint8]
    """(h, w): 1 where a pixel's centre lies in a landslide."""


class Landscape:
    """A region whose relief is made when first asked for."""

    def __init__(self, region: Region) -> None:
        self.region = region

    @cached_property
    def relief(self) -> Relief:
        """The coarse ground of the whole region."""
        return make_relief(self.region)

    @cached_property
    def landslides(self) -> LandslideField:
        """The landslides of the region."""
        return LandslideField(self.region, self.relief)

    @cached_property
    def _mean_elevation_m(self) -> float:
        return float(self.relief.elevation_m.mean(dtype=np.float64))

    def ground(self, window: Window) -> Ground:
        """Terrain of a window."""
        return ground(self.region, self.relief, window)

    def mask(self, window: Window, landslides: Sequence[Landslide] | None = None) -> NDArray[np.uint8]:
        """1 where the centre of a pixel lies in a landslide, else 0; (h, w)."""
        found = self.landslides.reaching(window) if landslides is None else landslides
        return _burnt([(one.outline, 1) for one in found], window, 1)

    def view(self, window: Window, channels: Sequence[str] = SPECTRAL) -> View:
        """Look at a window as Sentinel-2 would, at the top of the atmosphere.

        Raises:
            ValueError: the window does not lie on the grid of 60 m.
        """
        if any(side % GRID_PX for side in (window.row, window.col, window.height, window.width)):
            raise ValueError(f"{window} does not lie on the grid of {GRID_PX} pixels: widen it")
        terrain = self.ground(window)
        found = self.landslides.reaching(window)
        # Halves of pixels: what is bare is soft at the edge, as the instrument sees it.
        bare = _burnt([(one.outline, round(one.freshness * 200)) for one in found], window, 2)
        bare_share = bare.reshape(window.height, 2, window.width, 2).mean((1, 3), dtype=np.float32) / np.float32(200)
        light = self._light(window, terrain, bare_share)
        dn = {name: self._seen(name, window, light) for name in channels}
        return View(dn, terrain, self.mask(window, found))

    def _light(self, window: Window, terrain: Ground, bare: NDArray[np.float32]) -> "_Light":
        """Share of each cover times what sun and sky give it, at each resolution."""
        cloud, shadow = self._clouds(window)
        sun, sky = terrain.sun * (1 - np.float32(0.85) * shadow), terrain.sky * (1 - np.float32(0.25) * shadow)
        sunlit: dict[str, NDArray[np.float32]] = {}
        skylit: dict[str, NDArray[np.float32]] = {}
        for name, share, brightness in covers(self.region, self.relief, window, terrain, bare):
            seen = share * brightness
            for lit, by in ((sunlit, sun), (skylit, sky)):
                lit[name] = lit[name] + seen * by if name in lit else seen * by
        thin = np.exp((np.float32(self._mean_elevation_m) - terrain.elevation_m) / np.float32(PRESSURE_HEIGHT_M))
        return _Light(sunlit, skylit, thin, cloud)

    def _clouds(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Share of cloud and of its shadow, (h, w) each."""
        if self.region.clouds == 0:
            return np.zeros(window.shape, np.float32), np.zeros(window.shape, np.float32)
        reach_px = _CLOUD_HEIGHT_M * np.tan(np.radians(self.region.sun_zenith_deg)) / PIXEL_M
        azimuth = np.radians(self.region.sun_azimuth_deg)
        # The cloud that shades a pixel lies towards the sun.
        row, col = round(-np.cos(azimuth) * reach_px), round(np.sin(azimuth) * reach_px)
        away = Window(window.row + row, window.col + col, window.height, window.width)
        return self._cloud_share(window), self._cloud_share(away)

    def _cloud_share(self, window: Window) -> NDArray[np.float32]:
        billows = fractal(self.region.seed + 90, window, 180, 6, 0.55)
        # The fractal's deviation is about 1.2; its upper tail holds the share of sky asked for.
        edge = 1.25 * float(np.sqrt(2) * _inverse_erf(1 - 2 * self.region.clouds))
        return ramp(billows, edge - 0.1, edge + 0.5)

    def _seen(self, name: str, window: Window, light: "_Light") -> NDArray[np.uint16]:
        step = round((CHANNELS[name].resolution_m or PIXEL_M) / PIXEL_M)
        through = air(self.region, name, self._mean_elevation_m)
        thin, cloud = light.at(step)
        total = thin * np.float32(through.path)
        for cover, sunlit, skylit in light.covers(step):
            reflectance = COVERS[cover][name]
            total += sunlit * np.float32(reflectance * through.sun) + skylit * np.float32(reflectance * through.sky)
        total += cloud * (np.float32(_CLOUD.get(name, 0.62)) - total)
        total *= np.float32(DN_PER_REFLECTANCE)
        size = Window(window.row // step, window.col // step, window.height // step, window.width // step)
        noise = white(self.region.seed + 1000 + SPECTRAL.index(name), size)
        total += noise * (np.float32(_NOISE_SHARE) * total + np.float32(0.3 if name == "B10" else _NOISE_FLOOR_DN))
        # 0 means that nothing was observed.
        dn: NDArray[np.uint16] = np.clip(np.rint(total), 1, _HIGHEST_DN).astype(np.uint16)
        return dn


class _Light:
    """Light on each cover at 10 m; means at 20 m and 60 m, made once."""

    def __init__(
        self,
        sunlit: dict[str, NDArray[np.float32]],
        skylit: dict[str, NDArray[np.float32]],
        thin: NDArray[np.float32],
        cloud: NDArray[np.float32],
    ) -> None:
        self._layers = {1: (sunlit, skylit, thin, cloud)}

    def at(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Thickness of the air, and share of cloud."""
        _, _, thin, cloud = self._coarse(step)
        return thin, cloud

    def covers(self, step: int) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32]]]:
        """Each cover with its share of sunlight and skylight."""
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
                {name: means(layer, step) for name, layer in sunlit.items()},
                {name: means(layer, step) for name, layer in skylit.items()},
                means(thin, step),
                means(cloud, step),
            )
        return self._layers[step]


def means(layer: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Means of squares of pixels; added one by one, so that the order does not hang on the window."""
    total = np.zeros((layer.shape[0] // step, layer.shape[1] // step), np.float32)
    for row in range(step):
        for col in range(step):
            total += layer[row::step, col::step]
    return total * np.float32(1 / step**2)


def _burnt(shapes: Sequence[tuple[object, int]], window: Window, finer: int) -> NDArray[np.uint8]:
    """Shapes burnt into a window, each with its value; ``finer`` pixels to a pixel."""
    shape = (window.height * finer, window.width * finer)
    if not shapes:
        return np.zeros(shape, np.uint8)
    burnt: NDArray[np.uint8] = rasterize(
        shapes, shape, transform=Affine.translation(window.col, window.row) * Affine.scale(1 / finer), dtype="uint8"
    )
    return burnt


def _inverse_erf(value: float) -> float:
    """The inverse of the error function, by Winitzki's approximation (2008), good to two parts in a thousand."""
    a = 0.147
    logarithm = np.log(1 - value * value)
    first = 2 / (np.pi * a) + logarithm / 2
    return float(np.sign(value) * np.sqrt(np.sqrt(first**2 - logarithm / a) - first))
