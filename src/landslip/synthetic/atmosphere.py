"""What air does to light, channel by channel: how much reaches the ground from sun and sky, and what haze adds above.

Rayleigh optical depth by Hansen and Travis (1974), path reflectance by single scattering, diffuse transmittance
exp(-(tau_r / 2 + tau_a / 6) / mu) (after Gordon et al. 1983), haze with an Angstrom exponent of 1.3 and a
Henyey-Greenstein phase function (g = 0.65). Absorption by gases is one factor a channel, but for water vapour in B09
and B10, where it goes with the root of the water passed. Approximate: within some hundredths of reflectance of a full
radiative transfer, which this is not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from landslip.channels import CHANNELS
from landslip.synthetic.region import Region

PRESSURE_HEIGHT_M: Final = 8400.0
_HAZE_HEIGHT_M: Final = 2000.0
_ASYMMETRY: Final = 0.65
_GASES: Final = {"B03": 0.97, "B04": 0.98, "B05": 0.96, "B06": 0.96, "B08": 0.96, "B11": 0.97, "B12": 0.95}
"""Two-way transmittance of ozone, oxygen, water vapour and carbon dioxide, where it is not near 1."""
_WATER: Final = {"B09": 0.45, "B10": 2.6}
"""Absorption over the root of the water passed in cm."""
CIRRUS: Final = 0.0010
"""Reflectance of what is high in the air even on a clear day: about 10 DN in B10, as Landslide4Sense has it."""


@dataclass(frozen=True, slots=True)
class Air:
    """What happens to one channel, as shares of the light that comes in on level ground."""

    sun: float
    """From the sun straight to level ground, and up again."""
    sky: float
    """From the whole sky to the ground, and up again."""
    path: float
    """Reflectance of the air itself at the elevation it was computed for."""


def air(region: Region, channel: str, elevation_m: float) -> Air:
    """The air over ground of one elevation, for a channel of Sentinel-2."""
    wavelength_um = CHANNELS[channel].wavelength_nm
    if wavelength_um is None:
        raise ValueError(f"{channel} is not seen through the air: give a channel of reflectance")
    wavelength_um /= 1000
    inverse = wavelength_um**-2
    rayleigh = 0.008569 * inverse**2 * (1 + 0.0113 * inverse + 0.00013 * inverse**2)
    rayleigh *= np.exp(-elevation_m / PRESSURE_HEIGHT_M)
    haze = region.aerosol * (wavelength_um / 0.55) ** -1.3 * np.exp(-max(elevation_m, 0) / _HAZE_HEIGHT_M)
    sun = np.cos(np.radians(region.sun_zenith_deg))
    # Seen from straight above, light is scattered by 180 degrees less the sun's zenith angle.
    rayleigh_phase = 0.75 * (1 + sun**2)
    haze_phase = (1 - _ASYMMETRY**2) / (1 + _ASYMMETRY**2 + 2 * _ASYMMETRY * sun) ** 1.5
    path = (rayleigh * rayleigh_phase + 0.95 * haze * haze_phase) / (4 * sun)
    straight = np.exp(-(rayleigh + haze) / sun)
    down = np.exp(-(rayleigh / 2 + haze / 6) / sun)
    up = np.exp(-(rayleigh / 2 + haze / 6))
    gases = _GASES.get(channel, 1.0)
    if channel in _WATER:
        water_cm = region.water_vapour_cm * np.exp(-max(elevation_m, 0) / _HAZE_HEIGHT_M)
        gases = np.exp(-_WATER[channel] * np.sqrt(water_cm * (1 + 1 / sun)))
        path *= np.sqrt(gases)
    if channel == "B10":
        path += CIRRUS
    return Air(sun=float(straight * up * gases), sky=float((down - straight) * up * gases), path=float(path))
