"""Image statistics for out-of-distribution detection: colour, contrast, texture and relief, without a network.

With ``relative`` statistics reflectance is described relative to its own mean, so that they do not change with overall
brightness; otherwise the mean of each channel is one of the statistics. Ratios are stored as logarithms: half and twice
are equally far.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import DETECTOR_INPUTS

MIN_VALID_FRACTION: Final = 0.25
"""Images with fewer valid pixels are not described."""
_MIN_RELATIVE: Final = 1e-3
"""Added to values relative to the mean, so that an image without contrast has a logarithm."""
_MIN_SLOPE_DEG: Final = 0.5
_MIN_RELIEF_M: Final = 1.0
_MAX_CORRELATION: Final = 0.999
"""Stronger correlations are clipped: Fisher's z of 1 is infinite."""

Vector = NDArray[np.float64]


def statistic_names(channels: Sequence[str], *, relative: bool) -> tuple[str, ...]:
    """Return the names of the statistics of an image, in their order.

    Args:
        channels: names of the image's channels.
        relative: leave out the mean of each channel and use the ratios of neighbouring channels instead.

    Example:
        >>> statistic_names(("B04", "B03"), relative=True)[:3]
        ('B04/B03 ratio', 'B04 contrast', 'B03 contrast')
    """
    spectral, terrain = _kinds(channels)
    brightness = (
        [f"{one}/{other} ratio" for one, other in itertools.pairwise(spectral)]
        if relative
        else [f"{name} mean" for name in spectral]
    )
    return (
        *brightness,
        *(f"{name} contrast" for name in spectral),
        *(f"{name} texture" for name in spectral),
        *(f"{one}-{other} correlation" for one, other in itertools.pairwise(spectral)),
        *(
            f"{name} {statistic}"
            for name in terrain
            for statistic in ("mean", "standard deviation")
            if (name, statistic) != ("elevation", "mean")
        ),
    )


def image_statistics(
    values: NDArray[np.float32], channels: Sequence[str], valid: NDArray[np.bool_] | None = None, *, relative: bool
) -> Vector | None:
    """Describe an image.

    Args:
        values: (C, h, w) in DN, degrees, metres.
        channels: names of the C channels.
        valid: (h, w); where all channels are finite if None.
        relative: see ``statistic_names``.

    Returns:
        (K,) in the order of ``statistic_names``; None where fewer than a quarter of the pixels are valid.
    """
    valid = np.asarray(np.isfinite(values).all(axis=0), np.bool_) if valid is None else valid
    if valid.mean() < MIN_VALID_FRACTION:
        return None
    spectral, terrain = _kinds(channels)
    parts: list[Vector] = []
    if spectral:
        layers = values[[list(channels).index(name) for name in spectral]].astype(np.float64)
        layers[:, ~valid] = 0
        pixels = layers[:, valid]
        mean = np.maximum(pixels.mean(axis=1), 1.0)
        contrast = pixels.std(axis=1)
        parts += [
            np.log(mean[:-1] / mean[1:]) if relative else np.log(mean),
            np.log(contrast / mean + _MIN_RELATIVE),
            np.log(_mean_step(layers, valid) / mean + _MIN_RELATIVE),
            _correlations(pixels),
        ]
    for name in terrain:
        layer = values[list(channels).index(name)][valid].astype(np.float64)
        least = _MIN_SLOPE_DEG if name == "slope" else _MIN_RELIEF_M
        level = [] if name == "elevation" else [np.log(max(float(layer.mean()), 0.0) + least)]
        parts.append(np.array([*level, np.log(float(layer.std()) + least)]))
    return np.concatenate(parts)


def _kinds(channels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split channels into spectral and terrain channels."""
    spectral = [name for name in channels if DETECTOR_INPUTS[name].kind == "reflectance"]
    return spectral, [name for name in channels if name not in spectral]


def _mean_step(layers: Vector, valid: NDArray[np.bool_]) -> Vector:
    """Mean absolute difference of neighbouring valid pixels, right and down, (C,)."""
    total, count = np.zeros(len(layers)), 0
    for axis in (0, 1):
        both = np.take(valid, range(1, valid.shape[axis]), axis) & np.take(valid, range(valid.shape[axis] - 1), axis)
        total += np.abs(np.diff(layers, axis=1 + axis))[:, both].sum(axis=1)
        count += int(both.sum())
    return total / max(count, 1)


def _correlations(pixels: Vector) -> Vector:
    """Correlation of each channel with the next, as Fisher's z, (C - 1,)."""
    centred = pixels - pixels.mean(axis=1, keepdims=True)
    lengths = np.sqrt((centred**2).sum(axis=1))
    products = (centred[:-1] * centred[1:]).sum(axis=1)
    cosine = np.divide(products, lengths[:-1] * lengths[1:], out=np.zeros_like(products), where=products != 0)
    return np.asarray(np.arctanh(np.clip(cosine, -_MAX_CORRELATION, _MAX_CORRELATION)), np.float64)
