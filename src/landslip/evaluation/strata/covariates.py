"""Covariates of accuracy at each pixel: slope, elevation, aspect, illumination, NDVI, brightness, redness.

Each covariate names the channels it needs; RGB patches only have brightness and redness. Brightness is relative to its
patch and redness is a ratio, so that both are comparable where absolute brightness is unknown.
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
_LEVEL_DEG: Final = 5


@dataclass(frozen=True, slots=True)
class Covariate:
    """A value at each pixel, and its classes."""

    name: str
    title: str
    unit: str
    edges: tuple[float, ...]
    """Ascending; a class includes its lower edge, the last one its upper edge too. Values outside are unknown."""
    channels: frozenset[str]
    """Channels it is computed from."""
    compute: Callable[[Patch, float], Layer]
    """From a patch and its pixel size in metres, (H, W); NaN where unknown."""
    labels: tuple[str, ...] = ()
    """Names of the classes; made from the edges where empty."""


def _layer(patch: Patch, name: str) -> Layer:
    return np.asarray(patch.values[patch.channels.index(name)], np.float32)


def _slope(patch: Patch, pixel_size_m: float) -> Layer:
    if "slope" in patch.channels:
        return _layer(patch, "slope")
    return slope_deg(_layer(patch, "elevation"), pixel_size_m, pixel_size_m)


def _elevation(patch: Patch, pixel_size_m: float) -> Layer:
    return _layer(patch, "elevation")


def _aspect(patch: Patch, pixel_size_m: float) -> Layer:
    """Return degrees from north-north-west, so that each class is one sector; NaN where nearly level."""
    elevation = _layer(patch, "elevation")
    shifted = (aspect_deg(elevation, pixel_size_m, pixel_size_m) + np.float32(22.5)) % np.float32(360)
    level = slope_deg(elevation, pixel_size_m, pixel_size_m) < _LEVEL_DEG
    return np.where(level, np.float32(np.nan), shifted)


def _ndvi(patch: Patch, pixel_size_m: float) -> Layer:
    return ndvi(_layer(patch, "B04"), _layer(patch, "B08"))


def _brightness(patch: Patch, pixel_size_m: float) -> Layer:
    bright = np.mean([_layer(patch, name) for name in TRUE_COLOUR], axis=0)
    mean = np.nanmean(bright) if np.isfinite(bright).any() else np.nan
    return np.asarray(bright / mean if mean > 0 else np.full_like(bright, np.nan), np.float32)


def _redness(patch: Patch, pixel_size_m: float) -> Layer:
    return ndvi(_layer(patch, "B03"), _layer(patch, "B04"))


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
        f"Aspect (slope of {_LEVEL_DEG}° or more)",
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
        frozenset(TRUE_COLOUR),
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
    """Return the covariates that can be computed from channels; slope from elevation if there is no slope."""
    known = {*channels, *(["slope"] if "elevation" in channels else [])}
    return tuple(one for one in _ALL if one.channels <= known)


def illumination(sun_azimuth_deg: float, sun_height_deg: float) -> Covariate:
    """Make a covariate of the cosine of the solar incidence angle (Horn 1981), for images with a known sun position.

    It is 1 where the sun is perpendicular to the surface and negative where the surface faces away; cast shadows are
    not modelled.

    Args:
        sun_azimuth_deg: clockwise from north.
        sun_height_deg: above the horizon, above 0 and at most 90.

    Raises:
        SettingsError: an angle is not allowed.
    """
    if not math.isfinite(sun_azimuth_deg):
        raise SettingsError(f"sun_azimuth_deg must be finite, got {sun_azimuth_deg:g}", parameter="sun_azimuth_deg")
    if not 0 < sun_height_deg <= 90:
        raise SettingsError(
            f"sun_height_deg must be above 0 and at most 90, got {sun_height_deg:g}", parameter="sun_height_deg"
        )
    azimuth, height = math.radians(sun_azimuth_deg), math.radians(sun_height_deg)

    def compute(patch: Patch, pixel_size_m: float) -> Layer:
        elevation = _layer(patch, "elevation")
        slope = np.radians(slope_deg(elevation, pixel_size_m, pixel_size_m))
        # Level terrain has no aspect and needs none.
        aspect = np.radians(aspect_deg(elevation, pixel_size_m, pixel_size_m))
        relative = np.where(slope == 0, 0, np.cos(azimuth - aspect))
        return np.asarray(np.cos(slope) * math.sin(height) + np.sin(slope) * math.cos(height) * relative, np.float32)

    title = f"Illumination, sun {sun_height_deg:g}° high at azimuth {sun_azimuth_deg:g}°"
    edges = (-1, 0, 0.2, 0.4, 0.6, 0.8, 1.000001)
    return Covariate("illumination", title, "", edges, frozenset({"elevation"}), compute)
