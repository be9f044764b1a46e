"""Square blocks of neighbouring patches, joined to larger images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.assembly import PlacedPatch
from landslip.datasets.mosaic.edges import extract_edges
from landslip.datasets.mosaic.files import equalise
from landslip.datasets.mosaic.recovery import estimate_gains
from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry, PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.inference.patch_prediction import select_channels
from landslip.metrics.intervals import ResamplingUnits

LARGEST_PX: Final = 512


@dataclass(frozen=True, slots=True)
class Block:
    """Patches that fill a square of rows and columns: their indices in the set, (k, k)."""

    patches: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class BlockSet:
    """Blocks of one size."""

    blocks: tuple[Block, ...]
    patch_px: int

    @property
    def side(self) -> int:
        """Number of patches along a side."""
        return len(self.blocks[0].patches)

    @property
    def side_px(self) -> int:
        """Number of pixels along a side."""
        return self.side * self.patch_px

    @property
    def patches(self) -> int:
        """Number of patches in all blocks."""
        return len(self.blocks) * self.side**2

    def __str__(self) -> str:
        """Describe them in words, such as ``64 patches in blocks of 4 x 4``."""
        return f"{self.patches:,} patches" + (f" in blocks of {self.side} x {self.side}" if self.side > 1 else "")

    @property
    def units(self) -> ResamplingUnits:
        """Resampling units: each block is one."""
        text = f"blocks of {self.side} x {self.side} patches" if self.side > 1 else "patches"
        labels = np.arange(len(self.blocks), dtype=np.intp)
        return ResamplingUnits("block" if self.side > 1 else "patch", labels, text)


def find_largest_blocks(entries: Sequence[Entry], patch_px: int, largest_px: int = LARGEST_PX) -> BlockSet:
    """Find the largest complete blocks of a set; single patches where positions are unknown.

    Args:
        entries: of the set.
        patch_px: side of every patch.
        largest_px: largest side of a block.
    """
    side = max(1, largest_px // patch_px)
    while side > 1:
        found = find_complete_blocks(entries, side)
        if found:
            return BlockSet(found, patch_px)
        side //= 2
    return BlockSet(tuple(Block(((position,),)) for position in range(len(entries))), patch_px)


def find_complete_blocks(entries: Sequence[Entry], side: int) -> tuple[Block, ...]:
    """Find disjoint blocks of ``side`` x ``side`` patches, row by row."""
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


class BlockReader:
    """Reads blocks as images; the brightness of patches is first matched to that of their neighbours."""

    def __init__(self, detector: Detector, patches: PatchSet[Any], blocks: BlockSet) -> None:
        self._detector, self._patches, self._blocks = detector, patches, blocks
        self._gains = _gains(patches, blocks)

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.uint8]]]:
        """Yield number, values (C, H, W) in the detector's channel order, and mask (H, W) of each block."""
        for number, block in enumerate(self._blocks.blocks):
            read = [[self._read(position) for position in line] for line in block.patches]
            values = np.concatenate([np.concatenate([one[0] for one in line], axis=2) for line in read], axis=1)
            mask = np.concatenate([np.concatenate([one[1] for one in line], axis=1) for line in read], axis=0)
            yield number, values, mask

    def _read(self, position: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        patch = equalise(self._patches.read(self._patches.entries[position]), self._gains.get(position, 1.0))
        side = self._blocks.patch_px
        if patch.mask.shape != (side, side):
            height, width = patch.mask.shape
            raise PatchesError(
                f"patch-size and ground-sampling need patches of one size: patch {patch.id} has {height} x {width} "
                f"pixels, the first one {side} x {side}"
            )
        return select_channels(self._detector, patch), patch.mask


def _gains(patches: PatchSet[Any], blocks: BlockSet) -> dict[int, float]:
    """Brightness of each patch relative to what its neighbours imply."""
    if blocks.side == 1:
        return {}
    positions = [position for block in blocks.blocks for line in block.patches for position in line]
    placed = [
        PlacedPatch(number, row, col, 0, 0, 0.0, 0.0)
        for number, block in enumerate(blocks.blocks)
        for row, line in enumerate(block.patches)
        for col, _ in enumerate(line)
    ]
    edges = extract_edges(patches.read(patches.entries[position]) for position in positions)
    return dict(zip(positions, estimate_gains(edges, placed).tolist(), strict=True))
