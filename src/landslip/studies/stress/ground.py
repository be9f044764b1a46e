"""Ground of more than one patch: blocks whose patches are all known, put together again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.assembly import Placed
from landslip.datasets.mosaic.edges import edge_profiles
from landslip.datasets.mosaic.files import equalised
from landslip.datasets.mosaic.recovery import gains
from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry, PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.inference.patch_prediction import select_channels
from landslip.metrics.intervals import Units

LARGEST_PX: Final = 512


@dataclass(frozen=True, slots=True)
class Block:
    """Patches that fill a square of rows and columns; positions in the set, (k, k)."""

    positions: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """Blocks of one size, and how large they are."""

    blocks: tuple[Block, ...]
    patch_px: int

    @property
    def side(self) -> int:
        """Patches along a block."""
        return len(self.blocks[0].positions)

    @property
    def side_px(self) -> int:
        """Pixels along a block."""
        return self.side * self.patch_px

    @property
    def patches(self) -> int:
        """How many patches the blocks hold."""
        return len(self.blocks) * self.side**2

    def __str__(self) -> str:
        """How many patches, and how they lie."""
        return f"{self.patches:,} patches" + (f" in blocks of {self.side} x {self.side}" if self.side > 1 else "")

    @property
    def units(self) -> Units:
        """Each block a unit of its own."""
        text = f"blocks of {self.side} x {self.side} patches" if self.side > 1 else "patches"
        labels = np.arange(len(self.blocks), dtype=np.intp)
        return Units("block" if self.side > 1 else "patch", labels, text)


def largest_ground(entries: Sequence[Entry], patch_px: int, largest_px: int = LARGEST_PX) -> Ground:
    """The largest blocks, up to a size, that the set has; single patches where no places are known.

    Args:
        entries: of the set.
        patch_px: side of every patch.
        largest_px: side that a block should have.
    """
    side = max(1, largest_px // patch_px)
    while side > 1:
        found = complete_blocks(entries, side)
        if found:
            return Ground(found, patch_px)
        side //= 2
    return Ground(tuple(Block(((position,),)) for position in range(len(entries))), patch_px)


def complete_blocks(entries: Sequence[Entry], side: int) -> tuple[Block, ...]:
    """Blocks of ``side`` x ``side`` patches that share none, found row by row."""
    at = {
        (entry.scene, entry.row, entry.col): position
        for position, entry in enumerate(entries)
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None
    }
    made, taken = [], set()
    for scene, row, col in sorted(at):
        cells = [[(scene, row + down, col + across) for across in range(side)] for down in range(side)]
        flat = [cell for line in cells for cell in line]
        if all(cell in at and cell not in taken for cell in flat):
            taken.update(flat)
            made.append(Block(tuple(tuple(at[cell] for cell in line) for line in cells)))
    return tuple(made)


class Joiner:
    """Reads blocks; patches whose brightness is relative are first made to fit their neighbours."""

    def __init__(self, detector: Detector, patches: PatchSet[Any], ground: Ground) -> None:
        self._detector, self._patches, self._ground = detector, patches, ground
        self._gains = _gains(patches, ground)

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.uint8]]]:
        """Number, values (C, H, W) in the detector's order, and truth (H, W) of each block."""
        for number, block in enumerate(self._ground.blocks):
            read = [[self._read(position) for position in line] for line in block.positions]
            values = np.concatenate([np.concatenate([one[0] for one in line], axis=2) for line in read], axis=1)
            mask = np.concatenate([np.concatenate([one[1] for one in line], axis=1) for line in read], axis=0)
            yield number, values, mask

    def _read(self, position: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        patch = equalised(self._patches.read(self._patches.entries[position]), self._gains.get(position, 1.0))
        side = self._ground.patch_px
        if patch.mask.shape != (side, side):
            raise PatchesError(
                f"patch {patch.id} measures {patch.mask.shape} and not {side} x {side} pixels like the first: "
                "sizes and pixel sizes are tried on patches of one size"
            )
        return select_channels(self._detector, patch), patch.mask


def _gains(patches: PatchSet[Any], ground: Ground) -> dict[int, float]:
    """By how much each patch of the blocks is brighter than its neighbours make it."""
    if ground.side == 1:
        return {}
    positions = [position for block in ground.blocks for line in block.positions for position in line]
    placed = [
        Placed(number, row, col, 0, 0, 0.0, 0.0)
        for number, block in enumerate(ground.blocks)
        for row, line in enumerate(block.positions)
        for col, _ in enumerate(line)
    ]
    edges = edge_profiles(patches.read(patches.entries[position]) for position in positions)
    return dict(zip(positions, gains(edges, placed).tolist(), strict=True))
