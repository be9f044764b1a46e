"""Landslide4Sense files of an upload as a set of patches: images and masks told apart by content, paired by number."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.hdf5 import Hdf5Error
from landslip.datasets.l4s import open_l4s
from landslip.datasets.l4s_files import LAYOUTS
from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX, read_image, read_mask
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import PatchSource, ReadTask, Upload
from landslip.page.uploads.names import number_in

_IMAGES, _MASKS = (Path(part) for part in LAYOUTS["official"]["train"])
_FIRST_FREE: Final = 1


def patches_of(files: Sequence[Upload], folder: Path, task: ReadTask) -> PatchSource:
    """Make a folder of patches, in the official layout, of HDF5 files; every value of every file is read.

    Args:
        files: images with the dataset ``img``, masks with the dataset ``mask``, in any order.
        folder: where to; made here.
        task: how much is allowed.

    Raises:
        UploadError: too many, or masks without images.
        PatchesError: a file is damaged, made to do harm, or no Landslide4Sense file.
    """
    if len(files) > 2 * task.bounds.patches:
        raise UploadError(words.TOO_MANY_PATCHES.format(count=len(files), most=task.bounds.patches))
    images: list[Upload] = []
    masks: list[Upload] = []
    values = np.empty((len(L4S_CHANNELS), SIDE_PX, SIDE_PX), np.float32)
    mask = np.empty((SIDE_PX, SIDE_PX), np.uint8)
    for one in files:
        (images if _is_image(one, values, mask) else masks).append(one)
    if not images:
        raise UploadError(words.MASKS_ALONE)
    (folder / _IMAGES).mkdir(parents=True)
    (folder / _MASKS).mkdir(parents=True)
    numbers = _numbers(images)
    by_number = {number_in(one.shown): one for one in masks}
    labelled = 0
    for image, number in zip(images, numbers, strict=True):
        image.path.rename(folder / _IMAGES / f"image_{number}.h5")
        partner = by_number.get(number)
        if partner is None and len(images) == len(masks) == 1:
            partner = masks[0]
        if partner is not None:
            partner.path.rename(folder / _MASKS / f"mask_{number}.h5")
            labelled += 1
    patches = open_l4s(folder)
    lonely = len(masks) - labelled
    return PatchSource(
        title=words.PATCHES_TITLE.format(count=len(images)),
        folder=folder,
        channels=patches.channels,
        patches=len(patches),
        labelled=labelled,
        notes=(words.MASKS_LONELY.format(count=lonely),) if lonely else (),
    )


def _is_image(one: Upload, values: NDArray[np.float32], mask: NDArray[np.uint8]) -> bool:
    """Read a file whole; whether it is an image rather than a mask."""
    try:
        read_image(one.path, values)
    except Hdf5Error as error:
        if error.kind != "key":
            raise
        try:
            read_mask(one.path, mask)
        except Hdf5Error as second:
            raise (error if second.kind == "key" else second) from None
        return False
    return True


def _numbers(images: Sequence[Upload]) -> list[int]:
    """A number for each image: the one in its name, or the next that is free."""
    taken = [number_in(one.shown) for one in images]
    known = {number for number in taken if number is not None}
    if len(known) == len(images):
        return [number for number in taken if number is not None]
    return list(range(_FIRST_FREE, len(images) + _FIRST_FREE))
