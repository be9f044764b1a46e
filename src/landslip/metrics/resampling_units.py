"""What is drawn again when asking how sure a figure is: whole patches, or blocks of neighbouring ones, never pixels.

Pixels of a landslide are right or wrong together, and so, less so, are neighbouring patches: they share the ground, the
light and the hand that drew the truth. An interval over pixels would be far too narrow, one over patches is too narrow,
one over blocks is the honest one where there are enough of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.errors import PredictionsError, SettingsError

UnitName = Literal["patch", "block"]
BLOCK_SIDE: Final = 4
"""Patches along a block: 5 km at 128 px of 10 m, well above the size of a landslide and of a hillside."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Which unit each patch belongs to."""

    name: UnitName
    labels: NDArray[np.intp]
    """(N,), from 0 to one below ``count``; every unit holds a patch."""
    text: str

    @property
    def count(self) -> int:
        """How many units there are."""
        return int(self.labels.max()) + 1 if self.labels.size else 0

    def sums(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Values (N, K) of patches summed over each unit, (count, K)."""
        summed = np.zeros((self.count, *values.shape[1:]), np.int64)
        np.add.at(summed, self.labels, values)
        return summed

    def take(self, positions: NDArray[np.intp]) -> "Units":
        """The units of the patches at some positions, numbered anew."""
        return Units(self.name, np.unique(self.labels[positions], return_inverse=True)[1], self.text)


def patch_units(entries: Sequence[Entry]) -> Units:
    """Every patch a unit of its own."""
    return Units("patch", np.arange(len(entries), dtype=np.intp), "patches")


def block_units(entries: Sequence[Entry], side: int = BLOCK_SIDE) -> Units:
    """Blocks of rows and columns of each scene, counted from its first row and column here.

    Args:
        entries: with their places.
        side: patches along a block.

    Raises:
        PredictionsError: the place of a patch is not known.
        SettingsError: the side is below 1.
    """
    if side < 1:
        raise SettingsError(f"blocks of {side} patches are none: give 1 or more")
    first: dict[str, tuple[int, int]] = {}
    for entry in entries:
        if not _placed(entry):
            raise PredictionsError(
                f"patch {entry.id} of {entry.split} has no known place, so that no blocks can be made: "
                "draw patches instead, or find the scenes with  landslip data mosaic"
            )
        row, col = first.get(entry.scene, (entry.row, entry.col))
        first[entry.scene] = min(row or 0, entry.row or 0), min(col or 0, entry.col or 0)
    numbers: dict[tuple[str, int, int], int] = {}
    labels = np.empty(len(entries), np.intp)
    for position, entry in enumerate(entries):
        row, col = first[entry.scene]
        key = entry.scene, ((entry.row or 0) - row) // side, ((entry.col or 0) - col) // side
        labels[position] = numbers.setdefault(key, len(numbers))
    return Units("block", labels, f"blocks of {side} x {side} patches")


def best_units(entries: Sequence[Entry]) -> Units:
    """Blocks where every place is known, else patches."""
    return block_units(entries) if entries and all(map(_placed, entries)) else patch_units(entries)


def _placed(entry: Entry) -> bool:
    return entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None
