"""What an image is like, in a few dozen numbers that need no network: colour, contrast, texture, relief.

Reflectance is described relative to its own mean, so that none of it changes when the whole image gets brighter. Only
for detectors whose training data know absolute values is the mean itself among the numbers. What is a ratio stands as
its logarithm, so that half and twice as much are equally far.
"""

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS

_LEAST: Final = 1e-3
"""To the mean: less contrast than this is none, and has no logarithm."""
_LEAST_SLOPE_DEG: Final = 0.5
_LEAST_RELIEF_M: Final = 1.0
_SURE: Final = 0.999
"""The strongest correlation told apart; two channels that are one would be infinitely correlated."""

Vector = NDArray[np.float64]


def statistic_names(channels: Sequence[str], *, relative: bool) -> tuple[str, ...]:
    """What the numbers mean, in order.

    Args:
        channels: of the image.
        relative: leave out how bright each channel is, and say only how they compare.
    """
    light, ground = _kinds(channels)
    bright = [f"{one} to {other}" for one, other in _pairs(light)] if relative else [f"{name} mean" for name in light]
    return (
        *bright,
        *(f"{name} contrast" for name in light),
        *(f"{name} texture" for name in light),
        *(f"{one} with {other}" for one, other in _pairs(light)),
        *(
            f"{name} {what}"
            for name in ground
            for what in ("level", "contrast")
            if (name, what) != ("elevation", "level")
        ),
    )


def statistics_of(
    values: NDArray[np.float32], observed: NDArray[np.bool_], channels: Sequence[str], *, relative: bool
) -> Vector:
    """Describe an image.

    Args:
        values: (C, h, w) in DN, degrees, metres.
        observed: (h, w), two neighbours at least.
        channels: names of the C layers.
        relative: as for ``statistic_names``.

    Returns:
        (K,) in the order of ``statistic_names``.
    """
    light, ground = _kinds(channels)
    parts: list[Vector] = []
    if light:
        layers = values[[list(channels).index(name) for name in light]].astype(np.float64)
        layers[:, ~observed] = 0
        seen = layers[:, observed]
        mean = np.maximum(seen.mean(axis=1), 1.0)
        contrast = seen.std(axis=1)
        parts += [
            np.log(mean[:-1] / mean[1:]) if relative else np.log(mean),
            np.log(contrast / mean + _LEAST),
            np.log(_steps(layers, observed) / mean + _LEAST),
            _correlations(seen),
        ]
    for name in ground:
        layer = values[list(channels).index(name)][observed].astype(np.float64)
        least = _LEAST_SLOPE_DEG if name == "slope" else _LEAST_RELIEF_M
        level = [] if name == "elevation" else [np.log(max(float(layer.mean()), 0.0) + least)]
        parts.append(np.array([*level, np.log(float(layer.std()) + least)]))
    return np.concatenate(parts)


def _kinds(channels: Sequence[str]) -> tuple[list[str], list[str]]:
    """The channels that see light, and those that describe the ground."""
    light = [name for name in channels if CHANNELS[name].kind == "reflectance"]
    return light, [name for name in channels if name not in light]


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(names))


def _steps(layers: Vector, observed: NDArray[np.bool_]) -> Vector:
    """Mean step from a pixel to the next, right and down, where both were observed, (C,)."""
    total, count = np.zeros(len(layers)), 0
    for axis in (0, 1):
        both = np.take(observed, range(1, observed.shape[axis]), axis) & np.take(
            observed, range(observed.shape[axis] - 1), axis
        )
        total += np.abs(np.diff(layers, axis=1 + axis))[:, both].sum(axis=1)
        count += int(both.sum())
    return total / max(count, 1)


def _correlations(seen: Vector) -> Vector:
    """Of each channel with the next, as Fisher's z, (C - 1,)."""
    away = seen - seen.mean(axis=1, keepdims=True)
    lengths = np.sqrt((away**2).sum(axis=1))
    products = (away[:-1] * away[1:]).sum(axis=1)
    cosine = np.divide(products, lengths[:-1] * lengths[1:], out=np.zeros_like(products), where=products != 0)
    return np.asarray(np.arctanh(np.clip(cosine, -_SURE, _SURE)), np.float64)
