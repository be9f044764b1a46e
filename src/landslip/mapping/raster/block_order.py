"""The order of work on a raster: blocks with the tiles each needs, and strips.

A tile that touches several blocks is run once and kept until the last of them, within a memory budget; beyond it the
tile is run again. Memory is bounded by settings whatever the width of a scene, and the result is the same.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from landslip.grid.lattice import Lattice
from landslip.grid.window import Window

STRIP_PX = 1 << 22


@dataclass(frozen=True, slots=True)
class Step:
    """One block: the tiles to run for it, the window to read, and the tiles to release afterwards."""

    block: Window
    tiles: tuple[Window, ...]
    read: Window
    """The block and its new tiles, clipped to the scene."""
    release: tuple[Window, ...]


def plan_steps(
    lattice: Lattice, blocks: Sequence[Window], kept_tiles: int, given: Collection[Window] = frozenset()
) -> Iterator[Step]:
    """Plan the work block by block.

    Args:
        lattice: of the scene.
        blocks: to be mapped, row by row; some may be missing in a resumed run.
        kept_tiles: maximum number of tiles kept from one block to the next.
        given: tiles that are run elsewhere, and belong to no step.
    """
    if not blocks:
        return
    scene = Window(0, 0, lattice.height, lattice.width)
    region = _bounds(blocks, scene)
    held: set[Window] = set()
    for block in blocks:
        new = tuple(tile for tile in lattice.tiles_touching(block) if tile not in held and tile not in given)
        still = {tile for tile in held if _touches_later(tile, block, region)}
        wanted = [tile for tile in new if _touches_later(tile, block, region)]
        keep = still | set(wanted[: max(kept_tiles - len(still), 0)])
        yield Step(block, new, _bounds([block, *new], scene), tuple(tile for tile in (*held, *new) if tile not in keep))
        held = keep


def _touches_later(tile: Window, block: Window, region: Window) -> bool:
    """Whether a tile overlaps a later block of the region."""
    return min(tile.bottom, region.bottom) > block.bottom or min(tile.right, region.right) > block.right


def _bounds(windows: Sequence[Window], scene: Window) -> Window:
    """The bounding window of some windows, clipped to the scene."""
    row, col = min(window.row for window in windows), min(window.col for window in windows)
    bottom = min(max(window.bottom for window in windows), scene.bottom)
    right = min(max(window.right for window in windows), scene.right)
    return Window(row, col, bottom - row, right - col)


def strips(height: int, width: int) -> Iterator[Window]:
    """Yield full-width strips of about 4 million pixels, of 16 to 512 rows."""
    rows = min(max(STRIP_PX // width, 16), 512)
    for row in range(0, height, rows):
        yield Window(row, 0, min(rows, height - row), width)
