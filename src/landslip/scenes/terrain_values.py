"""Whether values of terrain channels can be elevation in metres and slope in degrees."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.errors import SceneError
from landslip.scenes.bands import ChannelBand
from landslip.scenes.fill import percent

_ENOUGH: Final = 10_000
_MANY: Final = 0.05
_DISTINCT: Final = 16
"""Different impossible values from which they are no fill values."""
_LEAST_ZEROS: Final = 5e-4
_ALONE_M: Final = 100.0
"""Ground by the sea has elevations between 0 and this."""


def check_terrain(one: ChannelBand, values: NDArray[np.float64], lowest: float, highest: float) -> list[str]:
    """Check elevation in metres or slope in degrees against what is possible; return warnings.

    Args:
        one: the band.
        values: valid values of a sample, converted.
        lowest: possible value.
        highest: possible value.

    Raises:
        SceneError: a slope is impossible, or every elevation is, or too many different ones are to be fill values.
    """
    outside = (values < lowest) | (values > highest)
    if one.channel == "slope" and values.size >= _ENOUGH and 0.2 < values.max() <= np.pi / 2:
        return [
            f"the slope of {one.label} is nowhere above {values.max():.3g} degrees: convert it to degrees if it is in "
            f"radians, or in rise over run"
        ]
    if not outside.any():
        return _zero_voids(one, values) if one.channel == "elevation" else []
    unit = CHANNELS[one.channel].unit
    low, high = float(values.min()), float(values.max())
    if one.channel == "slope":
        raise SceneError(
            f"the slope of {one.label} is {low:.5g} to {high:.5g}, outside 0 to 90 degrees in "
            f"{percent(outside.mean())} of a sample: give slope in degrees, and declare a fill value as nodata",
            parameter="nodata" if low < lowest else None,
        )
    if outside.all() or _is_other_unit(values[outside], float(outside.mean())):
        raise SceneError(
            f"the elevation of {one.label} is {low:.5g} to {high:.5g}, outside {lowest:,.0f} to {highest:,.0f} m "
            f"{'everywhere' if outside.all() else f'in {percent(outside.mean())} of a sample'}: give elevation in "
            f"metres"
        )
    return [
        f"elevation of {one.label} outside {lowest:,.0f} to {highest:,.0f} {unit} ({percent(outside.mean())} of a "
        f"sample, {low if low < lowest else high:.6g}) is treated as nodata",
        *_zero_voids(one, values[~outside]),
    ]


def _is_other_unit(impossible: NDArray[np.float64], fraction: float) -> bool:
    """Return whether impossible elevations are many different values, as of another unit, and no fill value."""
    distinct, counts = np.unique(impossible, return_counts=True)
    return fraction > _MANY and len(distinct) >= _DISTINCT and counts.max() < len(impossible) / 2


def _zero_voids(one: ChannelBand, values: NDArray[np.float64]) -> list[str]:
    """Return a warning if an elevation of 0 stands apart from all others: voids, and no sea."""
    zero = values == 0
    rest = values[~zero]
    if zero.mean() < _LEAST_ZEROS or not rest.size or np.abs(rest).min() < _ALONE_M:
        return []
    return [
        f"elevation of {one.label} is 0 in {percent(zero.mean())} of a sample and elsewhere {rest.min():,.0f} m "
        f"or more: if 0 marks voids, declare it with gdal_edit -a_nodata 0, because it counts as sea level"
    ]
