"""Reader of an RGB patch set: ``img/image_N.png``, ``mask/mask_N.png``, and, if there, ``manifest.csv``.

An image is ``floor(255 * x / max(x))`` of the Landslide4Sense (L4S) values x of red, green and blue (B04, B03, B02),
with the maximum over the three channels of the patch. An L4S value is DN / divisor, with the divisors of the channel
table. So ``png * divisor`` is proportional to the DN, with an unknown factor ``max(x) / 255`` for each patch: ratios
within a patch are correct to 8 bits, brightness is unknown. ``DN_PER_STEP`` replaces that factor. It brings the mean
of scene A near the mean of Landslide4Sense, where x is about 1; a single patch may be off by a factor of two or three.
A detector trained on such patches must not depend on brightness.

Masks may be of any kind that label tools write: 1 bit, grey with 0 and 1 or 0 and 255, or two colours (a palette, RGB,
or RGBA with a transparent background). Black, 0 and transparent are background, the other value is landslide.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from landslip.channels import TRUE_COLOUR, patch_image_gain
from landslip.datasets.manifest import MANIFEST, UNKNOWN_POSITION, manifest_positions
from landslip.datasets.patch_set import EntrySet, Patch, Split
from landslip.errors import PatchesError
from landslip.files.path_names import is_system_file

_GREY_MODES: Final = frozenset({"1", "L", "I", "I;16"})
_LANDSLIDE_VALUES: Final = frozenset({1, 255, 65535})


@dataclass(frozen=True, slots=True)
class PatchEntry:
    """The files and the position of an RGB patch."""

    id: int
    scene: str
    row: int | None
    col: int | None
    image: Path
    mask: Path
    split: Split = "train"


@dataclass(frozen=True, slots=True, repr=False)
class RgbSet(EntrySet[PatchEntry]):
    """A folder of RGB patches, in order of their numbers."""

    folder: Path
    entries: tuple[PatchEntry, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""
        return TRUE_COLOUR

    def read(self, entry: PatchEntry) -> Patch:
        """Read a patch, its values in relative DN.

        Raises:
            PatchesError: a file is damaged, or image and mask differ in size.
        """
        image = read_image(entry.image)
        mask = read_mask(entry.mask)
        if image.shape[:2] != mask.shape:
            raise PatchesError(
                f"{entry.image.name} is {_size(image)} but {entry.mask.name} is {_size(mask)}: "
                "both must have the same size"
            )
        return Patch(
            id=entry.id,
            scene=entry.scene,
            row=entry.row,
            col=entry.col,
            channels=self.channels,
            values=png_to_dn(image, self.channels),
            mask=mask,
        )


def png_to_dn(image: NDArray[np.uint8], channels: Sequence[str] = TRUE_COLOUR) -> NDArray[np.float32]:
    """Convert an 8-bit picture (H, W, C) to relative DN (C, H, W): DN up to one unknown factor for each patch."""
    gains = np.array([patch_image_gain(name) for name in channels], np.float32)
    dn = np.moveaxis(image, -1, 0) * gains[:, None, None]
    return np.ascontiguousarray(dn, dtype=np.float32)


def dn_to_png(values: NDArray[np.float32], channels: Sequence[str] = TRUE_COLOUR) -> NDArray[np.uint8]:
    """Convert DN (C, H, W) to an 8-bit picture (H, W, C) as RGB patches are: L4S values, scaled to a maximum of 255.

    Example:
        >>> picture = np.array([[[255, 100, 0]]], np.uint8)
        >>> dn_to_png(3 * png_to_dn(picture)).tolist()
        [[[255, 100, 0]]]
    """
    divisors = np.array([patch_image_gain(name) for name in channels], np.float32)
    x = values / divisors[:, None, None]
    # A whole step may come out a rounding error below itself.
    scaled = np.floor(255 * x / max(float(x.max()), 1e-6) + 1e-3)
    return np.ascontiguousarray(np.moveaxis(scaled, 0, -1).astype(np.uint8))


def open_rgb_set(folder: Path) -> RgbSet:
    """Open a folder of RGB patches, images and masks paired by number.

    Raises:
        PatchesError: the folder has another layout, an image or a mask has no partner, or the manifest is damaged
            or does not list every patch.
    """
    images = find_numbered(folder, "img", "image")
    masks = find_numbered(folder, "mask", "mask")
    for without, present, having in (("mask", images, masks), ("image", masks, images)):
        lonely = sorted(set(present) - set(having))
        if lonely:
            raise PatchesError(
                f"patch {name_few(lonely)} in {folder} has no {without}: "
                "each img/image_N.png needs a mask/mask_N.png, and each mask an image"
            )
    if not images:
        raise PatchesError(f"{folder} has no patches: expected img/image_N.png and mask/mask_N.png")
    positions = manifest_positions(folder)
    unlisted = sorted(number for number in images if ("train", number) not in positions)
    if positions and unlisted:
        raise PatchesError(
            f"{folder / MANIFEST} does not list patch {name_few(unlisted)}: list every patch, or remove the file"
        )
    return RgbSet(
        folder=folder,
        entries=tuple(
            PatchEntry(number, where.scene, where.row, where.col, images[number], masks[number])
            for number in sorted(images)
            for where in [positions.get(("train", number), UNKNOWN_POSITION)]
        ),
    )


def find_numbered(folder: Path, part: str, stem: str) -> dict[int, Path]:
    """Find the pictures ``part/stem_N.png`` of a folder by number.

    Raises:
        PatchesError: the part is missing or holds other files.
    """
    inside = folder / part
    if not inside.is_dir():
        raise PatchesError(
            f"{folder} is not a set of RGB patches, the folder {part}/ is missing: "
            "expected img/image_N.png and mask/mask_N.png"
        )
    found: dict[int, Path] = {}
    for path in sorted(inside.iterdir()):
        if is_system_file(path):
            continue
        match = re.fullmatch(rf"{stem}_(\d+)\.png", path.name)
        if match is None:
            raise PatchesError(
                f"{part}/{path.name} does not belong in {folder}: {part}/ may only have files {stem}_N.png"
            )
        if int(match[1]) in found:
            raise PatchesError(
                f"{part}/ has {found[int(match[1])].name} and {path.name}, which have the same number: remove one"
            )
        found[int(match[1])] = path
    return found


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image (H, W, 3).

    Raises:
        PatchesError: it is damaged, or has another mode than three 8-bit channels.
    """
    with _open_png(path) as picture:
        if picture.mode != "RGB":
            raise PatchesError(f"{path} has the mode {picture.mode}: expected a PNG of three 8-bit channels")
        return np.asarray(picture, dtype=np.uint8)


