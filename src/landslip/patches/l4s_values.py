"""The numbers inside Landslide4Sense files: whole DN, degrees and metres, each divided by its channel's divisor."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.errors import PatchesError
from landslip.patches.hdf5 import Wanted, read_dataset

SIDE_PX: Final = 128
_IN_ORDER = sorted(
    ((channel.l4s_index, channel.name, channel.l4s_divisor) for channel in CHANNELS.values()),
    key=lambda one: -1 if one[0] is None else one[0],
)
L4S_CHANNELS: Final = tuple(name for index, name, _ in _IN_ORDER if index is not None)
"""The 14 channels in the order of the files."""

DIVISORS: Final = np.array([divisor for index, _, divisor in _IN_ORDER if index is not None], np.float64)
"""(14,): value x divisor is the DN, degree or metre."""

IMAGE: Final = Wanted("img", (SIDE_PX, SIDE_PX, len(L4S_CHANNELS)), "float64")
MASK: Final = Wanted("mask", (SIDE_PX, SIDE_PX), "uint8")


def whole_numbers(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Turn file values into DN, degrees and metres.

    Args:
        values: (H, W, 14) as in a file.

    Returns:
        The whole numbers (14, H, W), and which of the 14 channels give the file's values back bit for bit when they
        are divided again.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        whole = np.rint(values * DIVISORS)
        # + 0.0 turns minus zero into zero: a stored whole number has one zero, and the file must have the same.
        whole += 0.0
        again = whole / DIVISORS
    exact = (again.view(np.int64) == values.view(np.int64)).all(axis=(0, 1))
    return np.ascontiguousarray(np.moveaxis(whole, -1, 0)), exact


def file_values(whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn whole numbers (14, H, W) back into the values of a file, (H, W, 14), bit for bit."""
    return np.ascontiguousarray(np.moveaxis(whole, 0, -1)) / DIVISORS


def read_image(path: Path) -> NDArray[np.float64]:
    """Read an image as whole DN, degrees and metres, (14, 128, 128).

    Raises:
        PatchesError: the file is damaged, of another shape, or its values are not whole numbers by the divisors.
    """
    whole, exact = whole_numbers(np.ascontiguousarray(read_dataset(path, IMAGE), np.float64))
    if not exact.all():
        names = ", ".join(name for name, fits in zip(L4S_CHANNELS, exact, strict=True) if not fits)
        raise PatchesError(
            f"{path} does not hold DN / divisor in {names}: it was rescaled or is damaged; take the original file"
        )
    return whole


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask (128, 128): landslide 1, not landslide 0.

    Raises:
        PatchesError: the file is damaged, of another shape, or holds other values.
    """
    mask = np.ascontiguousarray(read_dataset(path, MASK), np.uint8)
    if mask.max() > 1:
        raise PatchesError(f"{path} holds the value {mask.max()}: a mask is 1 (landslide) or 0 (not landslide)")
    return mask
