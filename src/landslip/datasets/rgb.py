"""Reader of an RGB patch set: ``img/image_N.png``, ``mask/mask_N.png``, and, if there, ``manifest.csv``.

An image holds ``floor(255 * x / max(x))`` of the Landslide4Sense (L4S) values x of red, green and blue (B04, B03,
B02), the maximum taken over the three channels of that patch. An L4S value is DN / divisor, the divisors being
those of the channel table. So ``png * divisor`` is the DN but for one factor a patch, ``max(x) / 255``, which the
set does not keep: **ratios within a patch are true, to the 8 bits; brightness is unknown**. ``DN_PER_STEP`` stands
in for that factor. It puts the mean of scene A near the mean of Landslide4Sense, where x is about 1; a single patch
may be off by a factor of two or three either way. A detector trained on it must not hang on brightness.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.datasets.patch_set import UNKNOWN_SCENE, EntrySet, Patch, Split
from landslip.errors import PatchesError

DN_PER_STEP: Final = 4.7 / 255
"""L4S value given to one step of a PNG: stands in for the max(x) / 255 that the set does not keep."""

_COLUMNS: Final = ("scene", "row", "col")


@dataclass(frozen=True, slots=True)
class PatchEntry:
    """Where one patch of a set lies, on disk and in its scene."""

    id: int
    scene: str
    row: int | None
    col: int | None
    image: Path
    mask: Path
    split: Split = "train"


@dataclass(frozen=True, slots=True)
class RgbSet(EntrySet[PatchEntry]):
    """A folder of RGB patches, in order of their numbers; the pictures are read one at a time."""

    folder: Path
    entries: tuple[PatchEntry, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""
        return TRUE_COLOUR

    def read(self, entry: PatchEntry) -> Patch:
        """Read one patch, its values in relative DN.

        Raises:
            PatchesError: a picture is damaged, or of another kind or size than its partner.
        """
        image = _read_png(entry.image, "RGB")
        mask = _read_png(entry.mask, "1")
        if image.shape[:2] != mask.shape:
            raise PatchesError(
                f"{entry.image.name} is {_size(image)} but {entry.mask.name} is {_size(mask)}: "
                "an image and its mask must have one size"
            )
        return Patch(
            id=entry.id,
            scene=entry.scene,
            row=entry.row,
            col=entry.col,
            channels=self.channels,
            values=png_to_dn(image, self.channels),
            mask=mask.astype(np.uint8),
        )


def png_to_dn(image: NDArray[np.uint8], channels: Sequence[str] = TRUE_COLOUR) -> NDArray[np.float32]:
    """Turn an 8-bit picture (H, W, C) into relative DN (C, H, W): right but for one factor a patch."""
    divisors = np.array([CHANNELS[name].l4s_divisor for name in channels], np.float32)
    dn = np.moveaxis(image, -1, 0) * (divisors * np.float32(DN_PER_STEP))[:, None, None]
    return np.ascontiguousarray(dn, dtype=np.float32)


def open_rgb_set(folder: Path) -> RgbSet:
    """Open a folder of RGB patches, images and masks paired by number.

    Raises:
        PatchesError: the folder is no such set; an image lacks its mask or a mask its image; a file's name has no
            number; the manifest is damaged or does not name every patch.
    """
    images = _numbered(folder, "img", "image")
    masks = _numbered(folder, "mask", "mask")
    for without, present, having in (("mask", images, masks), ("image", masks, images)):
        lonely = sorted(set(present) - set(having))
        if lonely:
            raise PatchesError(
                f"patch {_few(lonely)} in {folder} has no {without}: "
                "every img/image_N.png needs its mask/mask_N.png and the other way round"
            )
    if not images:
        raise PatchesError(f"{folder} holds no patch: expected img/image_N.png and mask/mask_N.png")
    places = _read_manifest(folder / "manifest.csv", sorted(images))
    return RgbSet(
        folder=folder,
        entries=tuple(
            PatchEntry(number, *places.get(number, (UNKNOWN_SCENE, None, None)), images[number], masks[number])
            for number in sorted(images)
        ),
    )


def _numbered(folder: Path, part: str, stem: str) -> dict[int, Path]:
    inside = folder / part
    if not inside.is_dir():
        raise PatchesError(
            f"{folder} is not a set of RGB patches, it has no folder {part}/: "
            "expected img/image_N.png and mask/mask_N.png"
        )
    found: dict[int, Path] = {}
    for path in sorted(inside.iterdir()):
        match = re.fullmatch(rf"{stem}_(\d+)\.png", path.name)
        if match is None:
            raise PatchesError(f"{part}/{path.name} does not belong in {folder}: {part}/ may only hold {stem}_N.png")
        if int(match[1]) in found:
            raise PatchesError(f"{part}/ holds {found[int(match[1])].name} and {path.name}, which are one number")
        found[int(match[1])] = path
    return found


def _read_manifest(path: Path, numbers: Sequence[int]) -> dict[int, tuple[str, int | None, int | None]]:
    if not path.exists():
        return {}
    places: dict[int, tuple[str, int | None, int | None]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            number = "l4s_id" if "l4s_id" in (rows.fieldnames or ()) else "id"
            if not {number, *_COLUMNS} <= set(rows.fieldnames or ()):
                raise PatchesError(f"{path} lacks columns: it needs id (or l4s_id), {', '.join(_COLUMNS)}")
            for row in rows:
                places[int(row[number])] = (row["scene"], int(row["row"]), int(row["col"]))
    except (ValueError, TypeError, UnicodeDecodeError, csv.Error) as error:
        raise PatchesError(f"{path} is damaged after {len(places)} patches: {error}") from error
    unnamed = [number for number in numbers if number not in places]
    if unnamed:
        raise PatchesError(f"{path} does not name patch {_few(unnamed)}: name every patch, or leave the file out")
    return places


def _read_png(path: Path, mode: str) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.mode != mode:
                kind = "three colours of 8 bits" if mode == "RGB" else "1 bit"
                raise PatchesError(f"{path} has the mode {picture.mode}: it must be a PNG of {kind}")
            return np.asarray(picture, dtype=np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise PatchesError(f"{path} is not a PNG that can be read ({error}): fetch it again") from error


def _size(picture: NDArray[np.uint8]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]} px"


def _few(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:5])
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"
