"""The fixed tile lattice: which tiles cover a scene, and which of them touch a window.

The lattice hangs on the scene's corner and on nothing else, so a pixel is seen by the same tiles whatever the block
size, the area of interest or the order of work. Maths only, no rasters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from landslip.errors import SettingsError
from landslip.grid.window import Window


@dataclass(frozen=True, slots=True)
class Lattice:
    """Tiles of ``tile_height`` x ``tile_width`` over a scene of ``height`` x ``width``.

    Tiles lie a stride apart; the last of a row or column is moved back inside so that it sees real ground. Only a
    scene smaller than a tile has a tile that reaches beyond it.
    """

    height: int
    width: int
    tile_height: int
    tile_width: int
    overlap: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.tile_height, self.tile_width) < 1:
            raise SettingsError("a scene and its tiles must measure at least 1 x 1 px")
        if not 0 <= self.overlap < min(self.tile_height, self.tile_width):
            raise SettingsError(
                f"the overlap of {self.overlap} px must lie between 0 and the tile's "
                f"{min(self.tile_height, self.tile_width)} px less 1: give a smaller --overlap"
            )

    @classmethod
    def over(cls, height: int, width: int, *, tile: int, overlap: int, multiple: int) -> "Lattice":
        """The lattice for a scene: square tiles, or smaller ones where the scene is smaller than a tile.

        Args:
            height: of the scene in pixels.
            width: likewise.
            tile: side of a tile in pixels.
            overlap: how many pixels neighbouring tiles share.
            multiple: tile sides are multiples of this (what the network's strides ask for).
        """
        tile_height, tile_width = (min(tile, -(-size // multiple) * multiple) for size in (height, width))
        return cls(height, width, tile_height, tile_width, min(overlap, tile_height - 1, tile_width - 1))

    @property
    def rows(self) -> tuple[int, ...]:
        """First row of each row of tiles."""
        return _starts(self.height, self.tile_height, self.overlap)

    @property
    def cols(self) -> tuple[int, ...]:
        """First column of each column of tiles."""
        return _starts(self.width, self.tile_width, self.overlap)

    def __len__(self) -> int:
        return len(self.rows) * len(self.cols)

    def tiles_touching(self, window: Window) -> Iterator[Window]:
        """The tiles that share a pixel with a window, row by row."""
        for row in self.rows:
            if row < window.bottom and window.row < row + self.tile_height:
                for col in self.cols:
                    if col < window.right and window.col < col + self.tile_width:
                        yield Window(row, col, self.tile_height, self.tile_width)


def _starts(size: int, tile: int, overlap: int) -> tuple[int, ...]:
    if size <= tile:
        return (0,)
    return (*range(0, size - tile, tile - overlap), size - tile)


def blocks(window: Window, side: int) -> Iterator[Window]:
    """Cut a window into blocks of at most ``side`` x ``side`` pixels, row by row."""
    for row in range(window.row, window.bottom, side):
        for col in range(window.col, window.right, side):
            yield Window(row, col, min(side, window.bottom - row), min(side, window.right - col))
