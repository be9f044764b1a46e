"""In which order blocks are mapped, which tiles each needs, and which are kept for blocks that come later.

A tile that touches several blocks is run once and kept until the last of them, as long as the budget lasts; beyond it
the tile is run again. So memory is bounded by settings whatever the width of a scene, and the answer is the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from landslip.grid.lattice import Lattice
from landslip.grid.window import Window


@dataclass(frozen=True, slots=True)
class Step:
    """One block: the tiles to run for it, what to read for them, and what to forget afterwards."""

    block: Window
    tiles: tuple[Window, ...]
    read: Window
    """The block and the part of its new tiles that lies inside the scene."""
    forget: tuple[Window, ...]


def plan(lattice: Lattice, blocks: Sequence[Window], kept_tiles: int) -> Iterator[Step]:
    """Plan the work, block by block.

    Args:
        lattice: of the scene.
        blocks: to be mapped, row by row; some may be missing (a run that is resumed).
        kept_tiles: how many tiles may be kept from one block to the next.
    """
    if not blocks:
        return
    scene = Window(0, 0, lattice.height, lattice.width)
    region = _bounds(blocks, scene)
    held: set[Window] = set()
    for block in blocks:
        new = tuple(tile for tile in lattice.tiles_touching(block) if tile not in held)
        still = {tile for tile in held if _touches_later(tile, block, region)}
        wanted = [tile for tile in new if _touches_later(tile, block, region)]
        keep = still | set(wanted[: max(kept_tiles - len(still), 0)])
        yield Step(block, new, _bounds([block, *new], scene), tuple(tile for tile in (*held, *new) if tile not in keep))
        held = keep


def _touches_later(tile: Window, block: Window, region: Window) -> bool:
    """Whether a tile reaches a block that comes after this one, row by row, inside the region."""
    return min(tile.bottom, region.bottom) > block.bottom or min(tile.right, region.right) > block.right


def _bounds(windows: Sequence[Window], scene: Window) -> Window:
    """The smallest window of the scene that holds all the given ones."""
    row, col = min(window.row for window in windows), min(window.col for window in windows)
    bottom = min(max(window.bottom for window in windows), scene.bottom)
    right = min(max(window.right for window in windows), scene.right)
    return Window(row, col, bottom - row, right - col)
