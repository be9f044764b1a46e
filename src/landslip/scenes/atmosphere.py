"""From surface reflectance (Level-2A) to an approximation of top-of-atmosphere reflectance (Level-1C).

Landslide4Sense is Level-1C, and detectors trained on it learned colours with the light that air scatters into the view:
in blue as much as dark ground reflects. The path reflectance and the transmittance of a clear sky are added here. That
cannot be exact: what the atmosphere was on the day is not in the product, and neither the terrain correction of
Level-2A nor absorption by gases is undone.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.errors import SceneError
from landslip.grid.window import spread_windows
from landslip.scenes.scene import Layer, Scene

SUN_ZENITH_DEG: Final = 35.0
"""Where the product does not state it; typical of Sentinel-2 between 30 degrees south and north."""
AEROSOL: Final = 0.15
"""Optical thickness of aerosol at 550 nm: clear air over vegetated land."""
ELEVATION_M: Final = 500.0
"""Of the ground, where the scene has no elevation."""
PRESSURE_HEIGHT_M: Final = 8400.0
HAZE_HEIGHT_M: Final = 2000.0
_ASYMMETRY: Final = 0.65
_SAMPLE_PX: Final = 64
_SAMPLES_PER_SIDE: Final = 8


@dataclass(frozen=True, slots=True)
class Scattering:
    """Effect of scattering in clear air on one channel, seen from the zenith."""

    path: float
    """Reflectance of the air itself."""
    direct: float
    """Transmittance of direct sunlight on its way down."""
    down: float
    """Transmittance on the way down, with the sky light."""
    up: float
    """Transmittance on the way up."""


def compute_scattering(channel: str, sun_zenith_deg: float, aerosol: float, elevation_m: float) -> Scattering:
    """Compute Rayleigh and aerosol single scattering (Hansen and Travis 1974; Gordon et al. 1983).

    Args:
        channel: a reflectance channel.
        sun_zenith_deg: angle between the sun and the zenith.
        aerosol: optical thickness of aerosol at 550 nm, at sea level.
        elevation_m: of the ground.

    Raises:
        ValueError: the channel has no wavelength.

    Example:
        >>> [round(compute_scattering(name, 35, 0.15, 500).path * 10_000) for name in ("B02", "B04", "B11")]
        [609, 201, 17]
    """
    wavelength_um = CHANNELS[channel].wavelength_nm
    if wavelength_um is None:
        raise ValueError(f"channel must be a reflectance channel, got {channel}")
    wavelength_um /= 1000
    inverse = wavelength_um**-2
    rayleigh = 0.008569 * inverse**2 * (1 + 0.0113 * inverse + 0.00013 * inverse**2)
    rayleigh *= np.exp(-elevation_m / PRESSURE_HEIGHT_M)
    haze = aerosol * (wavelength_um / 0.55) ** -1.3 * np.exp(-max(elevation_m, 0) / HAZE_HEIGHT_M)
    sun = np.cos(np.radians(sun_zenith_deg))
    # For a nadir view, the scattering angle is 180 degrees minus the solar zenith angle.
    rayleigh_phase = 0.75 * (1 + sun**2)
    haze_phase = (1 - _ASYMMETRY**2) / (1 + _ASYMMETRY**2 + 2 * _ASYMMETRY * sun) ** 1.5
    path = (rayleigh * rayleigh_phase + 0.95 * haze * haze_phase) / (4 * sun)
    direct = np.exp(-(rayleigh + haze) / sun)
    down = np.exp(-(rayleigh / 2 + haze / 6) / sun)
    up = np.exp(-(rayleigh / 2 + haze / 6))
    return Scattering(path=path, direct=direct, down=down, up=up)


def convert_to_toa(scene: Scene) -> Scene:
    """Return a scene of surface reflectance with the light that clear air scatters: approximate Level-1C reflectance.

    For detectors that were trained on Level-1C and whose input is not normalised per channel and tile. DN = path
    reflectance + transmittance x DN, one factor and offset per channel, by the sun angle of the product and the median
    elevation of the scene where these are known.

    Raises:
        SceneError: the scene is Level-1C by its product, or has no reflectance.

    Example:
        >>> from landslip.scenes.rasters import open_scene
        >>> scene = convert_to_toa(open_scene("examples/wayanad/wayanad.tif"))
        >>> scene.layers["B02"].conversion
        'then 0.811 x DN + 609 for the atmosphere'
    """
    if scene.product is not None and scene.product.level == "L1C":
        raise SceneError(
            f"{scene.name} is a Level-1C product, which is top-of-atmosphere reflectance already: leave out to_toa",
            parameter="to_toa",
        )
    names = [name for name in scene.channels if CHANNELS[name].kind == "reflectance"]
    if not names:
        raise SceneError(f"{scene.name} has no reflectance channel to convert: leave out to_toa", parameter="to_toa")
    stated = scene.product.sun_zenith_deg if scene.product is not None else None
    zenith = SUN_ZENITH_DEG if stated is None else stated
    elevation = _median_elevation(scene)
    layers = dict(scene.layers)
    for name in names:
        layers[name] = _convert(name, layers[name], zenith, ELEVATION_M if elevation is None else elevation)
    sun = f"sun zenith {zenith:.4g} degrees" + ("" if stated is not None else " (assumed)")
    ground = f"{elevation:,.0f} m" if elevation is not None else f"{ELEVATION_M:g} m (assumed)"
    note = f"reflectance is converted to approximate top of atmosphere: {sun}, ground at {ground}, aerosol {AEROSOL}"
    return replace(
        scene,
        layers=layers,
        to_toa=True,
        notes=(*scene.notes, note),
        identity=hashlib.sha256(f"{scene.identity} to_toa".encode()).hexdigest() if scene.identity else "",
    )


def convert_product(scene: Scene) -> Scene:
    """Return the scene as a map takes it: converted by ``convert_to_toa`` if its product is Level-2A.

    Detectors of Landslide4Sense were trained on Level-1C. A scene opened with ``to_toa=False`` is left as it is, and so
    is one whose level no product states.

    Raises:
        SceneError: the elevation of the scene cannot be read.
    """
    if scene.to_toa is not None or scene.product is None or scene.product.level != "L2A":
        return scene
    if not any(CHANNELS[name].kind == "reflectance" for name in scene.channels):
        return scene
    converted = convert_to_toa(scene)
    why = "the product is Level-2A, and detectors of Landslide4Sense were trained on Level-1C; --no-to-toa leaves it"
    return replace(converted, notes=(*converted.notes[:-1], f"{converted.notes[-1]}: {why}"))


def _convert(name: str, layer: Layer, zenith_deg: float, elevation_m: float) -> Layer:
    """Return the layer of a channel with path reflectance and transmittance."""
    air = compute_scattering(name, zenith_deg, AEROSOL, elevation_m)
    factor, path = float(air.down * air.up), float(air.path) * DN_PER_REFLECTANCE
    text = f"then {factor:.3f} x DN + {path:.0f} for the atmosphere"
    return replace(
        layer,
        gain=layer.gain * factor,
        offset=layer.offset * factor + path,
        conversion=f"{layer.conversion}; {text}" if layer.conversion else text,
    )


def _median_elevation(scene: Scene) -> float | None:
    """Return the median elevation of windows spread over the scene; None where it has none."""
    if "elevation" not in scene.channels:
        return None
    values = [
        elevation[0][valid]
        for elevation, valid in (
            scene.read(["elevation"], window) for window in spread_windows(scene.window, _SAMPLE_PX, _SAMPLES_PER_SIDE)
        )
    ]
    known = np.concatenate(values) if values else np.empty(0)
    return float(np.median(known)) if known.size else None
