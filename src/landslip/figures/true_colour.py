"""True colour for a screen: one stretch for every picture of a scene or a patch."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_DARK_PERCENTILE: Final = 0.5
_BRIGHT_PERCENTILE: Final = 99.3
_GAMMA: Final = 1 / 1.5


def stretch_true_colour(
    rgb: NDArray[np.float32], valid: NDArray[np.bool_], *, per_channel: bool = False
) -> NDArray[np.uint8]:
    """Stretch three channels to 8 bits with haze removed.

    The darkest values of each channel are taken for haze and subtracted (dark-object subtraction, Chavez 1988, Remote
    Sensing of Environment 24); then the channels are scaled to their brightest values, and a gamma opens the shadows.
    All percentiles are taken over valid, finite pixels.

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
        [0, 100, 160, 210, 255]
    """
    valid = valid & np.isfinite(rgb).all(axis=0)
    stretched = np.zeros((*valid.shape, 3), np.uint8)
    if not valid.any():
        return stretched
    values = rgb[:, valid].astype(np.float64)
    values -= np.percentile(values, _DARK_PERCENTILE, axis=1, keepdims=True)
    bright = np.percentile(values, _BRIGHT_PERCENTILE, axis=1 if per_channel else None, keepdims=True)
    # A channel of one value has no range: it is shown in the middle.
    scaled = np.divide(values, bright, out=np.full_like(values, 0.5), where=bright > 0)
    stretched[valid] = np.rint(np.clip(scaled, 0, 1) ** _GAMMA * 255).astype(np.uint8).T
    return stretched