def read_mask(path: Path) -> NDArray[np.uint8]:
    """Read a mask in a form that label tools write: landslide 1, background 0, (H, W).

    Raises:
        PatchesError: it is damaged, or has other values than one of background and one of landslide.
    """
    with _open_png(path) as picture:
        if picture.mode in _GREY_MODES and "transparency" not in picture.info:
            return _mask_of_values(path, np.asarray(picture, np.int64))
        return _mask_of_colours(path, np.asarray(picture.convert("RGBA"), np.uint8))


def _mask_of_values(path: Path, values: NDArray[np.int64]) -> NDArray[np.uint8]:
    found = np.unique(values).tolist()
    landslide = [value for value in found if value]
    if len(landslide) > 1 or not set(landslide) <= _LANDSLIDE_VALUES:
        raise PatchesError(
            f"{path} has the values {name_few(found)}: a mask has 0 for background and one of 1, 255 and 65535 for "
            "landslide"
        )
    return np.asarray(values != 0, np.uint8)


def _mask_of_colours(path: Path, rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask of a picture (H, W, 4): black or transparent is background."""
    transparent = rgba[..., 3] == 0
    colours = np.where(transparent[..., None], 0, rgba[..., :3]).astype(np.int64) @ (65536, 256, 1)
    black = (colours == 0) & ~transparent
    # Black on a transparent background is as likely the landslide as the background.
    kinds = [f"#{colour:06x}" for colour in np.unique(colours[~transparent]).tolist()]
    background = bool(black.any()) + bool(transparent.any())
    if background > 1 or len(kinds) - bool(black.any()) > 1:
        shown = ", ".join(kinds[:5]) + (f" and {len(kinds) - 5} more" if len(kinds) > 5 else "")
        raise PatchesError(
            f"{path} has the colours {shown}{' and transparent pixels' if transparent.any() else ''}: a mask has black "
            "or transparent for background and one colour for landslide"
        )
    return np.asarray(colours != 0, np.uint8)


@contextlib.contextmanager
def _open_png(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            yield picture
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PatchesError(f"{path} cannot be read as PNG ({error}): download it again") from error


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]} px"


def name_few(numbers: Sequence[int]) -> str:
    """Name the first of some numbers, for an error."""
    shown = ", ".join(str(number) for number in numbers[:5])
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"
