"""Puts patches that lie side by side together again, so that one landslide is one object.

Patches whose rows and columns are neighbours touch on the ground without overlapping. All that hang together over a
side or a corner make one mosaic; a patch whose place is not known is a mosaic of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.errors import PredictionsError

Cell = tuple[int, int]
"""Row and column of a patch in its scene."""


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Patches that hang together, by where each lies."""

    scene: str
    cells: tuple[tuple[int, Cell], ...]
    """Position of each patch in the set, with its row and column counted from the mosaic's corner."""

    def join(self, layers: NDArray[np.uint8], fill: int) -> NDArray[np.uint8]:
        """Lay out the patches of (N, H, W) as one image (h, w).

        Args:
            layers: one layer for each patch of the set.
            fill: what to put where no patch lies.
        """
        _, height, width = layers.shape
        rows, cols = (1 + max(cell[axis] for _, cell in self.cells) for axis in (0, 1))
        image = np.full((rows * height, cols * width), fill, np.uint8)
        for position, (row, col) in self.cells:
            image[row * height : (row + 1) * height, col * width : (col + 1) * width] = layers[position]
        return image


def mosaics(entries: Sequence[Entry]) -> tuple[Mosaic, ...]:
    """Find what hangs together; every patch is in one mosaic.

    Raises:
        PredictionsError: two patches have one place.
    """
    made = []
    scenes: dict[str, dict[Cell, int]] = defaultdict(dict)
    for position, entry in enumerate(entries):
        if entry.scene == UNKNOWN_SCENE or entry.row is None or entry.col is None:
            made.append(Mosaic(entry.scene, ((position, (0, 0)),)))
        elif (cell := (entry.row, entry.col)) in scenes[entry.scene]:
            raise PredictionsError(
                f"patches {entries[scenes[entry.scene][cell]].id} and {entry.id} both lie at row {cell[0]}, column "
                f"{cell[1]} of scene {entry.scene}: a place holds one patch, so mend the table of places"
            )
        else:
            scenes[entry.scene][cell] = position
    for scene, at in scenes.items():
        made += [_mosaic(scene, group, at) for group in _groups(set(at))]
    return tuple(made)


def _groups(cells: set[Cell]) -> Iterator[list[Cell]]:
    """Cells that hang together over sides and corners."""
    left = set(cells)
    while left:
        group = [min(left)]
        left.discard(group[0])
        for row, col in group:  # grows while it is gone through
            near = {(row + down, col + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            group += sorted(near)
            left -= near
        yield group


def _mosaic(scene: str, group: list[Cell], at: dict[Cell, int]) -> Mosaic:
    top, left = (min(cell[axis] for cell in group) for axis in (0, 1))
    return Mosaic(scene, tuple((at[row, col], (row - top, col - left)) for row, col in sorted(group)))
