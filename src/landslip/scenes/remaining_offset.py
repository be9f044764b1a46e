"""Whether the offset of processing baseline 04.00 may still be in reflectance, by its darkest pixels."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand
from landslip.scenes.conversion import Conversion
from landslip.scenes.product_metadata import FIRST_BASELINE_WITH_OFFSET

_FLOOR_DN: Final = 950.0
"""With the offset the darkest 0.1 % of pixels are not below this."""
_LARGE_SAMPLE: Final = 10_000
_DARK: Final = frozenset({"B01", "B02", "B03", "B04", "B05", "B11", "B12"})
"""Channels in which large scenes have pixels below 1,000 DN."""
_BY_WAVELENGTH: Final = ("B02", "B03", "B04", "B05")
_STEP_DN: Final = 800.0
"""Air and dark ground differ by less between channels of neighbouring wavelength, where the longer one is dark."""
_DARK_DN: Final = 600.0


def check_offset(
    bands: Sequence[ChannelBand], made: Sequence[Conversion], samples: Sequence[NDArray[np.float32]]
) -> list[str]:
    """Check whether the offset of processing baseline 04.00 may still be in the values; return warnings.

    Args:
        bands: the reflectance bands.
        made: their conversions.
        samples: valid stored values of each.

    Raises:
        SceneError: the product has the offset by its baseline, nothing tells whether it was removed, and the values
            look as if it were not.
    """
    unknown = [index for index, how in enumerate(made) if not how.offset_known]
    floors = {
        bands[index].channel: float(np.percentile(samples[index].astype(np.float64) * how.gain + how.offset, 0.1))
        for index, how in enumerate(made)
        if samples[index].size and bands[index].file.dtypes[bands[index].band - 1] != "uint8"
    }
    _check_removed(made, floors, min(map(len, samples), default=0))
    warnings = list(_differing(bands, made)) or list(_left_in_one(floors, min(map(len, samples), default=0)))
    open_floors = {
        bands[index].channel: floors[bands[index].channel] for index in unknown if bands[index].channel in floors
    }
    if not open_floors:
        return warnings
    channel = min(open_floors, key=lambda name: open_floors[name])
    lowest = open_floors[channel]
    doubt = next((how.statement for how in made if how.statement and how.statement.in_doubt), None)
    if doubt:
        told = (
            f"{doubt.source} tells processing baseline {doubt.baseline}, which adds 1,000 to every value, but not "
            f"whether that offset was removed"
        )
        if lowest >= _FLOOR_DN:
            raise SceneError(
                f"{told}, and no pixel is below about {lowest:,.0f} DN ({channel}), as if it were not: give offset "
                f"-1000, or 0 if it was removed",
                parameter="offset",
            )
        return [
            *warnings,
            f"{told}; values down to {lowest:,.0f} DN ({channel}) suggest that it was, so they are used as stored: set "
            f"offset to -1000 otherwise",
        ]
    size = min(samples[index].size for index in unknown)
    if lowest >= _FLOOR_DN and size >= _LARGE_SAMPLE and _DARK & set(open_floors):
        warnings.append(
            f"no pixel is below about {lowest:,.0f} DN in any channel (lowest: {channel}): the values may hold the "
            f"offset of 1,000 of Sentinel-2 products since processing baseline 04.00, which makes the scene too "
            f"bright; set offset to -1000 to remove it, or to 0 if there is none"
        )
    return warnings


def _check_removed(made: Sequence[Conversion], floors: Mapping[str, float], size: int) -> None:
    """Check that an offset that metadata tell to be removed is not in the values.

    Raises:
        SceneError: the baseline adds it, and no pixel is as dark as without it.
    """
    told = next((how.statement for how in made if how.statement and how.offset_known and how.offset == 0), None)
    if told is None or told.baseline < FIRST_BASELINE_WITH_OFFSET or size < _LARGE_SAMPLE or not _DARK & set(floors):
        return
    channel = min(floors, key=lambda name: floors[name])
    if floors[channel] >= _FLOOR_DN:
        raise SceneError(
            f"{told.source} tells that the offset of processing baseline {told.baseline} was removed, but no pixel is "
            f"below about {floors[channel]:,.0f} DN ({channel}): give offset -1000 if it is still in the values, or 0 "
            f"to use them as stored",
            parameter="offset",
        )


def _differing(bands: Sequence[ChannelBand], made: Sequence[Conversion]) -> Iterator[str]:
    """Yield a warning if the files state an offset for some channels, and none for others."""
    stated = [(one.channel, how.offset) for one, how in zip(bands, made, strict=True) if how.offset_known]
    silent = [one.channel for one, how in zip(bands, made, strict=True) if not how.offset_known]
    removed = [(name, offset) for name, offset in stated if offset != 0]
    if removed and silent:
        yield (
            f"an offset of {removed[0][1]:+g} DN is stated for {', '.join(name for name, _ in removed)}, and none for "
            f"{', '.join(silent)}, which are used as stored: give all bands from one source, or set one offset for all"
        )


def _left_in_one(floors: Mapping[str, float], size: int) -> Iterator[str]:
    """Yield a warning if the darkest pixels of a channel are as far above those of the next as if an offset were left.

    Args:
        floors: darkest values by channel, in DN.
        size: number of values of the smallest sample.
    """
    if size < _LARGE_SAMPLE:
        return
    for shorter, longer in pairwise(name for name in _BY_WAVELENGTH if name in floors):
        if floors[longer] < _DARK_DN and floors[shorter] - floors[longer] > _STEP_DN and floors[shorter] >= _FLOOR_DN:
            yield (
                f"no pixel of {shorter} is below about {floors[shorter]:,.0f} DN where {longer} goes down to "
                f"{floors[longer]:,.0f}: the offset of 1,000 of processing baseline 04.00 may be left in some channels "
                f"only; give all bands from one source"
            )
            return
