"""The channel table: every channel of an image by name, with unit and origin, and spectral indices.

A detector of two dates has each spectral channel twice: ``B04`` is that after the event, ``B04_before`` that before it.

Wavelengths and resolutions are those of Sentinel-2A MSI (ESA, Sentinel-2 User Handbook). The Landslide4Sense (L4S)
divisors convert its values back to physical units: value x divisor is a whole DN, degree or metre, bit-exact.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.errors import ChannelError

DN_PER_REFLECTANCE = 10_000.0


@dataclass(frozen=True, slots=True)
class Channel:
    """One input of a detector."""

    name: str
    kind: Literal["reflectance", "terrain"]
    unit: Literal["DN", "deg", "m"]
    title: str
    wavelength_nm: float | None
    resolution_m: float | None
    common_name: str | None
    """Name in the STAC electro-optical extension, where it is unambiguous."""
    l4s_index: int | None
    l4s_divisor: float | None
    levels: frozenset[str]
    """Sentinel-2 product levels that carry it."""


_BOTH = frozenset({"L1C", "L2A"})
_L1C = frozenset({"L1C"})
_NONE: frozenset[str] = frozenset()

_TABLE = (
    Channel("B01", "reflectance", "DN", "coastal aerosol", 442.7, 60, "coastal", 0, 1111.81236406, _BOTH),
    Channel("B02", "reflectance", "DN", "blue", 492.4, 10, "blue", 1, 824.63171476, _BOTH),
    Channel("B03", "reflectance", "DN", "green", 559.8, 10, "green", 2, 663.41636217, _BOTH),
    Channel("B04", "reflectance", "DN", "red", 664.6, 10, "red", 3, 445.17289745, _BOTH),
    Channel("B05", "reflectance", "DN", "red edge 1", 704.1, 20, "rededge071", 4, 645.8582926, _BOTH),
    Channel("B06", "reflectance", "DN", "red edge 2", 740.5, 20, "rededge075", 5, 1547.73508126, _BOTH),
    Channel("B07", "reflectance", "DN", "red edge 3", 782.8, 20, "rededge078", 6, 1960.44401001, _BOTH),
    Channel("B08", "reflectance", "DN", "near infrared", 832.8, 10, "nir", 7, 1941.32229668, _BOTH),
    Channel("B8A", "reflectance", "DN", "narrow near infrared", 864.7, 20, "nir08", None, None, _BOTH),
    Channel("B09", "reflectance", "DN", "water vapour", 945.1, 60, "nir09", 8, 674.07572865, _BOTH),
    Channel("B10", "reflectance", "DN", "cirrus", 1373.5, 60, "cirrus", 9, 9.04787384, _L1C),
    Channel("B11", "reflectance", "DN", "short-wave infrared 1", 1613.7, 20, "swir16", 10, 1113.98338755, _BOTH),
    Channel("B12", "reflectance", "DN", "short-wave infrared 2", 2202.4, 20, "swir22", 11, 519.90397929, _BOTH),
    Channel("slope", "terrain", "deg", "slope", None, None, None, 12, 20.29228266, _NONE),
    Channel("elevation", "terrain", "m", "elevation", None, None, None, 13, 772.83144788, _NONE),
)

CHANNELS: Mapping[str, Channel] = MappingProxyType({channel.name: channel for channel in _TABLE})
"""Every channel by its name, in the order of the spectrum and then the terrain."""

BEFORE_SUFFIX: Final = "_before"
"""Ends the name of a channel of the image before an event."""

DETECTOR_INPUTS: Mapping[str, Channel] = MappingProxyType(
    dict(CHANNELS)
    | {
        channel.name + BEFORE_SUFFIX: replace(
            channel,
            name=channel.name + BEFORE_SUFFIX,
            title=f"{channel.title} before the event",
            common_name=None,
            l4s_index=None,
        )
        for channel in _TABLE
        if channel.kind == "reflectance"
    }
)
"""Every channel that a detector may take: ``CHANNELS``, and the spectral ones of an image before an event."""

DN_PER_STEP: Final = 4.7 / 255
"""L4S value of one step of an RGB patch image, in place of the unknown max(x) / 255 (see ``landslip.datasets.rgb``)."""

TRUE_COLOUR = ("B04", "B03", "B02")
"""Red, green, blue."""

_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {channel.name.lower(): channel.name for channel in _TABLE}
    | {channel.name.lower().replace("b0", "b"): channel.name for channel in _TABLE}
    | {channel.common_name: channel.name for channel in _TABLE if channel.common_name}
    | {"dem": "elevation", "dsm": "elevation", "height": "elevation"}
)


def find_channel(text: str) -> Channel:
    """Find a channel by its name, a short spelling (``B4``) or its STAC common name (``red``).

    Raises:
        ChannelError: the channel is unknown.

    Example:
        >>> find_channel("red").name, find_channel("b4").name, find_channel("b4_before").name
        ('B04', 'B04', 'B04_before')
    """
    given = text.strip().lower()
    is_before = given.endswith(BEFORE_SUFFIX)
    name = _SPELLINGS.get(given.removesuffix(BEFORE_SUFFIX))
    if is_before and name is not None and name + BEFORE_SUFFIX in DETECTOR_INPUTS:
        return DETECTOR_INPUTS[name + BEFORE_SUFFIX]
    if name is None or is_before:
        raise ChannelError(
            f"unknown channel '{text}': expected {', '.join(CHANNELS)} or a STAC common name such as red or nir; "
            f"a spectral channel of an image before an event ends with {BEFORE_SUFFIX}",
            parameter="channels",
        )
    return CHANNELS[name]


def name_before(channels: Iterable[str]) -> tuple[str, ...]:
    """Return the names of channels of the image before an event.

    Example:
        >>> name_before(["B04", "B03"])
        ('B04_before', 'B03_before')
    """
    return tuple(name + BEFORE_SUFFIX for name in channels)


def split_dates(channels: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the channels of a detector into those of the image after an event and those of the image before it.

    Returns:
        Names of both images, in the order given and without the suffix; the second is empty for a detector of one date.

    Example:
        >>> split_dates(["B04", "B04_before", "slope"])
        (('B04', 'slope'), ('B04',))
    """
    names = tuple(channels)
    after = tuple(name for name in names if not name.endswith(BEFORE_SUFFIX))
    return after, tuple(name.removesuffix(BEFORE_SUFFIX) for name in names if name.endswith(BEFORE_SUFFIX))


