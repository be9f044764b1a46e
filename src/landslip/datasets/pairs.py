"""Reader of a set of pairs: RGB patches (``img/``, ``mask/``) with the same ground before, ``before/before_N.png``.

The mask marks landslides that are on the image after and not on that before; ground that is landslide on both dates is
background. Each image is scaled by its own maximum, as in RGB patches (``datasets/rgb.py``).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from landslip.channels import TRUE_COLOUR, name_before
from landslip.datasets.patch_set import EntrySet, Patch, Split
from landslip.datasets.rgb import find_numbered, name_few, open_rgb_set, png_to_dn, read_image, read_mask
from landslip.errors import PatchesError

BEFORE_FOLDER: Final = "before"


@dataclass(frozen=True, slots=True)
class PairEntry:
    """The files and the position of a pair."""

    id: int
    scene: str
    row: int | None
    col: int | None
    image: Path
    before: Path
    mask: Path
    split: Split = "train"


@dataclass(frozen=True, slots=True, repr=False)
class PairSet(EntrySet[PairEntry]):
    """A folder of pairs, in order of their numbers."""

    folder: Path
    entries: tuple[PairEntry, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every pair: red, green and blue after, then before."""
        return (*TRUE_COLOUR, *name_before(TRUE_COLOUR))

    def read(self, entry: PairEntry) -> Patch:
        """Read a pair, its values in relative DN.

        Raises:
            PatchesError: a file is damaged, or images and mask differ in size.
        """
        after, before, mask = read_image(entry.image), read_image(entry.before), read_mask(entry.mask)
        if not after.shape[:2] == before.shape[:2] == mask.shape:
            raise PatchesError(
                f"{entry.image.name}, {entry.before.name} and {entry.mask.name} differ in size: all must have one"
            )
        values = np.concatenate([png_to_dn(after), png_to_dn(before)])
        return Patch(entry.id, entry.scene, entry.row, entry.col, self.channels, values, mask)


def open_pair_set(folder: Path) -> PairSet:
    """Open a folder of pairs, the three files of each paired by number.

    Raises:
        PatchesError: the folder has another layout, or a file has no partner.
    """
    patches = open_rgb_set(folder)
    earlier = find_numbered(folder, BEFORE_FOLDER, "before")
    lonely = sorted({entry.id for entry in patches.entries} ^ set(earlier))
    if lonely:
        raise PatchesError(
            f"pair {name_few(lonely)} in {folder} is incomplete: each img/image_N.png needs a before/before_N.png, and "
            "each image before an image after"
        )
    return PairSet(
        folder,
        tuple(
            PairEntry(one.id, one.scene, one.row, one.col, one.image, earlier[one.id], one.mask)
            for one in patches.entries
        ),
    )
