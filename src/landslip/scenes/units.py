"""Units and nodata of the bands of a scene, judged by a sample."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand
from landslip.scenes.channel_units import bands_without_image
from landslip.scenes.conversion import Conversion, GivenUnits, conversion_of
from landslip.scenes.fill import find_fill, find_ground_nodata, find_zeros, percent
from landslip.scenes.plausibility import check_dn, check_steps, check_wrapped
from landslip.scenes.product_metadata import ProductMetadata
from landslip.scenes.remaining_offset import check_offset
from landslip.scenes.terrain_values import check_terrain

_ELEVATION_M = (-1000.0, 9000.0)
_SLOPE_DEG = (0.0, 90.0)
_MANY_ZEROS = 0.005


def find_conversions(bands: Sequence[ChannelBand], given: GivenUnits) -> tuple[list[Conversion], list[str]]:
    """Find the conversion of each band, and declare what is nodata in the files.

    Reflectance: scale and offset as given, else those of the file, else the offset of the product's metadata, else as
    stored; a sample of the result must agree with DN. Terrain: scale and offset of the file.

    Args:
        bands: the bands.
        given: DN = stored value x scale + offset, and the stored value of nodata.

    Returns:
        One conversion per band, and warnings.

    Raises:
        SceneError: the values cannot be DN, degrees or metres, a fill value is not declared, or a given number is not
            allowed.
    """
    given.check()
    metadata = ProductMetadata()
    made = [conversion_of(one, given, metadata) for one in bands]
    _declare_nodata(bands, made, given.nodata)
    stored_values, samples = _samples(bands)
    warnings = _check_fill(bands, samples, made, refuse=given.nodata is None)
    reflectance = [index for index, one in enumerate(bands) if CHANNELS[one.channel].kind == "reflectance"]
    blank = _blank_fraction([samples[index] for index in reflectance], [made[index] for index in reflectance])
    if reflectance:
        chosen = [bands[index] for index in reflectance], [made[index] for index in reflectance]
        stored = [_without_blanks(samples[index], made[index]) for index in reflectance]
        warnings += check_dn(*chosen, stored, given)
        warnings += check_offset(*chosen, stored)
        warnings += given.doubts()
        warnings += check_steps(*chosen)
        warnings += _check_nodata([(bands[index], stored_values[index], samples[index]) for index in reflectance])
        warnings += check_wrapped(chosen[0], stored)
    warnings += bands_without_image(bands, samples)
    warnings += _check_ranges(bands, samples, made)
    if blank > 0:
        warnings.append(
            f"the files declare no nodata value: pixels that are 0 in every reflectance channel, {percent(blank)} of "
            f"the scene, are treated as nodata, as in Sentinel-2 products"
        )
    return made, warnings


def _declare_nodata(bands: Sequence[ChannelBand], made: list[Conversion], nodata: float | None) -> None:
    """Declare the given nodata value in reflectance bands, and in terrain bands where it is impossible there.

    Bands whose product has a nodata value that their file does not declare get that too.
    """
    for index, one in enumerate(bands):
        stated = made[index].statement
        if stated is not None and stated.nodata is not None and not one.file.declares_nodata(one.band):
            one.file.set_nodata(one.band, stated.nodata)
            made[index] = replace(made[index], blank_zero=False)
    if nodata is None or math.isnan(nodata):
        return
    for index, one in enumerate(bands):
        how, limits = made[index], _limits(one)
        if limits is not None and limits[0] <= nodata * how.gain + how.offset <= limits[1]:
            continue
        one.file.set_nodata(one.band, nodata)
        if how.blank_zero:
            made[index] = replace(how, blank_zero=False)


def _limits(one: ChannelBand) -> tuple[float, float] | None:
    """Return the possible values of a terrain channel."""
    return {"elevation": _ELEVATION_M, "slope": _SLOPE_DEG}.get(one.channel)


def _samples(bands: Sequence[ChannelBand]) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Sample each band, each file once: the stored values, and the same with NaN where nodata."""
    stored: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(bands)
    samples = list(stored)
    for indices in _by_file(bands):
        values, valid = bands[indices[0]].file.sample([bands[index].band for index in indices])
        for index, band_values, band_valid in zip(indices, values, valid, strict=True):
            stored[index] = band_values
            samples[index] = np.where(band_valid, band_values, np.float32(np.nan))
    return stored, samples


