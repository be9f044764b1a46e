"""The tile lattice of a scene: the tiles that cover it, and those that touch a window.

The lattice is anchored at the scene's corner and depends on nothing else, so a pixel lies in the same tiles whatever
the block size, the area of interest or the order of work.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from landslip.errors import SettingsError
from landslip.grid.window import Window


@dataclass(frozen=True, slots=True)
class Lattice:
    """Tiles of ``tile_height`` x ``tile_width`` over a scene of ``height`` x ``width``, all in pixels.

    The last tile of a row or column is moved back inside the scene. Only in a scene smaller than a tile does the tile
    reach beyond it.

    Raises:
        SettingsError: a size is below 1, or the overlap is not smaller than a tile.

    Example:
        >>> lattice = Lattice.over(300, 128, tile=128, overlap=32, multiple=32)
        >>> lattice.rows, lattice.cols
        ((0, 96, 172), (0,))
    """

    height: int
    width: int
    tile_height: int
    tile_width: int
    overlap: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.tile_height, self.tile_width) < 1:
            raise SettingsError(
                f"scene and tiles must be at least 1 x 1 px, got {self.height} x {self.width} and "
                f"{self.tile_height} x {self.tile_width}"
            )
        if not 0 <= self.overlap < min(self.tile_height, self.tile_width):
            raise SettingsError(
                f"overlap must be at least 0 and smaller than the tile ({min(self.tile_height, self.tile_width)} px), "
                f"got {self.overlap}",
                parameter="overlap_px",
            )

    @classmethod
    def over(cls, height: int, width: int, *, tile: int, overlap: int, multiple: int) -> "Lattice":
        """Lay square tiles over a scene; smaller tiles where the scene is smaller than a tile.

        Args:
            height: of the scene in pixels.
            width: of the scene in pixels.
            tile: side of a tile in pixels.
            overlap: of neighbouring tiles in pixels.
            multiple: tile sides are multiples of this, as the strides of the network require.
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
        """Yield the tiles that overlap a window, row by row."""
        for row in self.rows:
            if row < window.bottom and window.row < row + self.tile_height:
                for col in self.cols:
                    if col < window.right and window.col < col + self.tile_width:
                        yield Window(row, col, self.tile_height, self.tile_width)


def _starts(size: int, tile: int, overlap: int) -> tuple[int, ...]:
    if size <= tile:
        return (0,)
    return (*range(0, size - tile, tile - overlap), size - tile)


def split_blocks(window: Window, side: int) -> Iterator[Window]:
    """Yield blocks of at most ``side`` x ``side`` pixels that cover a window, row by row."""
    for row in range(window.row, window.bottom, side):
        for col in range(window.col, window.right, side):
            yield Window(row, col, min(side, window.bottom - row), min(side, window.right - col))
