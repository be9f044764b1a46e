"""Changes of light and of the instrument, on values (C, H, W) in DN, without gaps; terrain stays as it is.

The same changes of light as in training (``training``), where they are drawn at random; here they are fixed.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS

Values = NDArray[np.float32]

_RAYLEIGH_EXPONENT = -4.0
_DARK_PERCENTILE = 2.0
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def reflectance_of(channels: Sequence[str]) -> NDArray[np.bool_]:
    """Which channels carry light, (C,)."""
    return np.array([CHANNELS[name].kind == "reflectance" for name in channels], np.bool_)


def gained(values: Values, channels: Sequence[str], gain: float) -> Values:
    """Brighter or darker by a factor."""
    factor = np.where(reflectance_of(channels), gain, 1.0).astype(np.float32)
    return np.asarray(values * factor[:, None, None], np.float32)


def hazed(values: Values, channels: Sequence[str], amount: float) -> Values:
    """Light scattered into the view by air: the same for every pixel, strongest in the blue (wavelength ** -4).

    Args:
        values: (C, H, W).
        channels: their names.
        amount: haze in the shortest wavelength, as a share of the mean in that channel.
    """
    nm = np.array([CHANNELS[name].wavelength_nm or np.inf for name in channels])
    if not np.isfinite(nm).any():
        return values
    shares = (nm / nm.min()) ** _RAYLEIGH_EXPONENT
    added = amount * float(values[int(nm.argmin())].mean()) * shares
    return np.asarray(values + added[:, None, None], np.float32)


def cleared(values: Values, channels: Sequence[str], share: float) -> Values:
    """Haze taken away, as an atmospheric correction does: a share of each channel's dark level is subtracted.

    The dark level is the second percentile of the image (dark object subtraction, Chavez 1988).
    """
    dark = np.percentile(values, _DARK_PERCENTILE, axis=(1, 2)) * reflectance_of(channels)
    return np.asarray(values - share * dark[:, None, None], np.float32)


def noised(values: Values, channels: Sequence[str], share: float, chance: np.random.Generator) -> Values:
    """White noise, its deviation a share of each channel's mean."""
    deviation = share * np.abs(values.mean(axis=(1, 2))) * reflectance_of(channels)
    return np.asarray(values + chance.standard_normal(values.shape) * deviation[:, None, None], np.float32)


def blurred(values: Values, channels: Sequence[str], sigma_px: float) -> Values:
    """A Gaussian blur of the light."""
    if sigma_px <= 0:
        return values
    reach = math.ceil(3 * sigma_px)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2).astype(np.float32)
    weights /= weights.sum()
    made = values.copy()
    for index in np.flatnonzero(reflectance_of(channels)):
        layer = values[index]
        for _ in range(2):
            padded = np.pad(layer, ((reach, reach), (0, 0)), mode="reflect" if reach < len(layer) else "symmetric")
            windows = np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=0)
            layer = (windows @ weights).T
        made[index] = layer
    return made


def misregistered(values: Values, channels: Sequence[str], shift_px: float) -> Values:
    """Bands that do not lie on each other: each but the first moved by so many pixels, in a direction of its own."""
    made = values.copy()
    for number, index in enumerate(np.flatnonzero(reflectance_of(channels))):
        if number:
            angle = number * _GOLDEN_ANGLE
            made[index] = moved(values[index], shift_px * math.sin(angle), shift_px * math.cos(angle))
    return made


def moved(layer: Values, rows: float, cols: float) -> Values:
    """A layer (H, W) moved down and to the right, between pixels too; its edge goes on beyond it."""
    for shift in (rows, cols):
        whole = math.floor(shift)
        share = np.float32(shift - whole)
        at = np.arange(len(layer)) - whole
        last = len(layer) - 1
        layer = (layer[np.clip(at, 0, last)] * (1 - share) + layer[np.clip(at - 1, 0, last)] * share).T
    return layer


def without_channel(values: Values, index: int, *, reads: float | None) -> Values:
    """One channel lost: it reads one number everywhere, or its mean where None."""
    made = values.copy()
    made[index] = values[index].mean() if reads is None else np.float32(reads)
    return made
