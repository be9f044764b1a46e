"""Mosaics of neighbouring patches, so that a landslide across patches is one object.

Patches in neighbouring rows and columns of a scene touch without overlap. All patches connected over a side or a corner
form one mosaic; a patch without a known position is a mosaic of its own.
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
    """Connected patches of a scene."""

    scene: str
    cells: tuple[tuple[int, Cell], ...]
    """Index of each patch in the set, with its row and column counted from the mosaic's corner."""

    def join(self, layers: NDArray[np.uint8], fill: int) -> NDArray[np.uint8]:
        """Join the patches of layers (N, H, W) to one image (h, w).

        Args:
            layers: one layer for each patch of the set.
            fill: value where there is no patch.
        """
        _, height, width = layers.shape
        rows, cols = (1 + max(cell[axis] for _, cell in self.cells) for axis in (0, 1))
        image = np.full((rows * height, cols * width), fill, np.uint8)
        for index, (row, col) in self.cells:
            image[row * height : (row + 1) * height, col * width : (col + 1) * width] = layers[index]
        return image


def find_mosaics(entries: Sequence[Entry]) -> tuple[Mosaic, ...]:
    """Group patches into mosaics; every patch is in exactly one.

    Raises:
        PredictionsError: two patches have the same position.
    """
    made = []
    scenes: dict[str, dict[Cell, int]] = defaultdict(dict)
    for index, entry in enumerate(entries):
        if entry.scene == UNKNOWN_SCENE or entry.row is None or entry.col is None:
            made.append(Mosaic(entry.scene, ((index, (0, 0)),)))
        elif (cell := (entry.row, entry.col)) in scenes[entry.scene]:
            raise PredictionsError(
                f"patches {entries[scenes[entry.scene][cell]].id} and {entry.id} both lie at row {cell[0]}, column "
                f"{cell[1]} of scene {entry.scene}: correct the table of patch positions"
            )
        else:
            scenes[entry.scene][cell] = index
    for scene, at in scenes.items():
        made += [_mosaic(scene, group, at) for group in _groups(set(at))]
    return tuple(made)


def _groups(cells: set[Cell]) -> Iterator[list[Cell]]:
    """Yield cells connected over sides and corners."""
    left = set(cells)
    while left:
        group = [min(left)]
        left.discard(group[0])
        for row, col in group:  # grows during the iteration
            near = {(row + down, col + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            group += sorted(near)
            left -= near
        yield group


def _mosaic(scene: str, group: list[Cell], at: dict[Cell, int]) -> Mosaic:
    top, left = (min(cell[axis] for cell in group) for axis in (0, 1))
    return Mosaic(scene, tuple((at[row, col], (row - top, col - left)) for row, col in sorted(group)))
