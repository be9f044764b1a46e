"""Reader of Landslide4Sense: 128 x 128 px patches of 14 channels, in DN, whole degrees and whole metres.

A file holds DN / divisor in float64 (Ghorbanzadeh et al. 2022, IEEE TGRS, doi 10.1109/TGRS.2022.3215209; that the
values are whole numbers by a divisor is measured, not published). Reading multiplies by the divisor, rounds, and
checks that dividing again gives every bit of the file back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.l4s_files import list_l4s
from landslip.datasets.l4s_values import L4S_CHANNELS, SIDE_PX, read_image, read_mask
from landslip.datasets.manifest import Place, places_beside
from landslip.datasets.patch_set import UNKNOWN_SCENE, EntrySet, Patch, Split
from landslip.errors import PatchesError
from landslip.probability import NODATA


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
