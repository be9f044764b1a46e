"""What the ground is like at each pixel: slope, height, aspect, light, plants, brightness, colour.

Each covariate says which channels it needs; on a set of RGB patches only brightness and redness are left. Brightness is
relative to its patch and redness is a ratio, so that both mean the same where absolute brightness is not known.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR, ndvi
from landslip.datasets.patch_set import Patch
from landslip.errors import SettingsError
from landslip.grid.terrain import aspect_deg, slope_deg

Layer = NDArray[np.float32]
_SECTORS: Final = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


@dataclass(frozen=True, slots=True)
class Covariate:
    """A number at each pixel, and the classes that it falls into."""

    name: str
    title: str
    unit: str
    edges: tuple[float, ...]
    """Rising; a class holds its lower edge, the last one its upper edge too. What lies outside is not known."""
    needs: frozenset[str]
    """Channels without which it cannot be told."""
    of: Callable[[Patch, float], Layer]
    """(H, W) of a patch with pixels of so many metres; NaN where not known."""
    labels: tuple[str, ...] = ()
    """Names of the classes, where they have any."""


def _layer(patch: Patch, name: str) -> Layer:
    return np.asarray(patch.values[patch.channels.index(name)], np.float32)


def _slope(patch: Patch, pixel_size_m: float) -> Layer:
    if "slope" in patch.channels:
        return _layer(patch, "slope")
    return slope_deg(_layer(patch, "elevation"), pixel_size_m, pixel_size_m)


def _elevation(patch: Patch, pixel_size_m: float) -> Layer:
    return _layer(patch, "elevation")


def _aspect(patch: Patch, pixel_size_m: float) -> Layer:
    """In degrees from north-north-west on, so that each class is one sector; nearly level ground faces nowhere."""
    elevation = _layer(patch, "elevation")
    facing = (aspect_deg(elevation, pixel_size_m, pixel_size_m) + np.float32(22.5)) % np.float32(360)
    level = slope_deg(elevation, pixel_size_m, pixel_size_m) < 5
    return np.where(level, np.float32(np.nan), facing)


def _ndvi(patch: Patch, pixel_size_m: float) -> Layer:
    return ndvi(_layer(patch, "B04"), _layer(patch, "B08"))


def _brightness(patch: Patch, pixel_size_m: float) -> Layer:
    bright = np.mean([_layer(patch, name) for name in TRUE_COLOUR], axis=0)
    mean = np.nanmean(bright) if np.isfinite(bright).any() else np.nan
    return np.asarray(bright / mean if mean > 0 else np.full_like(bright, np.nan), np.float32)


def _redness(patch: Patch, pixel_size_m: float) -> Layer:
    return ndvi(_layer(patch, "B03"), _layer(patch, "B04"))


_COLOURS: Final = frozenset(TRUE_COLOUR)
_ALL: Final = (
    Covariate("slope", "Slope", "°", (0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 90), frozenset({"slope"}), _slope),
    Covariate(
        "elevation",
        "Elevation",
        "m",
        (-500, 100, 250, 500, 750, 1000, 1500, 2000, 3000, 9000),
        frozenset({"elevation"}),
        _elevation,
    ),
    Covariate(
        "aspect",
        "Direction the ground faces (5° steep or more)",
        "",
        tuple(45.0 * sector for sector in range(9)),
        frozenset({"elevation"}),
        _aspect,
        _SECTORS,
    ),
    Covariate("ndvi", "NDVI", "", (-1, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1), frozenset({"B04", "B08"}), _ndvi),
    Covariate(
        "brightness",
        "Brightness relative to the patch",
        "",
        (0, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, math.inf),
        _COLOURS,
        _brightness,
    ),
    Covariate(
        "redness",
        "Redness, (B04 - B03) / (B04 + B03)",
        "",
        (-1, -0.2, -0.15, -0.1, -0.05, 0, 0.05, 0.1, 0.15, 0.2, 1),
        frozenset({"B04", "B03"}),
        _redness,
    ),
)


def covariates_for(channels: Sequence[str]) -> tuple[Covariate, ...]:
    """The covariates that channels let one tell; slope from elevation where there is no slope."""
    known = {*channels, *(["slope"] if "elevation" in channels else [])}
    return tuple(one for one in _ALL if one.needs <= known)


def illumination(sun_azimuth_deg: float, sun_height_deg: float) -> Covariate:
    """How squarely the sun shines on the ground, for images whose sun is known: 1 at right angles, below 0 in shade.

    Cosine of the angle of incidence (Horn 1981). Shade that other hills cast is not seen.

    Args:
        sun_azimuth_deg: clockwise from north.
        sun_height_deg: above the horizon, above 0 and at most 90.

    Raises:
        SettingsError: the sun was below the horizon, or is nowhere.
    """
    if not (math.isfinite(sun_azimuth_deg) and 0 < sun_height_deg <= 90):
        raise SettingsError(
            f"a sun at {sun_azimuth_deg:g} degrees, {sun_height_deg:g} degrees high, sheds no light: give an azimuth "
            "and a height above 0 and at most 90"
        )
    azimuth, height = math.radians(sun_azimuth_deg), math.radians(sun_height_deg)

    def of(patch: Patch, pixel_size_m: float) -> Layer:
        elevation = _layer(patch, "elevation")
        slope = np.radians(slope_deg(elevation, pixel_size_m, pixel_size_m))
        # Level ground has no aspect, and needs none.
        aspect = np.radians(aspect_deg(elevation, pixel_size_m, pixel_size_m))
        turned = np.where(slope == 0, 0, np.cos(azimuth - aspect))
        return np.asarray(np.cos(slope) * math.sin(height) + np.sin(slope) * math.cos(height) * turned, np.float32)

    title = f"Sunlight, sun {sun_height_deg:g}° high at {sun_azimuth_deg:g}°"
    edges = (-1, 0, 0.2, 0.4, 0.6, 0.8, 1.000001)
    return Covariate("illumination", title, "", edges, frozenset({"elevation"}), of)
