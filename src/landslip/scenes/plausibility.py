"""Whether converted values can be DN, degrees or metres: wrong units give a plausible map of the wrong places."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand
from landslip.scenes.channel_units import (
    IMPOSSIBLE_MEDIAN_DN,
    REFLECTANCE_BELOW,
    ChannelSample,
    brightest_visible,
    describe_origin,
    describe_too_high,
    impossible_channels,
    much_darker_channels,
    other_units,
)
from landslip.scenes.conversion import Conversion, GivenUnits, is_patch_image
from landslip.scenes.fill import find_fill, percent

_BRIGHTNESS_BELOW = 256.0
"""Lower values are the brightness of a picture, not DN."""
_BRIGHT_MEDIAN_DN = 10_000.0
"""Fresh snow and clouds reach this median."""
_MOST = 0.5
_WRAPPED = 62_000
"""Values of 16 bits above this may be small negative numbers."""
_LEAST_WRAPPED = 8
"""Different values from which they are no fill value."""
_NEAR_ZERO = frozenset({"B09", "B10"})
"""Channels that are near 0 by nature: the air absorbs them."""


def check_dn(
    bands: Sequence[ChannelBand], made: Sequence[Conversion], samples: Sequence[NDArray[np.float32]], given: GivenUnits
) -> list[str]:
    """Check that converted reflectance can be DN; return warnings.

    Args:
        bands: the reflectance bands.
        made: their conversions.
        samples: valid stored values of each band.
        given: what the user gave.

    Raises:
        SceneError: it cannot, and the user gave no scale.
    """
    converted = [
        np.asarray(sample, np.float64) * how.gain + how.offset for sample, how in zip(samples, made, strict=True)
    ]
    # What float32 cannot hold is nodata.
    converted = [values[np.abs(values) <= np.finfo(np.float32).max] for values in converted]
    usable = [index for index, values in enumerate(converted) if values.size and values.any()]
    if not usable:
        return []
    together = np.concatenate([converted[index] for index in usable])
    # Not the maximum: one saturated pixel must not decide.
    high, median = float(np.percentile(together, 99)), float(np.median(together))
    first = usable[0]
    why = describe_origin(bands[first], made[first], samples[first])
    doubts: list[tuple[str, str]] = []
    if 0 <= high <= REFLECTANCE_BELOW:
        doubts.append((_too_low(high, why, given), "scale"))
    if median > IMPOSSIBLE_MEDIAN_DN:
        doubts.append((describe_too_high(median, why), "scale"))
    chosen = [index for index in usable if bands[index].channel not in _NEAR_ZERO]
    compared = [ChannelSample(bands[index], made[index], samples[index], converted[index]) for index in chosen]
    doubts += other_units(compared, high)
    doubts += impossible_channels(compared)
    if doubts and given.scale is None:
        raise SceneError(doubts[0][0], parameter=doubts[0][1])
    # A scale that the user gave is not overruled.
    warnings = [message for message, _ in doubts[:1]] or much_darker_channels(compared)
    brightest = max(usable, key=lambda index: float(np.median(converted[index])))
    highest = max(median, float(np.median(converted[brightest])))
    if not doubts and highest > _BRIGHT_MEDIAN_DN:
        where = describe_origin(bands[brightest], made[brightest], samples[brightest])
        warnings.append(
            f"{where}, the median is {highest:,.5g} DN, which only clouds and fresh snow reach: the scale is wrong "
            f"unless these cover the scene; set scale to what converts the stored values to DN"
        )
    stored_as_is = given.scale is None and all(
        made[index].gain == 1 or is_patch_image(bands[index].file.path) for index in usable
    )
    warnings += brightest_visible(compared)
    if given.scale is None and high < _BRIGHTNESS_BELOW and _fractional(samples, made, usable):
        raise SceneError(
            f"the values of {bands[first].label} reach {high:.3g} and are no whole numbers, so they are neither DN "
            f"(reflectance x 10,000) nor the brightness of a picture: if they are reflectance in percent, give scale "
            f"100, or 1 to use them as stored",
            parameter="scale",
        )
    eight_bit = stored_as_is and all(bands[index].file.dtypes[bands[index].band - 1] == "uint8" for index in usable)
    if high < _BRIGHTNESS_BELOW or eight_bit:
        warnings.append(
            f"the values reach {high:.3g}, so they are picture brightness, not DN (reflectance x 10,000): results are "
            f"reliable only with a detector that is independent of overall brightness; a scale converts them to DN"
        )
    return warnings


def _fractional(samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion], usable: Sequence[int]) -> bool:
    """Return whether most stored values are no whole numbers, in channels that are used as stored."""
    if any(made[index].gain != 1 for index in usable):
        return False
    stored = np.concatenate([samples[index] for index in usable])
    return bool(np.mean(stored != np.rint(stored)) > _MOST)


def _too_low(high: float, why: str, given: GivenUnits) -> str:
    """Return the error message for values that are reflectance 0..1."""
    if given.scale is None and "tagged" in why:
        return (
            f"{why}, which gives at most {high:.3g} DN: the values are reflectance in 0..1 already and the scale tag "
            f"is left over, give scale 10000 to ignore the tag"
        )
    name = why.split(",")[0].removeprefix("the values of ")
    return (
        f"the values of {name} reach {high:.3g}, too low for DN (reflectance x 10,000): if they are reflectance in "
        f"0..1, give scale 10000"
    )


def check_steps(bands: Sequence[ChannelBand], made: Sequence[Conversion]) -> list[str]:
    """Check whether reflectance is stored in few steps; return warnings."""
    for one, how in zip(bands, made, strict=True):
        if one.file.dtypes[one.band - 1] != "uint8" or how.gain <= 1:
            continue
        if how.statement is not None and how.offset_known:
            return [
                f"{one.label} holds reflectance in 8 bits, in steps of {how.gain:.0f} DN, which is coarse for dark "
                f"ground: export it in 16 bits, or as float"
            ]
        if not is_patch_image(one.file.path):
            return [
                f"{one.label} holds 8 bits, which become steps of {how.gain:.3g} DN up to {255 * how.gain:,.0f} DN: "
                f"pictures such as TCI are stretched and cut off at both ends, so use the bands of the product where "
                f"they can be had"
            ]
    return []


def check_wrapped(bands: Sequence[ChannelBand], samples: Sequence[NDArray[np.float32]]) -> list[str]:
    """Check for integers that were wrapped: negative values stored without a sign, or bright ones with one.

    Args:
        bands: the reflectance bands.
        samples: valid stored values of each.
    """
    for one, sample in zip(bands, samples, strict=True):
        if one.file.dtypes[one.band - 1] == "uint16":
            wrapped, between = (sample > _WRAPPED) & (sample < 65_535), (sample > 40_000) & (sample <= _WRAPPED)
            what, remedy = "negative values", "subtract offsets in a type with a sign, such as int16"
        elif one.file.dtypes[one.band - 1] == "int16":
            wrapped, between = sample < -12_000, (sample < -4000) & (sample >= -12_000)
            what, remedy = "values above 32,767", "save them as uint16"
        else:
            continue
        found = sample[wrapped]
        # A fill value is one value only; saturated clouds have values just below them.
        if len(np.unique(found[:1000])) < _LEAST_WRAPPED or between.sum() * 20 > len(found):
            continue
        return [
            f"{one.channel} of {one.label} has values of {found.min():.0f} to {found.max():.0f} in "
            f"{percent(len(found) / sample.size)} of a sample and none near them: {what} were wrapped around, {remedy}"
        ]
    return []


def scale_array(values: NDArray[np.float32], scale: float | None) -> NDArray[np.float32]:
    """Convert reflectance values in memory to DN.

    Raises:
        SceneError: the scale is not positive.
    """
    GivenUnits(scale).check()
    with np.errstate(over="ignore"):
        return values if scale is None else values * np.float32(scale)


def check_array(values: NDArray[np.float32]) -> None:
    """Check that reflectance values in memory can be DN.

    Args:
        values: valid values of the reflectance channels (C, N); zeros do not count.

    Raises:
        SceneError: they are reflectance in 0..1, or far above any land surface, or hold a fill value.
    """
    kept = values[values != 0]
    if not kept.size:
        return
    fill = find_fill(values, np.isfinite(values))
    if fill:
        raise SceneError(
            f"the value {fill.text} fills all channels of the array at once in {fill.percent} of its pixels: set "
            f"these to NaN, or to False in valid",
            parameter="valid",
        )
    high, median = float(np.percentile(kept, 99)), float(np.median(kept))
    if high <= REFLECTANCE_BELOW:
        raise SceneError(
            f"the reflectance values reach {high:.3g}, which cannot be DN (reflectance x 10,000): for reflectance in "
            f"0..1 give scale=10000",
            parameter="scale",
        )
    if median > IMPOSSIBLE_MEDIAN_DN:
        raise SceneError(
            f"the median of the reflectance values is {median:,.6g}, far above any land surface (at most about 10,000 "
            f"DN): give the scale that converts them to DN",
            parameter="scale",
        )
