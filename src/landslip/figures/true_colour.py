"""True colour for a screen: one stretch for every picture of a scene or a patch."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_DARK_PERCENTILE: Final = 0.5
_BRIGHT_PERCENTILE: Final = 99.3
_GAMMA: Final = 1 / 1.5
_KNEE: Final = 0.8
"""Brighter tones are compressed, so that clouds and snow keep some texture."""
_WHITE_RATIO: Final = 0.75
"""A pixel is white where its darkest channel reaches this fraction of its brightest."""
_MIN_COLOURED: Final = 0.05
"""Fraction of coloured pixels below which the scale is taken from all pixels."""
_MIN_FILL: Final = 0.002
"""An extreme value in all channels at once is fill from this fraction of the pixels on."""


def stretch_true_colour(
    rgb: NDArray[np.float32], valid: NDArray[np.bool_], *, per_channel: bool = False
) -> NDArray[np.uint8]:
    """Stretch three channels to 8 bits with haze removed.

    The darkest values of each channel are taken for haze and subtracted (dark-object subtraction, Chavez 1988, Remote
    Sensing of Environment 24); then the channels are scaled to their brightest values, a gamma opens the shadows, and
    highlights are compressed. All percentiles are taken over valid, finite pixels.

    Clouds, snow and sun glint are white: they reflect nearly the same in all channels. The scale is taken from coloured
    pixels only, so that white ones do not darken the rest of the picture. Undeclared fill (one extreme value in all
    channels) is left out as well. Grey images, whose channels are equal, are scaled to all of their values.

    Args:
        rgb: (3, H, W), in reflectance, DN or DN times any factor.
        valid: (H, W).
        per_channel: scale each channel to its own maximum, for composites in which one would dominate, as near
            infrared does; otherwise one scale keeps the hues.

    Returns:
        RGB (H, W, 3); black where not valid.

    Example:
        >>> grey = np.tile(np.linspace(200, 3000, 5, dtype=np.float32), (3, 1, 1))
        >>> stretch_true_colour(grey, np.ones((1, 5), bool))[0, :, 0].tolist()
        [0, 100, 160, 210, 236]
    """
    valid = valid & np.isfinite(rgb).all(axis=0)
    stretched = np.zeros((*valid.shape, 3), np.uint8)
    if not valid.any():
        return stretched
    # In float32 and in place: of a large picture every copy counts.
    values = rgb[:, valid].astype(np.float32, copy=False)
    used = ~_is_fill(values)
    values -= np.percentile(values[:, used], _DARK_PERCENTILE, axis=1, keepdims=True).astype(np.float32)
    darkest, brightest = values.min(axis=0), values.max(axis=0)
    coloured = used & (brightest > 0) & (darkest < _WHITE_RATIO * brightest)
    scaling = values[:, coloured if coloured.mean() >= _MIN_COLOURED else used]
    bright = np.percentile(scaling, _BRIGHT_PERCENTILE, axis=1 if per_channel else None, keepdims=True)
    # A channel of one value has no range: it is shown in the middle.
    limits = np.broadcast_to(bright, (3, 1)).astype(np.float32)
    np.divide(values, limits, out=values, where=limits > 0)
    values[~(limits[:, 0] > 0)] = 0.5
    np.maximum(values, 0, out=values)
    np.power(values, _GAMMA, out=values)
    width = 1 - _KNEE
    high = values >= _KNEE
    values[high] = 1 - width * np.exp((_KNEE - values[high]) / width)
    values *= 255
    stretched[valid] = np.rint(values, out=values).astype(np.uint8).T
    return stretched


def _is_fill(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which pixels (N,) of values (3, N) hold the lowest or highest value in all channels at once."""
    fill = np.zeros(values.shape[1], np.bool_)
    equal = (values == values[0]).all(axis=0)
    if (~equal).mean() < _MIN_COLOURED:
        return fill
    for extreme in (values.min(), values.max()):
        found = equal & (values[0] == extreme)
        if found.mean() >= _MIN_FILL:
            fill |= found
    return fill
