"""Reader of Landslide4Sense: 128 x 128 px patches of 14 channels, in DN, whole degrees and whole metres."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX, read_image, read_mask
from landslip.datasets.manifest import Place, places_beside
from landslip.datasets.patch_set import SPLITS, UNKNOWN_SCENE, EntrySet, Patch, Split
from landslip.errors import PatchesError
from landslip.probability import NODATA

LAYOUTS: Final[Mapping[str, Mapping[Split, tuple[str, str]]]] = MappingProxyType(
    {
        "official": {
            "train": ("TrainData/img", "TrainData/mask"),
            "validation": ("ValidData/img", "ValidData/mask"),
            "test": ("TestData/img", "TestData/mask"),
        },
        "mirror": {split: (f"images/{split}", f"annotations/{split}") for split in SPLITS},
    }
)
"""Folders of the images and of the masks of each split, by the name of the layout."""


@dataclass(frozen=True, slots=True)
class L4sFiles:
    """The files of one patch."""

    id: int
    split: Split
    image: Path
    mask: Path | None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds."""

    folder: Path
    layout: str
    patches: tuple[L4sFiles, ...]
    """In order of split and number."""
    strays: tuple[Path, ...]
    """Files that are no image or mask of the folder they lie in."""
    doubles: tuple[tuple[Path, Path], ...]
    """Files of one number in one folder, such as ``image_1.h5`` and ``image_01.h5``; the first is the patch's."""
    lonely_masks: tuple[Path, ...]
    """Masks whose image is not there."""


def list_l4s(folder: Path) -> Listing:
    """List the patches of a folder and what else lies among them.

    Raises:
        PatchesError: the folder is in neither layout, or in both.
    """
    layout = _layout_of(folder)
    patches: list[L4sFiles] = []
    strays: list[Path] = []
    doubles: list[tuple[Path, Path]] = []
    lonely: list[Path] = []
    for split, (images_in, masks_in) in LAYOUTS[layout].items():
        images, masks = (
            _Numbered.of(folder / inside, stem) for inside, stem in ((images_in, "image"), (masks_in, "mask"))
        )
        patches += [
            L4sFiles(number, split, path, masks.by_number.get(number)) for number, path in images.by_number.items()
        ]
        strays += [*images.strays, *masks.strays]
        doubles += [*images.doubles, *masks.doubles]
        lonely += [path for number, path in masks.by_number.items() if number not in images.by_number]
    if not patches:
        raise PatchesError(f"{folder} holds no image: expected files such as {LAYOUTS[layout]['train'][0]}/image_1.h5")
    return Listing(folder, layout, tuple(patches), tuple(strays), tuple(doubles), tuple(lonely))


def _layout_of(folder: Path) -> str:
    if not folder.is_dir():
        raise PatchesError(f"{folder} is not a folder: give the folder that holds the Landslide4Sense files")
    found = [
        name for name, splits in LAYOUTS.items() if any((folder / images).is_dir() for images, _ in splits.values())
    ]
    if len(found) == 1:
        return found[0]
    expected = "TrainData/img and TrainData/mask, or images/train and annotations/train"
    if found:
        raise PatchesError(f"{folder} holds both layouts of Landslide4Sense: keep one of {expected}")
    raise PatchesError(f"{folder} is in no layout of Landslide4Sense: expected {expected} with files image_N.h5 inside")


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The files of one folder by their number, in order."""

    by_number: Mapping[int, Path]
    strays: tuple[Path, ...]
    doubles: tuple[tuple[Path, Path], ...]

    @classmethod
    def of(cls, folder: Path, stem: str) -> "_Numbered":
        known: dict[int, Path] = {}
        strays: list[Path] = []
        doubles: list[tuple[Path, Path]] = []
        for path in _listed(folder):
            match = re.fullmatch(rf"{stem}_(\d{{1,9}})\.h5", path.name, re.ASCII)
            if match is None:
                strays.append(path)
            elif (number := int(match[1])) in known:
                doubles.append((known[number], path))
            else:
                known[number] = path
        return cls(dict(sorted(known.items())), tuple(strays), tuple(doubles))


def _listed(folder: Path) -> Iterator[Path]:
    """What a folder holds, shortest names first, so that ``image_1.h5`` comes before ``image_01.h5``."""
    try:
        if folder.is_dir():
            yield from sorted(folder.iterdir(), key=lambda path: (len(path.name), path.name))
    except OSError as error:
        raise PatchesError(f"{folder} cannot be listed ({error.strerror}): give a folder that you may read") from error


@dataclass(frozen=True, slots=True)
class L4sEntry:
    """Where one patch lies, on disk and in its scene."""

    id: int
    split: Split
    scene: str
    row: int | None
    col: int | None
    image: Path
    mask: Path | None


@dataclass(frozen=True, slots=True)
class L4sSet(EntrySet[L4sEntry]):
    """A Landslide4Sense folder, in order of split and number; the files are read one at a time."""

    folder: Path
    layout: str
    """``official`` or ``mirror``."""
    entries: tuple[L4sEntry, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""
        return L4S_CHANNELS

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        return len(self.channels), SIDE_PX, SIDE_PX

    def read(self, entry: L4sEntry) -> Patch:
        """Read one patch: values (14, 128, 128) float32 in DN, degrees and metres; the mask all 255 where none is.

        Raises:
            PatchesError: a file is damaged, of another shape, or its values are not whole numbers by the divisors.
        """
        values = np.empty(self.shape, np.float32)
        mask = np.empty(self.shape[1:], np.uint8)
        _fill(entry, values, mask)
        return Patch(entry.id, entry.scene, entry.row, entry.col, self.channels, values, mask)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Read the patches at some positions in the order of the set.

        Args:
            positions: (N,) positions in ``entries``.
            values: (N, 14, 128, 128); written to.
            masks: (N, 128, 128); written to.

        Raises:
            PatchesError: as for ``read``.
        """
        for place, position in enumerate(positions):
            _fill(self.entries[position], values[place], masks[place])


def _fill(entry: L4sEntry, values: NDArray[np.float32], mask: NDArray[np.uint8]) -> None:
    read_image(entry.image, values)
    if entry.mask is None:
        mask[:] = NODATA
    else:
        read_mask(entry.mask, mask)


def open_l4s(folder: Path, places: Mapping[tuple[Split, int], Place] | None = None) -> L4sSet:
    """Open a Landslide4Sense folder of either layout, masks optional, images and masks paired by number.

    Args:
        folder: the folder that holds ``TrainData/`` ..., or ``images/`` and ``annotations/``.
        places: scene, row and column by split and number; those of ``manifest.csv`` in the folder if left out.

    Raises:
        PatchesError: the folder is in no layout; two files of one kind have one number; the manifest is damaged.
    """
    listing = list_l4s(folder)
    if listing.doubles:
        first, second = listing.doubles[0]
        raise PatchesError(f"{first} and {second.name} have one number: keep one of them")
    known = places_beside(folder) if places is None else places
    nowhere = Place(UNKNOWN_SCENE, None, None)
    return L4sSet(
        folder=folder,
        layout=listing.layout,
        entries=tuple(
            L4sEntry(
                id=files.id,
                split=files.split,
                scene=(place := known.get((files.split, files.id), nowhere)).scene,
                row=place.row,
                col=place.col,
                image=files.image,
                mask=files.mask,
            )
            for files in listing.patches
        ),
    )
