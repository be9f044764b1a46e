"""Rules on reflectance: snow, water, and dark ground that may lie in the shadow of a cloud.

All take DN (reflectance x 10,000) of any one shape and return a mask of that shape. Invalid pixels are the caller's.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Dn = NDArray[np.float32]

SNOW_NDSI: Final = 0.4
SNOW_NIR_DN: Final = 1100.0
SNOW_GREEN_DN: Final = 1000.0
SHADOW_NIR_DN: Final = 1500.0
SHADOW_RED_DN: Final = 500.0
WATER_SWIR_DN: Final = 500.0
VEGETATION_NDVI: Final = 0.65


def is_snow(green: Dn, nir: Dn, swir: Dn) -> NDArray[np.bool_]:
    """Find snow by the normalised difference snow index: above 0.4, with green above 0.10 and near infrared above 0.11.

    Source: Hall, Riggs and Salomonson (1995), Remote Sensing of Environment 54, the thresholds of the MODIS snow maps.

    Args:
        green: B03.
        nir: B08.
        swir: B11.

    Example:
        >>> snow, soil = np.array([8000, 7000, 800], np.float32), np.array([1200, 2400, 2600], np.float32)
        >>> is_snow(*np.stack([snow, soil], axis=1)).tolist()
        [True, False]
    """
    return (_difference(green, swir) > SNOW_NDSI) & (nir > SNOW_NIR_DN) & (green > SNOW_GREEN_DN)


def is_water(green: Dn, nir: Dn, swir: Dn | None = None) -> NDArray[np.bool_]:
    """Find water: NDWI above 0 and, where short-wave infrared is known, MNDWI above 0 and that band below 0.05.

    NDWI (green, near infrared; McFeeters 1996) alone takes some landslides in shadow for water, MNDWI (green,
    short-wave infrared; Xu 2006) alone many; water absorbs nearly all short-wave infrared, and shaded ground less.

    Args:
        green: B03.
        nir: B08.
        swir: B11; None where unknown.

    Example:
        >>> lake, soil = np.array([600, 200, 60], np.float32), np.array([1200, 2400, 2600], np.float32)
        >>> is_water(*np.stack([lake, soil], axis=1)).tolist()
        [True, False]
    """
    water = _difference(green, nir) > 0
    if swir is not None:
        water &= (_difference(green, swir) > 0) & (swir < WATER_SWIR_DN)
    return np.asarray(water)


def is_vegetation(red: Dn, nir: Dn) -> NDArray[np.bool_]:
    """Find vegetation too dense for a fresh landslide: NDVI of top-of-atmosphere reflectance above 0.65.

    In the 19 patches of Landslide4Sense train with landslides in their mask, 0.5 % of the landslide pixels exceed it,
    and 48 % of the others.

    Args:
        red: B04.
        nir: B08.

    Example:
        >>> forest, soil = np.array([250, 2900], np.float32), np.array([1200, 2400], np.float32)
        >>> is_vegetation(*np.stack([forest, soil], axis=1)).tolist()
        [True, False]
    """
    return np.asarray(_difference(nir, red) > VEGETATION_NDVI)


def is_dark(red: Dn, nir: Dn) -> NDArray[np.bool_]:
    """Find ground dark enough for the shadow of a cloud: near infrared below 0.15 and red below 0.05.

    Near infrared below 0.15 is the threshold of the s2cloudless tutorial of Google Earth Engine. Alone it takes bare,
    moist scars of landslides for shadow; red keeps them.

    Args:
        red: B04.
        nir: B08.

    Example:
        >>> is_dark(np.array([150, 900], np.float32), np.array([1000, 1300], np.float32)).tolist()
        [True, False]
    """
    return np.asarray((nir < SHADOW_NIR_DN) & (red < SHADOW_RED_DN))


def _difference(one: Dn, other: Dn) -> Dn:
    """Normalised difference of two bands; 0 where both are 0, and where their sum is negative."""
    total = one + other
    index: Dn = np.divide(one - other, total, out=np.zeros_like(total), where=total > 0)
    return index
