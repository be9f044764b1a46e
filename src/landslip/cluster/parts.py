"""Parts of a map that are mapped by one task each, and the tiles that several parts need.

A part is a run of blocks in one row of blocks. Tiles that touch one part only are run by its task; those that touch
several are run once, by a task of their own (a seam), and given to each of these parts. So every tile is run once, as
in one process, and the workers send each other the seams only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from landslip.grid.lattice import Lattice
from landslip.grid.window import Window

_TASKS_PER_THREAD: Final = 8
"""So that the last tasks of a scene leave few threads waiting."""
_MOST_BLOCKS: Final = 16

SeamKey: TypeAlias = tuple[int, ...]
"""Numbers of the parts that a seam belongs to, in order."""


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks that one task maps, and the tiles that it shares with other parts."""

    number: int
    blocks: tuple[Window, ...]
    seams: Mapping[SeamKey, tuple[Window, ...]]
    """Tiles of each seam; the same in each of its parts."""


def plan_parts(lattice: Lattice, blocks: Sequence[Window], threads: int) -> Iterator[Part]:
    """Group blocks to parts.

    Args:
        lattice: of the scene.
        blocks: that are to be mapped, row by row; some may be missing in a resumed run.
        threads: of the cluster; more threads make smaller parts, and do not change the map.

    Yields:
        Parts whose blocks, one after the other, are the blocks given.

    Example:
        >>> lattice = Lattice.over(64, 256, tile=32, overlap=8, multiple=4)
        >>> parts = list(plan_parts(lattice, [Window(0, 0, 64, 128), Window(0, 128, 64, 128)], 4))
        >>> [(part.number, len(part.blocks), list(part.seams)) for part in parts]
        [(0, 1, [(0, 1)]), (1, 1, [(0, 1)])]
    """
    size = min(max(len(blocks) // (_TASKS_PER_THREAD * threads), 1), _MOST_BLOCKS)
    groups = [group for row in _rows(blocks) for group in _split(row, size)]
    owners = {block: number for number, group in enumerate(groups) for block in group}
    rows = {block.row: block.bottom for block in blocks}
    by_row: dict[int, list[Window]] = {}
    for block in blocks:
        by_row.setdefault(block.row, []).append(block)
    for number, group in enumerate(groups):
        near = [
            block
            for row, bottom in rows.items()
            if row < group[0].bottom + lattice.tile_height and group[0].row - lattice.tile_height < bottom
            for block in by_row[row]
            if block.col < group[-1].right + lattice.tile_width and group[0].col - lattice.tile_width < block.right
        ]
        seams: dict[SeamKey, list[Window]] = {}
        for tile in dict.fromkeys(tile for block in group for tile in lattice.tiles_touching(block)):
            key = tuple(sorted({owners[block] for block in near if _overlap(tile, block)}))
            if len(key) > 1:
                seams.setdefault(key, []).append(tile)
        yield Part(number, tuple(group), {key: tuple(sorted(tiles, key=_place)) for key, tiles in seams.items()})


def _rows(blocks: Sequence[Window]) -> list[list[Window]]:
    rows: dict[int, list[Window]] = {}
    for block in blocks:
        rows.setdefault(block.row, []).append(block)
    return list(rows.values())


def _split(row: Sequence[Window], size: int) -> Iterator[Sequence[Window]]:
    """Split a row of blocks into groups of nearly one size."""
    count = -(-len(row) // size)
    for number in range(count):
        yield row[number * len(row) // count : (number + 1) * len(row) // count]


def _overlap(tile: Window, block: Window) -> bool:
    return (
        tile.row < block.bottom
        and block.row < tile.row + tile.height
        and tile.col < block.right
        and block.col < tile.col + tile.width
    )


def _place(tile: Window) -> tuple[int, int]:
    return tile.row, tile.col
