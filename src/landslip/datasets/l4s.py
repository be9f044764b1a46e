"""Reader of Landslide4Sense: 128 x 128 px patches of 14 channels, in DN, whole degrees and whole metres.

Two layouts exist. The organisers publish ``TrainData|ValidData|TestData/{img,mask}/``, the mirror
``images|annotations/{train,validation,test}/``, both with ``image_N.h5`` and ``mask_N.h5``. An image and its mask are
paired by their number N: the mirror's ``annotations/train`` also has five stray ``image_*.h5``, which would misalign
two sorted lists.

A file stores DN / divisor in float64 (Ghorbanzadeh et al. 2022, IEEE TGRS, doi 10.1109/TGRS.2022.3215209; that the
values are integers after multiplication by a divisor is measured, not published). Reading multiplies by the divisor,
rounds, and checks that dividing again reproduces every bit of the file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX, read_image, read_mask
from landslip.datasets.manifest import UNKNOWN_POSITION, Position, manifest_positions
from landslip.datasets.patch_set import SPLITS, EntrySet, Patch, Split
from landslip.errors import PatchesError
from landslip.files.path_names import is_system_file
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
"""Folders of images and masks of each split, by layout."""


@dataclass(frozen=True, slots=True)
class L4sFiles:
    """The files of one patch."""

    id: int
    split: Split
    image: Path
    mask: Path | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder, by patch, without opening them."""

    folder: Path
    layout: str
    patches: tuple[L4sFiles, ...]
    """In order of split and number."""
    strays: tuple[Path, ...]
    """Files that do not belong in their folder."""
    doubles: tuple[tuple[Path, Path], ...]
    """Pairs of files with the same number, such as ``image_1.h5`` and ``image_01.h5``; the first one is used."""
    masks_without_image: tuple[Path, ...]


def list_l4s(folder: Path) -> Listing:
    """List the patches of a folder, and other files among them.

    Raises:
        PatchesError: the folder has neither layout, or both.
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
        raise PatchesError(f"{folder} has no images: expected files such as {LAYOUTS[layout]['train'][0]}/image_1.h5")
    return Listing(folder, layout, tuple(patches), tuple(strays), tuple(doubles), tuple(lonely))


def _layout_of(folder: Path) -> str:
    if not folder.is_dir():
        raise PatchesError(f"{folder} is not a folder: give the folder of the Landslide4Sense files")
    found = [
        name for name, splits in LAYOUTS.items() if any((folder / images).is_dir() for images, _ in splits.values())
    ]
    if len(found) == 1:
        return found[0]
    expected = "TrainData/img and TrainData/mask, or images/train and annotations/train"
    if found:
        raise PatchesError(f"{folder} has both layouts of Landslide4Sense: keep one of {expected}")
    raise PatchesError(f"{folder} is not a folder of Landslide4Sense: expected {expected} with files image_N.h5")


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The files of one folder by their number, sorted."""

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
    """List a folder, shortest names first, so that ``image_1.h5`` comes before ``image_01.h5``."""
    try:
        if folder.is_dir():
            inside = (path for path in folder.iterdir() if not is_system_file(path))
            yield from sorted(inside, key=lambda path: (len(path.name), path.name))
    except OSError as error:
        raise PatchesError(f"{folder} cannot be read ({error.strerror}): give a folder with read permission") from error


@dataclass(frozen=True, slots=True)
class L4sEntry:
    """The files and the position of a Landslide4Sense patch."""

    id: int
    split: Split
    scene: str
    row: int | None
    col: int | None
    image: Path
    mask: Path | None


@dataclass(frozen=True, slots=True, repr=False)
class L4sSet(EntrySet[L4sEntry]):
    """A Landslide4Sense folder, in order of split and number."""

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
        """Read a patch: values (14, 128, 128) in DN, degrees and metres; without labels the mask is nodata everywhere.

        Raises:
            PatchesError: a file is damaged or has another shape, or its values are not DN / divisor.
        """
        values = np.empty(self.shape, np.float32)
        mask = np.empty(self.shape[1:], np.uint8)
        _fill(entry, values, mask)
        return Patch(entry.id, entry.scene, entry.row, entry.col, self.channels, values, mask)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Read patches into arrays.

        Args:
            positions: (N,) indices in ``entries``.
            values: (N, 14, 128, 128), written to.
            masks: (N, 128, 128), written to.
        """
        for index, position in enumerate(positions):
            _fill(self.entries[position], values[index], masks[index])


def _fill(entry: L4sEntry, values: NDArray[np.float32], mask: NDArray[np.uint8]) -> None:
    read_image(entry.image, values)
    if entry.mask is None:
        mask[:] = NODATA
    else:
        read_mask(entry.mask, mask)


def open_l4s(folder: Path, positions: Mapping[tuple[Split, int], Position] | None = None) -> L4sSet:
    """Open a Landslide4Sense folder of either layout; masks are optional.

    Args:
        folder: the folder with ``TrainData/`` ..., or with ``images/`` and ``annotations/``.
        positions: scene, row and column by split and number; by default those of ``manifest.csv`` in the folder.

    Raises:
        PatchesError: the folder has another layout, two files have the same number, or the manifest is damaged.
    """
    listing = list_l4s(folder)
    if listing.doubles:
        first, second = listing.doubles[0]
        raise PatchesError(f"{first} and {second.name} have the same number: remove one")
    known = manifest_positions(folder) if positions is None else positions
    return L4sSet(
        folder=folder,
        layout=listing.layout,
        entries=tuple(
            L4sEntry(
                id=files.id,
                split=files.split,
                scene=(position := known.get((files.split, files.id), UNKNOWN_POSITION)).scene,
                row=position.row,
                col=position.col,
                image=files.image,
                mask=files.mask,
            )
            for files in listing.patches
        ),
    )