def find_channels(texts: Iterable[str]) -> tuple[str, ...]:
    """Convert spellings to channel names, in the order given.

    Raises:
        ChannelError: a channel is unknown or given twice.
    """
    names = tuple(find_channel(text).name for text in texts)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ChannelError(f"channel {', '.join(twice)} is given more than once: name each once", parameter="channels")
    return names


def patch_image_gain(channel: str) -> float:
    """Return the relative DN of one step of an RGB patch image (``img/image_N.png``), in float32.

    Every reader of such images uses this factor, so that scores and maps of one image have the same values.

    Example:
        >>> round(patch_image_gain("B04"), 3)
        8.205
    """
    divisor = CHANNELS[channel].l4s_divisor
    if divisor is None:
        raise ChannelError(f"channel {channel} is not in Landslide4Sense", parameter="channels")
    return float(np.float32(divisor) * np.float32(DN_PER_STEP))


def ndvi(red: NDArray[np.float32], nir: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the normalised difference vegetation index (Rouse et al. 1974).

    Args:
        red: reflectance or DN, any shape.
        nir: of the same shape.

    Returns:
        -1 to 1; 0 where both are 0.

    Example:
        >>> ndvi(np.array([500.0, 0.0], np.float32), np.array([1500.0, 0.0], np.float32)).tolist()
        [0.5, 0.0]
    """
    total = nir + red
    index: NDArray[np.float32] = np.divide(nir - red, total, out=np.zeros_like(total), where=total != 0)
    return index
