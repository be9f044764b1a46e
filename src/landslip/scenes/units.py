"""Conversion of stored values to DN, degrees and metres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand

_REFLECTANCE_BELOW = 2.0
"""Lower values are reflectance 0..1 (clouds and snow exceed 1), not DN."""
_BRIGHTNESS_BELOW = 256.0
"""Lower values are the brightness of a picture, not DN."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Value in the channel's unit = stored value x gain + offset."""

    gain: float = 1.0
    offset: float = 0.0
    description: str = ""
    """Empty for values used as stored."""
    blank_zero: bool = False
    """Whether a stored 0 may be nodata."""


def find_conversions(bands: Sequence[ChannelBand], scale: float | None) -> tuple[list[Conversion], list[str]]:
    """Find the conversion of each band.

    Reflectance: ``scale`` if given, else scale and offset of the file, else as stored, if a sample agrees with DN.
    Terrain: scale and offset of the file.

    Args:
        bands: the bands.
        scale: DN = stored value x scale, or None.

    Returns:
        One conversion per band, and warnings.

    Raises:
        SceneError: the values are reflectance 0..1 and no scale was given, or the scale is not positive.
    """
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise SceneError(f"scale must be positive (10000 for reflectance in 0..1), got {scale:g}", parameter="scale")
    made = [_conversion(one, scale) for one in bands]
    samples = _samples(bands)
    warnings = []
    as_stored = [
        index
        for index, (one, how) in enumerate(zip(bands, made, strict=True))
        if CHANNELS[one.channel].kind == "reflectance" and not how.description
    ]
    if as_stored and scale is None:
        warnings += _check_dn([bands[index] for index in as_stored], [samples[index] for index in as_stored], made)
    blank = _blank_fraction(samples, made)
    if blank > 0:
        warnings.append(
            f"the files declare no nodata value: pixels that are 0 in every reflectance channel, {_percent(blank)} of "
            f"the scene, are treated as nodata, as in Sentinel-2 products"
        )
    return made, warnings


def _conversion(one: ChannelBand, scale: float | None) -> Conversion:
    """Return the conversion of one band."""
    tag_scale, tag_offset = one.file.scales[one.band - 1], one.file.offsets[one.band - 1]
    tagged = tag_scale != 1 or tag_offset != 0
    channel = CHANNELS[one.channel]
    if channel.kind == "terrain":
        description = f"{channel.unit} = {_line(tag_scale, tag_offset)}, as tagged in the file" if tagged else ""
        return Conversion(tag_scale, tag_offset, description)
    blank_zero = not one.file.declares_nodata(one.band)
    if scale is not None:
        description = f"DN = value x {scale:g}, with the given scale" + (
            ", not as tagged in the file" if tagged else ""
        )
        return Conversion(scale, 0.0, description, blank_zero)
    if tag_scale != 1:
        description = f"DN = {DN_PER_REFLECTANCE:g} x ({_line(tag_scale, tag_offset)}), as tagged in the file"
        return Conversion(tag_scale * DN_PER_REFLECTANCE, tag_offset * DN_PER_REFLECTANCE, description, blank_zero)
    description = f"DN = {_line(1, tag_offset)}, as tagged in the file" if tagged else ""
    return Conversion(1.0, tag_offset, description, blank_zero)


def _line(scale: float, offset: float) -> str:
    """Format ``value x scale + offset``."""
    description = "value" if scale == 1 else f"value x {scale:g}"
    return description if offset == 0 else f"{description} {'-' if offset < 0 else '+'} {abs(offset):g}"


def _samples(bands: Sequence[ChannelBand]) -> list[NDArray[np.float32]]:
    """Sample the stored values of each band, NaN where nodata; each file is read once."""
    by_file: dict[int, list[int]] = {}
    for index, one in enumerate(bands):
        by_file.setdefault(id(one.file), []).append(index)
    samples: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(bands)
    for indices in by_file.values():
        values, valid = bands[indices[0]].file.sample([bands[index].band for index in indices])
        for index, band_values, band_valid in zip(indices, values, valid, strict=True):
            samples[index] = np.where(band_valid, band_values, np.float32(np.nan))
    return samples


def _blank_fraction(samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion]) -> float:
    """Return the fraction of a sample that is 0 in every channel where 0 may be nodata."""
    zero = [sample == 0 for sample, how in zip(samples, made, strict=True) if how.blank_zero]
    if not zero:
        return 0.0
    if len({one.size for one in zero}) == 1:
        return float(np.mean(np.logical_and.reduce(zero)))
    # Files of different sizes are sampled at different positions: the fraction is at most this.
    return min(float(np.mean(one)) for one in zero)


def _percent(fraction: float) -> str:
    return f"about {fraction:.1%}" if fraction >= 0.001 else "less than 0.1%"


def _check_dn(
    bands: Sequence[ChannelBand], samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion]
) -> list[str]:
    """Check that reflectance channels used as stored can be DN; return warnings.

    Raises:
        SceneError: they are reflectance 0..1.
    """
    values = np.concatenate([sample[np.isfinite(sample)] for sample in samples])
    if any(how.blank_zero for how in made):
        values = values[values != 0]
    if not values.size:
        return []
    # Not the maximum: one saturated pixel must not decide.
    high = float(np.percentile(values, 99))
    if high <= _REFLECTANCE_BELOW:
        raise SceneError(
            f"the values of {bands[0].file.path.name} reach {high:.3g}, too low for DN (reflectance x 10,000): if they "
            f"are reflectance in 0..1, give scale 10000",
            parameter="scale",
        )
    if high < _BRIGHTNESS_BELOW or all(one.file.dtypes[one.band - 1] == "uint8" for one in bands):
        return [
            f"the values reach {high:.3g}, so they are picture brightness, not DN (reflectance x 10,000): results are "
            f"reliable only with a detector that is independent of overall brightness; a scale converts them to DN"
        ]
    return []
