"""The values of Landslide4Sense: its 14 channels, their divisors, and integer DN, degrees and metres in 16 bits.

Reflectance is 0 to 65,535 in the product itself, slope 0 to 90. Elevation may be negative, so it is packed with
1,000 m added: -1,000 to 64,535 m.
"""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.datasets.hdf5 import DatasetSpec, read_dataset
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
"""(14,): packed = integer + offset."""
_SHIFTED: Final = tuple(int(index) for index in np.flatnonzero(OFFSETS))
_HIGHEST: Final = np.iinfo(np.uint16).max


def fits_16_bits(integers: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which channels (14,) of integers (14, H, W) fit into 16 bits."""
    shifted = integers + OFFSETS[:, None, None]
    inside: NDArray[np.bool_] = (shifted.min(axis=(1, 2)) >= 0) & (shifted.max(axis=(1, 2)) <= _HIGHEST)
    return inside


def pack_values(integers: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Pack integers (14, H, W) into 16 bits."""
    packed: NDArray[np.uint16] = (integers + OFFSETS[:, None, None]).astype(np.uint16)
    return packed


def unpack_values(packed: NDArray[np.uint16], out: NDArray[np.float32]) -> None:
    """Unpack values (..., 14, H, W) to DN, degrees and metres, written to ``out``."""
    np.copyto(out, packed)
    for index in _SHIFTED:
        out[..., index, :, :] -= OFFSETS[index]


IMAGE: Final = DatasetSpec("img", (SIDE_PX, SIDE_PX, len(L4S_CHANNELS)), "float64")
MASK: Final = DatasetSpec("mask", (SIDE_PX, SIDE_PX), "uint8")


def to_integers(values: NDArray[np.float64], out: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Convert file values to integer DN, degrees and metres.

    It works channel by channel, because temporary arrays of the size of an image cost more than the arithmetic.

    Args:
        values: (H, W, 14), as in a file.
        out: (14, H, W), the integers are written to it.

    Returns:
        (14,): whether dividing the integers of a channel again reproduces the file's values bit for bit.
    """
    exact = np.empty(len(DIVISORS), np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        for index, divisor in enumerate(DIVISORS):
            channel = np.ascontiguousarray(values[..., index])
            integers = channel * divisor
            np.rint(integers, out=integers)
            # Converts minus zero to zero: 16 bits have one zero, so the file must have the same.
            integers += 0.0
            out[index] = integers
            integers /= divisor
            exact[index] = np.array_equal(integers.view(np.int64), channel.view(np.int64))
    return exact


def file_values(integers: NDArray[np.float32]) -> NDArray[np.float64]:
    """Convert integers (14, H, W) back to the values of a file (H, W, 14), bit for bit."""
    return np.ascontiguousarray(np.moveaxis(integers, 0, -1), np.float64) / DIVISORS


def read_image(path: Path, out: NDArray[np.float32]) -> None:
    """Read an image as integer DN, degrees and metres.

    Args:
        path: the HDF5 file.
        out: (14, 128, 128), the integers are written to it.

    Raises:
        PatchesError: the file is damaged or has another shape, or its values are not DN / divisor.
    """
    exact = to_integers(read_dataset(path, IMAGE), out)
    if not exact.all():
        raise PatchesError(
            f"{path} is not DN / divisor in {channel_names(np.logical_not(exact))}: it was rescaled or is damaged, use "
            "the original file"
        )
    inside = fits_16_bits(out)
    if not inside.all():
        raise PatchesError(
            f"{path} has values that do not fit into 16 bits in {channel_names(np.logical_not(inside))}: it is "
            "damaged, use the original file"
        )


def read_mask(path: Path, out: NDArray[np.uint8]) -> None:
    """Read a mask: landslide 1, background 0.

    Args:
        path: the HDF5 file.
        out: (128, 128), the mask is written to it.

    Raises:
        PatchesError: the file is damaged, or has another shape or other values.
    """
    mask = read_dataset(path, MASK)
    if mask.max() > 1:
        raise PatchesError(f"{path} has the value {mask.max()}: a mask has only 1 (landslide) and 0 (background)")
    out[:] = mask


def channel_names(marked: NDArray[np.bool_]) -> str:
    """Return the names of the marked channels (14,), in one text."""
    names = [name for name, is_marked in zip(L4S_CHANNELS, marked, strict=True) if is_marked]
    return "all channels" if len(names) == len(L4S_CHANNELS) else ", ".join(names)
