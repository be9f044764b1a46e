"""Whole DN, degrees and metres in 16 bits without loss.

Reflectance is 0 to 65,535 in the product itself, slope 0 to 90. Elevation may lie below the sea, so it is kept with
1,000 m added: -1,000 to 64,535 m.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.l4s_channels import L4S_CHANNELS

OFFSETS: Final = np.array([1000.0 if name == "elevation" else 0.0 for name in L4S_CHANNELS], np.float32)
"""(14,): packed = whole number + offset."""
_SHIFTED: Final = tuple(int(index) for index in np.flatnonzero(OFFSETS))
_HIGHEST: Final = np.iinfo(np.uint16).max


def fits(whole: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which channels of whole numbers (14, H, W) 16 bits hold."""
    shifted = whole + OFFSETS[:, None, None]
    inside: NDArray[np.bool_] = (shifted.min(axis=(1, 2)) >= 0) & (shifted.max(axis=(1, 2)) <= _HIGHEST)
    return inside


def pack_values(whole: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Turn whole numbers (14, H, W) that fit into 16 bits."""
    packed: NDArray[np.uint16] = (whole + OFFSETS[:, None, None]).astype(np.uint16)
    return packed


def unpack_values(packed: NDArray[np.uint16], out: NDArray[np.float32]) -> None:
    """Turn packed values (..., 14, H, W) back into DN, degrees and metres, written to ``out``."""
    np.copyto(out, packed)
    for index in _SHIFTED:
        out[..., index, :, :] -= OFFSETS[index]
