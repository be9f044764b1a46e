"""Uploaded RGB patches: PNG images with masks, arranged as a patch set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from landslip.channels import TRUE_COLOUR
from landslip.page import messages
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import PatchSource, Upload, UploadLimits
from landslip.page.uploads.receive import number_in

_MAX_SIDE_PX: Final = 1024
_MASK_WORDS: Final = ("mask", "label")


def read_png_patches(files: Sequence[Upload], folder: Path, limits: UploadLimits) -> PatchSource:
    """Arrange PNG images and their masks as a patch set; masks are matched to images by the number in their names.

    Args:
        files: images (8-bit RGB) and masks (two values, of which 0 is background), in any order.
        folder: to arrange them in; must not exist.
        limits: on the contents.

    Raises:
        UploadError: a file is damaged or of another kind, sizes differ, or there are no images.
    """
    if len(files) > 2 * limits.patches:
        raise UploadError(messages.TOO_MANY_PATCHES.format(count=len(files), most=limits.patches))
    images: list[tuple[Upload, NDArray[np.uint8]]] = []
    masks: list[tuple[Upload, NDArray[np.uint8]]] = []
    size: tuple[int, int] | None = None
    for file in files:
        values, size = _read(file, size)
        mask = _to_mask(values, file.name)
        if mask is not None:
            masks.append((file, mask))
        elif values.ndim == 3:
            images.append((file, values[..., :3]))
        else:
            raise UploadError(messages.PNG_MODE.format(name=file.name))
        file.path.unlink()
    if not images:
        raise UploadError(messages.MASKS_ALONE)
    (folder / "img").mkdir(parents=True)
    (folder / "mask").mkdir()
    by_number = {number_in(file.name): mask for file, mask in masks}
    unlabelled: set[int] = set()
    numbers = patch_numbers([file for file, _ in images])
    for number, (_, image) in zip(numbers, images, strict=True):
        mask = by_number.get(number)
        if mask is None and len(images) == len(masks) == 1:
            mask = masks[0][1]
        if mask is None:
            unlabelled.add(number)
            mask = np.zeros(image.shape[:2], np.uint8)
        Image.fromarray(image).save(folder / "img" / f"image_{number}.png")
        Image.fromarray(mask > 0).save(folder / "mask" / f"mask_{number}.png")
    unmatched = len(masks) - (len(images) - len(unlabelled))
    notes = (messages.MASKS_UNMATCHED.format(count=unmatched),) if unmatched else ()
    return PatchSource(
        title=messages.PNG_TITLE.format(count=len(images)),
        folder=folder,
        channels=TRUE_COLOUR,
        patches=len(images),
        labelled=len(images) - len(unlabelled),
        unlabelled=frozenset(unlabelled),
        notes=(messages.PNG_BRIGHTNESS, *notes),
    )


def patch_numbers(images: Sequence[Upload]) -> list[int]:
    """Return the numbers in the names of the images if they all differ, otherwise 1, 2, 3 ..."""
    found = [number for number in (number_in(file.name) for file in images) if number is not None]
    return found if len(set(found)) == len(images) else list(range(1, len(images) + 1))


def _read(file: Upload, size: tuple[int, int] | None) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Read a picture as RGB (H, W, 3) or grey (H, W), after checking its declared size (width, height)."""
    try:
        with Image.open(file.path, formats=["PNG"]) as picture:
            if max(picture.size) > _MAX_SIDE_PX or size not in (None, picture.size):
                width, height = picture.size
                raise UploadError(
                    messages.PNG_SIZES.format(name=file.name, width=width, height=height, most=_MAX_SIDE_PX)
                )
            if picture.mode not in {"1", "L", "P", "RGB", "RGBA"}:
                raise UploadError(messages.PNG_MODE.format(name=file.name))
            mode = "L" if picture.mode in {"1", "L"} else "RGB"
            return np.asarray(picture.convert(mode), np.uint8), picture.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UploadError(messages.PNG_UNREADABLE.format(name=file.name)) from error


def _to_mask(values: NDArray[np.uint8], name: str) -> NDArray[np.uint8] | None:
    """Return a mask, landslide 1; None if the picture is none.

    A colour picture is a mask if its name says so and it has two colours, of which black is background.
    """
    if values.ndim == 3:
        if not any(word in name.lower() for word in _MASK_WORDS):
            return None
        values = values.max(axis=2)
    found = np.unique(values)
    # Two values, of which one is 0, or one value alone.
    if len(found) > 2 or (len(found) == 2 and found[0] != 0) or (len(found) == 1 and found[0] not in (0, 1, 255)):
        return None
    return (values > 0).astype(np.uint8)
