"""How the stored values of files become DN, degrees and metres."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS, DN_PER_REFLECTANCE
from landslip.errors import SceneError
from landslip.scenes.bands import TakenBand

_REFLECTANCE_BELOW = 2.0
"""Values up to here are reflectance 0..1 (clouds and snow exceed 1), not DN."""
_BRIGHTNESS_BELOW = 256.0
"""Values up to here are brightness of a picture, not DN."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Stored value x gain + offset is the value in the channel's unit; and what a stored 0 means."""

    gain: float = 1.0
    offset: float = 0.0
    words: str = ""
    blank_zero: bool = False


def conversions(taken: Sequence[TakenBand], scale: float | None) -> tuple[list[Conversion], list[str]]:
    """How each band taken becomes its channel.

    Reflectance: by ``scale`` if given, else by the file's own scale and offset, else as stored, once a sample shows
    that this can be DN. Terrain: by the file's own scale and offset.

    Args:
        taken: the bands.
        scale: DN = stored value x scale, or None.

    Returns:
        One conversion a band, and warnings.

    Raises:
        SceneError: the values are reflectance 0..1 and no scale was given, or the scale is no positive number.
    """
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise SceneError(f"--scale {scale} is no factor: give what turns a value into reflectance x 10,000, as 10000")
    made = [_conversion(one, scale) for one in taken]
    samples = _samples(taken)
    warnings = []
    as_stored = [
        index
        for index, (one, how) in enumerate(zip(taken, made, strict=True))
        if CHANNELS[one.channel].kind == "reflectance" and not how.words
    ]
    if as_stored and scale is None:
        warnings += _doubts([taken[index] for index in as_stored], [samples[index] for index in as_stored], made)
    blank = _blank_share(samples, made)
    if blank > 0:
        warnings.append(
            f"the files declare no nodata value: where every reflectance channel is 0, {_percent(blank)} of the scene, "
            f"nothing was observed (Sentinel-2 products mean it so)"
        )
    return made, warnings


def _conversion(one: TakenBand, scale: float | None) -> Conversion:
    """How one band becomes its channel."""
    tag_scale, tag_offset = one.file.scales[one.band - 1], one.file.offsets[one.band - 1]
    tagged = tag_scale != 1 or tag_offset != 0
    channel = CHANNELS[one.channel]
    if channel.kind == "terrain":
        words = f"{channel.unit} = {_line(tag_scale, tag_offset)}, as the file says" if tagged else ""
        return Conversion(tag_scale, tag_offset, words)
    blank_zero = not one.file.declares_missing(one.band)
    if scale is not None:
        words = f"DN = value x {scale:g}, as --scale says" + (", not as the file says" if tagged else "")
        return Conversion(scale, 0.0, words, blank_zero)
    if tag_scale != 1:
        words = f"DN = {DN_PER_REFLECTANCE:g} x ({_line(tag_scale, tag_offset)}), as the file says"
        return Conversion(tag_scale * DN_PER_REFLECTANCE, tag_offset * DN_PER_REFLECTANCE, words, blank_zero)
    words = f"DN = {_line(1, tag_offset)}, as the file says" if tagged else ""
    return Conversion(1.0, tag_offset, words, blank_zero)


def _line(scale: float, offset: float) -> str:
    """``value x scale + offset`` in words."""
    words = "value" if scale == 1 else f"value x {scale:g}"
    return words if offset == 0 else f"{words} {'-' if offset < 0 else '+'} {abs(offset):g}"


def _samples(taken: Sequence[TakenBand]) -> list[NDArray[np.float32]]:
    """A sample of the stored values of each band, NaN where not observed; each file is read once."""
    by_file: dict[int, list[int]] = {}
    for index, one in enumerate(taken):
        by_file.setdefault(id(one.file), []).append(index)
    samples: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(taken)
    for indices in by_file.values():
        values, seen = taken[indices[0]].file.sample([taken[index].band for index in indices])
        for index, band_values, band_seen in zip(indices, values, seen, strict=True):
            samples[index] = np.where(band_seen, band_values, np.float32(np.nan))
    return samples


def _blank_share(samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion]) -> float:
    """The share of a sample that is 0 in every channel where that means nothing was observed."""
    zero = [sample == 0 for sample, how in zip(samples, made, strict=True) if how.blank_zero]
    if not zero:
        return 0.0
    if len({one.size for one in zero}) == 1:
        return float(np.mean(np.logical_and.reduce(zero)))
    # Files of several sizes are sampled in different places: the share is at most this.
    return min(float(np.mean(one)) for one in zero)


def _percent(share: float) -> str:
    """A share in words."""
    return f"about {share:.1%}" if share >= 0.001 else "less than 0.1%"


def _doubts(
    bands: Sequence[TakenBand], samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion]
) -> list[str]:
    """Judge whether reflectance channels taken as stored can be DN.

    Raises:
        SceneError: they are reflectance 0..1.
    """
    seen = np.concatenate([sample[np.isfinite(sample)] for sample in samples])
    if any(how.blank_zero for how in made):
        seen = seen[seen != 0]
    if not seen.size:
        return []
    # Not the largest: one saturated pixel must not hide what the others say.
    high = float(np.percentile(seen, 99))
    if high <= _REFLECTANCE_BELOW:
        raise SceneError(
            f"the values of {bands[0].file.path.name} reach {high:.3g}, which cannot be DN (reflectance x 10,000): if "
            f"they are reflectance from 0 to 1, give --scale 10000"
        )
    if high < _BRIGHTNESS_BELOW or all(one.file.dtypes[one.band - 1] == "uint8" for one in bands):
        return [
            f"the values reach {high:.3g}, so they are brightness, not DN (reflectance x 10,000): they are taken as "
            f"they are, and only a detector that does not hang on overall brightness can be trusted; --scale FACTOR "
            f"turns them into DN"
        ]
    return []
