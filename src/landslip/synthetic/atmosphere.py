"""Land-cover reflectance and atmosphere for each Sentinel-2 channel.

Reflectances are typical values in round numbers, read by eye for the centre of each channel from published spectra of
the same kind of surface: the USGS Spectral Library Version 7 (Kokaly et al. 2017, doi 10.3133/ds1035: conifer,
deciduous trees, grass, dry grass, soils, rocks) and the ECOSTRESS library (Meerdink et al. 2019, doi
10.1016/j.rse.2019.05.015: soils, snow, water, man-made). They are not convolved with the spectral response, and are not
measurements. Forests are darker than their leaves because of shadows in the canopy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from landslip.channels import CHANNELS
from landslip.scenes.atmosphere import HAZE_HEIGHT_M, compute_scattering
from landslip.synthetic.region import Region

SPECTRAL: Final = tuple(name for name, channel in CHANNELS.items() if channel.kind == "reflectance")
"""The thirteen channels of Sentinel-2."""

# fmt: off
_TABLE: Final = {
    #            B01   B02   B03   B04   B05   B06   B07   B08   B8A   B09   B10   B11   B12
    "conifers": (.014, .017, .034, .021, .052, .150, .185, .200, .210, .200, .10, .095, .040),
    "broadleaf": (.017, .021, .050, .027, .080, .250, .320, .340, .355, .340, .18, .175, .072),
    "meadow":   (.030, .040, .080, .060, .125, .260, .310, .330, .350, .340, .20, .230, .120),
    "dry grass": (.060, .080, .120, .150, .185, .220, .240, .265, .290, .290, .25, .330, .220),
    "crop":     (.022, .030, .075, .036, .110, .340, .430, .450, .470, .450, .24, .205, .095),
    "stubble":  (.072, .092, .130, .170, .195, .215, .230, .245, .265, .265, .27, .335, .265),
    "rock":     (.105, .118, .140, .158, .165, .170, .176, .182, .188, .190, .20, .225, .210),
    "snow":     (.880, .900, .900, .880, .870, .850, .830, .800, .760, .650, .25, .080, .060),
    "water":    (.040, .048, .056, .036, .028, .018, .016, .013, .010, .008, .002, .003, .002),
    "turbid water": (.060, .075, .105, .115, .100, .055, .050, .040, .035, .025, .01, .006, .005),
    "gravel":   (.130, .148, .175, .198, .207, .214, .220, .227, .233, .235, .24, .265, .245),
    "built":    (.120, .140, .160, .175, .185, .195, .200, .210, .220, .220, .22, .250, .240),
    "grey soil": (.085, .100, .130, .158, .172, .184, .196, .208, .220, .225, .25, .285, .245),
    "pale soil": (.115, .140, .190, .240, .262, .277, .288, .298, .308, .310, .32, .360, .300),
    "brown soil": (.065, .080, .110, .145, .165, .182, .198, .212, .226, .230, .26, .315, .275),
    "red soil": (.042, .052, .085, .155, .182, .198, .212, .226, .240, .245, .27, .325, .275),
}
# fmt: on

COVERS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType(
    {cover: MappingProxyType(dict(zip(SPECTRAL, values, strict=True))) for cover, values in _TABLE.items()}
)
"""Reflectance (0 to 1) by cover and channel."""


_GASES: Final = {"B03": 0.97, "B04": 0.98, "B05": 0.96, "B06": 0.96, "B08": 0.96, "B11": 0.97, "B12": 0.95}
"""Two-way transmittance of ozone, oxygen, water vapour and carbon dioxide, where it is not near 1."""
_WATER: Final = {"B09": 0.45, "B10": 2.6}
"""Absorption coefficient by the square root of the water vapour column in cm."""
CIRRUS: Final = 0.0010
"""Reflectance of thin cirrus on a clear day: about 10 DN in B10, as in Landslide4Sense."""


@dataclass(frozen=True, slots=True)
class Atmosphere:
    """Effect of the atmosphere on one channel, relative to the irradiance of a horizontal surface."""

    sun: float
    """Two-way transmittance of direct sunlight."""
    sky: float
    """Two-way transmittance of diffuse sky light."""
    path: float
    """Path reflectance at the elevation it was computed for."""


def compute_atmosphere(region: Region, channel: str, elevation_m: float) -> Atmosphere:
    """Compute transmittance and path reflectance over terrain of one elevation, for a Sentinel-2 channel.

    Scattering in clear air, and one factor per channel for gases.
    """
    air = compute_scattering(channel, region.sun_zenith_deg, region.aerosol, elevation_m)
    path = air.path
    gases = _GASES.get(channel, 1.0)
    if channel in _WATER:
        water_cm = region.water_vapour_cm * np.exp(-max(elevation_m, 0) / HAZE_HEIGHT_M)
        gases = np.exp(-_WATER[channel] * np.sqrt(water_cm * (1 + 1 / np.cos(np.radians(region.sun_zenith_deg)))))
        path *= np.sqrt(gases)
    if channel == "B10":
        path += CIRRUS
    return Atmosphere(
        sun=float(air.direct * air.up * gases), sky=float((air.down - air.direct) * air.up * gases), path=float(path)
    )
