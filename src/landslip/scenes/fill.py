"""Fill values that a file does not declare: one extreme value in all channels at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_FRACTION = 5e-4
_LEAST_COUNT = 8
_BRIGHTEST_DN = 16_000.0
"""Clouds and snow stay below; higher values that fill all channels at once are no measurement."""
_LEAST_GROUND = 1e-3
_BESIDE = 0.05
"""A value this far from the range of the others, as a fraction of the range, is still amid them."""
_COMMON_FILLS = frozenset({255.0, 9999.0, 32767.0, 65535.0, 99999.0})
_HIGHEST_INTEGERS = frozenset({32767.0, 65535.0})
"""Fill where nothing else is valid, too."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A stored value that fills all channels at once, and the fraction of the sample that it fills."""

    value: float
    fraction: float

    @property
    def text(self) -> str:
        """The value with all digits that float32 holds, so that it can be given back."""
        return f"{float(str(np.float32(self.value))):.9g}"

    @property
    def percent(self) -> str:
        """The fraction for a message."""
        return f"{self.fraction:.1%}" if self.fraction >= 0.001 else "less than 0.1%"


def percent(fraction: float) -> str:
    """Format a fraction of a sample."""
    return f"about {fraction:.1%}" if fraction >= 0.001 else "less than 0.1%"


def find_fill(values: NDArray[np.float32], valid: NDArray[np.bool_], to_dn: float = 1.0) -> Fill | None:
    """Find a fill value in a sample of reflectance channels.

    A value counts as fill if it is the lowest or highest of the sample, is the same in all channels at once, stands
    apart from all other values, and cannot be a reflectance: it is negative, or above that of clouds and snow.

    Args:
        values: stored values (n, k) of the channels of one file.
        valid: (n, k), False for declared nodata.
        to_dn: factor from stored values to DN.

    Example:
        >>> sample = np.array([[-9999.0] * 10 + [500.0, 700.0] * 20] * 3, np.float32)
        >>> find_fill(sample, np.isfinite(sample))
        Fill(value=-9999.0, fraction=0.2)
    """
    kept = values[:, valid.all(axis=0)].astype(np.float64)
    if not kept.size:
        return None
    first = kept[0]
    equal = (kept == first).all(axis=0)
    if not equal.any():
        return None
    for value in (float(first[equal].min()), float(first[equal].max())):
        filled = equal & (first == value)
        fraction = float(filled.mean())
        rest = kept[:, ~filled].ravel()
        rest = rest[rest != 0]
        if not rest.size and value in _HIGHEST_INTEGERS:
            return Fill(value, fraction)
        if value == 0 or fraction < _LEAST_FRACTION or filled.sum() < _LEAST_COUNT or not rest.size:
            continue
        if _stands_apart(value, int(filled.sum()), rest, to_dn):
            return Fill(value, fraction)
    return None


def find_ground_nodata(
    values: NDArray[np.float32], valid: NDArray[np.bool_], nodata: Sequence[Sequence[float]]
) -> tuple[float, float]:
    """Find a nodata value that observed ground holds too: single channels hold it, amid their other values.

    Args:
        values: stored values (n, k) of reflectance channels at the same pixels.
        valid: (n, k), False for nodata.
        nodata: the nodata values of each channel.

    Returns:
        The value, and the fraction of the pixels that hold it in some channels and not in others; 0 where that is rare.

    Example:
        >>> sample = np.array([[400.0, 500, 600, 450] * 10, [300.0, 310, 320, 330] * 10], np.float32)
        >>> find_ground_nodata(sample, sample != 500, [[500], [500]])
        (500, 0.25)
    """
    elsewhere = valid.any(axis=0)
    for value in dict.fromkeys(number for numbers in nodata for number in numbers):
        held = np.zeros_like(elsewhere)
        for own, own_valid, numbers in zip(values, valid, nodata, strict=True):
            rest = own[own_valid]
            if value not in numbers or not rest.size:
                continue
            low, high = (float(edge) for edge in np.percentile(rest, [0.5, 99.5]))
            margin = _BESIDE * (high - low)
            if low - margin <= value <= high + margin:
                held |= (own == np.float32(value)) & elsewhere
        fraction = float(held.mean()) if held.size else 0.0
        if fraction >= _LEAST_GROUND and held.sum() >= _LEAST_COUNT:
            return value, fraction
    return 0.0, 0.0


def find_zeros(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> float:
    """Return the fraction of a sample that is 0 in all channels at once."""
    return float((valid & (values == 0)).all(axis=0).mean()) if values.size else 0.0


def _stands_apart(value: float, count: int, rest: NDArray[np.float64], to_dn: float) -> bool:
    """Return whether a value cannot belong to the distribution of the other values."""
    low, high = (float(edge) for edge in np.percentile(rest, [1, 99]))
    width = max(high - low, 1e-12)
    if value < 0:
        # Noise and the offset of Sentinel-2 make small negative values, which differ between channels.
        between = int(((rest > value) & (rest < value + 0.5 * (low - value))).sum())
        return value < low and (between < count or low - value > width)
    if value <= high + 0.5 * width:
        return False
    # Clouds clipped at one value have neighbours just below it; resampled edges of fill are few.
    between = int(((rest < value) & (rest > value - 0.5 * (value - high))).sum())
    impossible = value * to_dn > _BRIGHTEST_DN or value in _COMMON_FILLS or value > 100 * high > 0
    return impossible and between < count
