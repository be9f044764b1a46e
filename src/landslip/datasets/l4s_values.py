"""The values of Landslide4Sense: its 14 channels, their divisors, and whole DN, degrees and metres in 16 bits.

Reflectance is 0 to 65,535 in the product itself, slope 0 to 90. Elevation may lie below the sea, so it is packed with
1,000 m added: -1,000 to 64,535 m.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.datasets.hdf5 import Wanted, read_dataset
from landslip.errors import PatchesError

SIDE_PX: Final = 128
_IN_ORDER = sorted(
    ((channel.l4s_index, channel.name, channel.l4s_divisor) for channel in CHANNELS.values()),
    key=lambda one: -1 if one[0] is None else one[0],
)
L4S_CHANNELS: Final = tuple(name for index, name, _ in _IN_ORDER if index is not None)
"""The 14 channels in the order of the files."""

DIVISORS: Final = np.array([divisor for index, _, divisor in _IN_ORDER if index is not None], np.float64)
"""(14,): value x divisor is the DN, degree or metre."""


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


IMAGE: Final = Wanted("img", (SIDE_PX, SIDE_PX, len(L4S_CHANNELS)), "float64")
MASK: Final = Wanted("mask", (SIDE_PX, SIDE_PX), "uint8")


def whole_numbers(values: NDArray[np.float64], out: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Turn file values into DN, degrees and metres.

    Channel by channel, since temporary arrays as large as an image cost more than the arithmetic.

    Args:
        values: (H, W, 14) as in a file.
        out: (14, H, W); the whole numbers are written to it.

    Returns:
        (14,): which channels give the file's values back bit for bit when the whole numbers are divided again.
    """
    exact = np.empty(len(DIVISORS), np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for index, divisor in enumerate(DIVISORS):
            held = np.ascontiguousarray(values[..., index])
            whole = held * divisor
            np.rint(whole, out=whole)
            # Turns minus zero into zero: a whole number kept in 16 bits has one zero, so the file must have the same.
            whole += 0.0
            out[index] = whole
            whole /= divisor
            exact[index] = np.array_equal(whole.view(np.int64), held.view(np.int64))
    return exact


def file_values(whole: NDArray[np.float32]) -> NDArray[np.float64]:
    """Turn whole numbers (14, H, W) back into the values of a file, (H, W, 14), bit for bit."""
    return np.ascontiguousarray(np.moveaxis(whole, 0, -1), np.float64) / DIVISORS


def read_image(path: Path, out: NDArray[np.float32]) -> None:
    """Read an image as whole DN, degrees and metres.

    Args:
        path: the file.
        out: (14, 128, 128); the whole numbers are written to it.

    Raises:
        PatchesError: the file is damaged, of another shape, or its values are not whole numbers by the divisors.
    """
    exact = whole_numbers(read_dataset(path, IMAGE), out)
    if not exact.all():
        raise PatchesError(
            f"{path} does not hold DN / divisor in {channel_names(np.logical_not(exact))}: it was rescaled or is "
            "damaged; take the original file"
        )
    inside = fits(out)
    if not inside.all():
        raise PatchesError(
            f"{path} holds numbers that 16 bits do not hold in {channel_names(np.logical_not(inside))}: "
            "it is damaged; take the original file"
        )


def read_mask(path: Path, out: NDArray[np.uint8]) -> None:
    """Read a mask: landslide 1, not landslide 0.

    Args:
        path: the file.
        out: (128, 128); the mask is written to it.

    Raises:
        PatchesError: the file is damaged, of another shape, or holds other values.
    """
    mask = read_dataset(path, MASK)
    if mask.max() > 1:
        raise PatchesError(f"{path} holds the value {mask.max()}: a mask is 1 (landslide) or 0 (not landslide)")
    out[:] = mask


def channel_names(marked: NDArray[np.bool_]) -> str:
    """Names of the channels that are marked, (14,)."""
    names = [name for name, is_marked in zip(L4S_CHANNELS, marked, strict=True) if is_marked]
    return "all channels" if len(names) == len(L4S_CHANNELS) else ", ".join(names)