def _by_file(bands: Sequence[ChannelBand]) -> list[list[int]]:
    """Group the indices of bands by their file."""
    groups: dict[int, list[int]] = {}
    for index, one in enumerate(bands):
        groups.setdefault(id(one.file), []).append(index)
    return list(groups.values())


def _check_fill(
    bands: Sequence[ChannelBand],
    samples: Sequence[NDArray[np.float32]],
    made: Sequence[Conversion],
    *,
    refuse: bool,
) -> list[str]:
    """Check that no file holds a fill value that it does not declare; return warnings.

    Raises:
        SceneError: one value that cannot be a reflectance fills all channels of a file at once.
    """
    warnings: list[str] = []
    for group in _by_file(bands):
        chosen = [index for index in group if CHANNELS[bands[index].channel].kind == "reflectance"]
        if not chosen:
            continue
        values = np.stack([samples[index] for index in chosen])
        valid, name = np.isfinite(values), bands[chosen[0]].file.path.name
        fill = find_fill(values, valid, max(made[index].gain for index in chosen))
        picture = all(bands[index].file.dtypes[bands[index].band - 1] == "uint8" for index in chosen)
        if fill and (picture or not refuse):
            warnings.append(
                f"the value {fill.text} fills all channels of {name} at once in {fill.percent} of a sample and "
                f"counts as valid; if it is nodata, set nodata to {fill.text}"
            )
        elif fill:
            raise SceneError(
                f"the value {fill.text} fills all channels of {name} at once in {fill.percent} of a sample and is "
                f"not declared as nodata: give nodata {fill.text}",
                parameter="nodata",
            )
        zeros = find_zeros(values, valid)
        if zeros >= _MANY_ZEROS and not any(made[index].blank_zero for index in chosen):
            warnings.append(
                f"the value 0 fills all channels of {name} at once in {zeros:.1%} of a sample and counts as valid, "
                f"because another nodata value is declared; if it is nodata, set nodata to 0"
            )
    return warnings


def _check_nodata(sampled: Sequence[tuple[ChannelBand, NDArray[np.float32], NDArray[np.float32]]]) -> list[str]:
    """Check that no nodata value is one of observed ground; return a warning.

    Args:
        sampled: each reflectance band, its stored values, and the same with NaN where nodata.
    """
    for size in dict.fromkeys(stored.size for _, stored, _ in sampled):
        alike = [one for one in sampled if one[1].size == size]
        value, fraction = find_ground_nodata(
            np.stack([stored for _, stored, _ in alike]),
            np.isfinite(np.stack([sample for _, _, sample in alike])),
            [band.file.nodata_values(band.band) for band, _, _ in alike],
        )
        if fraction:
            return [
                f"the nodata value {value:.9g} is among the values of the ground: {fraction:.1%} of a sample hold it "
                f"in some channels only, and are nodata in the result; set nodata to a value that no observed pixel "
                f"holds"
            ]
    return []


def _without_blanks(sample: NDArray[np.float32], how: Conversion) -> NDArray[np.float32]:
    """Return the valid values of a sample, without zeros where these may be nodata."""
    kept = sample[np.isfinite(sample)]
    return kept[kept != 0] if how.blank_zero else kept


def _check_ranges(
    bands: Sequence[ChannelBand], samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion]
) -> list[str]:
    """Check terrain against what is possible, and declare the rest as nodata; return warnings."""
    warnings: list[str] = []
    for one, sample, how in zip(bands, samples, made, strict=True):
        limits = _limits(one)
        if limits is None:
            continue
        with np.errstate(over="ignore"):
            values = sample[np.isfinite(sample)].astype(np.float64) * how.gain + how.offset
        warnings += check_terrain(one, values, *limits)
        one.file.set_range(one.band, *((limit - how.offset) / how.gain for limit in limits))
    return warnings


def _blank_fraction(samples: Sequence[NDArray[np.float32]], made: Sequence[Conversion]) -> float:
    """Return the fraction of a sample that is 0 in every channel where 0 may be nodata."""
    zero = [sample == 0 for sample, how in zip(samples, made, strict=True) if how.blank_zero]
    if not zero:
        return 0.0
    if len({one.size for one in zero}) == 1:
        return float(np.mean(np.logical_and.reduce(zero)))
    # Files of different sizes are sampled at different positions: the fraction is at most this.
    return min(float(np.mean(one)) for one in zero)
