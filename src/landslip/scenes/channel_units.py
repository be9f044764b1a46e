"""Reflectance channels compared with each other: units that differ between bands, and values of no surface."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.scenes.bands import ChannelBand
from landslip.scenes.conversion import Conversion

REFLECTANCE_BELOW = 2.0
"""Lower values are reflectance 0..1 (clouds and snow exceed 1), not DN."""
IMPOSSIBLE_MEDIAN_DN = 20_000.0
_MAX_NEGATIVE = 0.2
_ENOUGH = 1000
"""Values of a sample from which a band can be judged to be constant."""
_APART = 30.0
"""Factor by which reflectance of two channels differs only with different units, if their scales differ so too."""
_FAR_APART = 100.0
"""Factor by which no two channels of land differ; over open water the short-wave infrared may."""

_COMPARED = frozenset({"B02", "B03", "B04", "B08"})
_TIMES_BRIGHTER = 3.0
"""A visible channel is not that much brighter than all others, even over red soil; near infrared of vegetation is."""

Doubt = tuple[str, str]
"""A message, and the parameter that settles it."""


@dataclass(frozen=True)
class ChannelSample:
    """A reflectance channel: its conversion and a sample."""

    band: ChannelBand
    how: Conversion
    stored: NDArray[np.float32]
    dn: NDArray[np.float64]
    """The sample converted, without nodata; not empty."""

    @cached_property
    def top(self) -> float:
        """The 99th percentile: one saturated pixel must not decide."""
        return float(np.percentile(self.dn, 99))

    @property
    def origin(self) -> str:
        """Where the values come from."""
        return describe_origin(self.band, self.how, self.stored)


def other_units(channels: Sequence[ChannelSample], high: float) -> Iterator[Doubt]:
    """Yield a doubt about each channel whose scale, or whose values, differ from the others by orders of magnitude.

    Args:
        channels: of the scene.
        high: 99th percentile of all channels together.
    """
    for one, top, gain in _with_usual(channels):
        ratio, by_scale = one.top / top, one.how.gain / gain
        if not 1 / _APART <= ratio <= _APART and not 1 / _APART <= by_scale <= _APART:
            yield _other_scale(one, by_scale, top), "scale"
    for one in channels:
        if 0 <= one.top <= REFLECTANCE_BELOW < high:
            yield _reflectance_among_dn(one, high), "scale"


def impossible_channels(channels: Sequence[ChannelSample]) -> Iterator[Doubt]:
    """Yield a doubt about each channel that is largely negative, or brighter than any surface."""
    for one in channels:
        negative, median = float((one.dn < 0).mean()), float(np.median(one.dn))
        if negative > _MAX_NEGATIVE:
            yield _negative(one.origin, one.band.channel, negative), "offset"
        elif median > IMPOSSIBLE_MEDIAN_DN:
            yield describe_too_high(median, one.origin), "scale"


def much_darker_channels(channels: Sequence[ChannelSample]) -> list[str]:
    """Return a warning for each channel that is far darker than the others without another scale."""
    return [
        f"{one.band.channel} of {one.band.label} reaches {one.top:.3g} DN where other channels reach {top:,.4g}: it is "
        f"in other units than they are, unless the scene is open water"
        for one, top, _ in _with_usual(channels)
        if one.top < top / _FAR_APART
    ]


def brightest_visible(channels: Sequence[ChannelSample]) -> list[str]:
    """Return a warning if a visible channel is far brighter than all others, as if it were near infrared."""
    compared = [one for one in channels if one.band.channel in _COMPARED and one.dn.size >= _ENOUGH]
    medians = {one.band.channel: float(np.median(one.dn)) for one in compared}
    for one in compared:
        name = one.band.channel
        others = [median for other, median in medians.items() if other != name]
        if name != "B08" and len(others) >= 2 and 0 < _TIMES_BRIGHTER * max(others) < medians[name]:
            listed = ", ".join(f"{other} {median:,.0f}" for other, median in medians.items() if other != name)
            return [
                f"{name} of {one.band.label} has a median of {medians[name]:,.0f} DN where others have less than a "
                f"third of it ({listed}), as near infrared over vegetation: if the bands are in another order or the "
                f"picture is in false colour, name the bands with channels"
            ]
    return []


def bands_without_image(bands: Sequence[ChannelBand], samples: Sequence[NDArray[np.float32]]) -> list[str]:
    """Return warnings on bands that are constant, and on bands that hold the same values.

    Args:
        bands: the bands, of reflectance and terrain.
        samples: stored values of each, NaN where nodata.
    """
    warnings: list[str] = []
    varied: list[tuple[ChannelBand, NDArray[np.float32]]] = []
    for one, sample in zip(bands, samples, strict=True):
        terrain = CHANNELS[one.channel].kind == "terrain"
        values = sample[np.isfinite(sample) & (terrain | (sample != 0))]
        if values.size < _ENOUGH:
            continue
        if values.min() == values.max():
            held = "terrain" if terrain else "image"
            if terrain or len(bands) > 1:
                warnings.append(f"{one.channel} of {one.label} is {values[0]:g} everywhere: it holds no {held}")
            continue
        same = next((other for other, held in varied if np.array_equal(held, sample, equal_nan=True)), None)
        if same is None:
            varied.append((one, sample))
        else:
            why = "it was saved twice" if terrain else "the image is grey there, or a band was saved twice"
            warnings.append(
                f"{one.channel} of {one.label} holds the same values as {same.channel} of {same.label}: {why}"
            )
    return warnings


def _with_usual(channels: Sequence[ChannelSample]) -> Iterator[tuple[ChannelSample, float, float]]:
    """Yield each channel with the median of the tops and of the gains of the others."""
    for one in channels:
        others = [other for other in channels if other is not one]
        top = float(np.median([other.top for other in others])) if others else 0.0
        if top > 0 and one.top > 0:
            yield one, top, float(np.median([other.how.gain for other in others]))


def _other_scale(one: ChannelSample, factor: float, usual_top: float) -> str:
    """Return the message for a channel whose scale differs from that of the others by orders of magnitude."""
    compared = f"{factor:,.4g} times" if factor > 1 else f"1/{1 / factor:,.4g} of"
    return (
        f"the scale of {one.band.channel} in {one.band.label} is {compared} that of the other channels, which gives "
        f"{one.top:,.3g} DN where they reach {usual_top:,.4g}: correct its scale tag with gdal_edit -scale, or give "
        f"one scale for all bands"
    )


def _reflectance_among_dn(one: ChannelSample, high: float) -> str:
    """Return the message for reflectance 0..1 among channels in DN."""
    return (
        f"{one.band.channel} of {one.band.label} reaches {one.top:.3g} DN where other channels reach {high:,.5g}: "
        f"convert all files to the same units"
    )


def describe_too_high(median: float, why: str) -> str:
    """Return the message for values above those of any surface."""
    return (
        f"{why}, the median would be {median:,.6g} DN, far above any land surface (at most about 10,000): give the "
        f"scale that converts the stored values to DN, 1 if they are DN"
    )


def _negative(why: str, channel: str, fraction: float) -> str:
    """Return the message for a channel of negative values."""
    return (
        f"{why}, {fraction:.0%} of {channel} would be negative, as if an offset were removed twice: give the offset of "
        f"the stored values in DN, 0 if they have none"
    )


def describe_origin(one: ChannelBand, how: Conversion, sample: NDArray[np.float32]) -> str:
    """Return where values come from: file, range of stored values and conversion."""
    low, high = (float(edge) for edge in np.percentile(sample, [1, 99])) if sample.size else (0.0, 0.0)
    converted = f" and are converted by {how.description}" if how.description else " and are used as DN"
    return f"the values of {one.label} are {low:.4g} to {high:.4g}{converted}"
