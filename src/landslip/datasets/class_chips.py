"""Reader of land-cover chips without landslides: ``CLASS/CLASS_N.jpg``, 8-bit red, green and blue, as in EuroSAT.

Every pixel of a chip is background. Two conversions bring a chip to the DN in which patches are read:

- ``absolute``: DN = ``DN_PER_GREY`` * value. EuroSAT has one stretch for all chips, of about 0 to 2,750 DN.
- ``relative``: the DN are divided by the Landslide4Sense divisors, scaled to a maximum of 255 over the chip, rounded
  down to 8 bits and read as an RGB patch (``datasets.rgb``). Brightness is then relative to the chip, as it is relative
  to the patch there, and both sets share one space.

Colours must be converted before chips and patches are mixed: a network that is trained on chips in other colours
than patches learns the colour cast, and not the ground.

Source: Helber et al. 2019, doi 10.1109/JSTARS.2019.2918242 (MIT licence).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from landslip.channels import TRUE_COLOUR
from landslip.datasets.patch_set import EntrySet, Patch, Split
from landslip.datasets.rgb import dn_to_png, png_to_dn
from landslip.errors import PatchesError
from landslip.probability import BACKGROUND

Brightness = Literal["absolute", "relative"]
DN_PER_GREY: Final = 2750 / 255
"""DN of one step of an EuroSAT chip: its stretch, 0 to 2,750 DN, is not stated in the files and is only about right."""
_NAME: Final = re.compile(r".*_(\d+)")


@dataclass(frozen=True, slots=True)
class ChipEntry:
    """The file of a chip; its class takes the place of the scene, and its position is unknown."""

    id: int
    scene: str
    image: Path
    row: int | None = None
    col: int | None = None
    split: Split = "train"


@dataclass(frozen=True, slots=True, repr=False)
class ChipSet(EntrySet[ChipEntry]):
    """Chips by class and number."""

    folder: Path
    entries: tuple[ChipEntry, ...]
    brightness: Brightness = "relative"

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every chip."""
        return TRUE_COLOUR

    def read(self, entry: ChipEntry) -> Patch:
        """Read a chip in DN, all of it background.

        Raises:
            PatchesError: the file is damaged.
        """
        values = chip_to_dn(read_chip(entry.image), self.brightness)
        mask = np.full(values.shape[1:], BACKGROUND, np.uint8)
        return Patch(entry.id, entry.scene, None, None, self.channels, values, mask)


def chip_to_dn(chip: NDArray[np.uint8], brightness: Brightness) -> NDArray[np.float32]:
    """Convert an 8-bit chip (H, W, 3) of red, green and blue to DN (3, H, W).

    Args:
        chip: as EuroSAT stores it.
        brightness: ``absolute``, or ``relative`` to the chip as in RGB patches of Landslide4Sense.

    Example:
        >>> chip_to_dn(np.full((1, 1, 3), 102, np.uint8), "absolute").ravel().round().tolist()
        [1100.0, 1100.0, 1100.0]
    """
    dn = np.moveaxis(chip, -1, 0).astype(np.float32) * np.float32(DN_PER_GREY)
    if brightness == "absolute":
        return np.ascontiguousarray(dn)
    return png_to_dn(dn_to_png(dn))


def read_chip(path: Path) -> NDArray[np.uint8]:
    """Read a chip, (H, W, 3).

    Raises:
        PatchesError: the file is damaged or not a picture.
    """
    try:
        with Image.open(path, formats=["JPEG", "PNG"]) as picture:
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PatchesError(f"{path} cannot be read as a picture ({error}): download it again") from error


def open_chips(folder: str | Path, brightness: Brightness = "relative") -> ChipSet:
    """Open a folder of chips, one folder for each class.

    Args:
        folder: with ``CLASS/CLASS_N.jpg`` (or ``.png``).
        brightness: conversion to DN.

    Raises:
        PatchesError: the folder does not exist or has no chips, or two chips of a class have one number.
    """
    path = Path(folder)
    if not path.is_dir():
        raise PatchesError(f"{path} is not a folder: give the folder of the classes of chips", parameter="folder")
    entries = []
    for kind in sorted(one for one in path.iterdir() if one.is_dir()):
        found = [(int(match[1]), file) for file in kind.iterdir() if (match := _number(file))]
        numbers = [number for number, _ in found]
        if len(set(numbers)) != len(numbers):
            raise PatchesError(f"two chips in {kind} have the same number: keep one of them")
        entries += [ChipEntry(number, kind.name, file) for number, file in sorted(found)]
    if not entries:
        raise PatchesError(
            f"{path} has no chips: expected pictures CLASS/CLASS_N.jpg, as in EuroSAT", parameter="folder"
        )
    return ChipSet(path, tuple(entries), brightness)


def _number(path: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(path.stem) if path.suffix.lower() in (".jpg", ".jpeg", ".png") else None


def keep_apart(entries: Sequence[ChipEntry], per_class: int) -> frozenset[Path]:
    """Return the files that are kept apart from training, to report on: the highest numbers of each class.

    Args:
        entries: of the whole set.
        per_class: number of chips of each class; all of a class that has fewer.

    Example:
        >>> chips = [ChipEntry(n, "River", Path(f"River_{n}.jpg")) for n in (1, 10, 2)]
        >>> [path.name for path in keep_apart(chips, 1)]
        ['River_10.jpg']
    """
    kept: set[Path] = set()
    for kind in {entry.scene for entry in entries}:
        ordered = sorted((entry for entry in entries if entry.scene == kind), key=lambda entry: entry.id)
        kept |= {entry.image for entry in ordered[max(0, len(ordered) - per_class) :]}
    return frozenset(kept)
