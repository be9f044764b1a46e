"""Which files of a Landslide4Sense folder make which patch, in either layout; nothing is opened.

The organisers give ``TrainData|ValidData|TestData/{img,mask}/``, the mirror ``images|annotations/{train,validation,
test}/``, both with ``image_N.h5`` and ``mask_N.h5``. An image and its mask are paired by their number N: the mirror's
``annotations/train`` also holds five stray ``image_*.h5``, which would shift two sorted lists against each other.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from landslip.datasets.patch_set import SPLITS, Split
from landslip.errors import PatchesError

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
