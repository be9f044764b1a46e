"""The quicklook of a scene, accumulated from its blocks as they are read."""

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR
from landslip.figures.picture import Picture
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.scenes.scene import Scene

_LONGEST_PX = 2048


def picture_channels(scene: Scene, detector_channels: tuple[str, ...]) -> tuple[str, ...]:
    """Choose the three channels to show: true colour where available, else the detector's first, repeated."""
    if all(name in scene.channels for name in TRUE_COLOUR):
        return TRUE_COLOUR
    return (detector_channels * 3)[:3]


@dataclass(frozen=True, slots=True)
class BlockCells:
    """What a block adds to a quicklook."""

    first_row: int
    """Of the first cell that the block touches."""
    first_col: int
    sums: NDArray[np.float32]
    """Of the valid pixels of each cell, (3, h, w)."""
    counts: NDArray[np.int64]
    """Valid pixels of each cell, (h, w)."""
    codes: NDArray[np.uint8] | None = None
    """Of masks, at the middle pixels of the cells whose middle is in the block."""
    middle_rows: NDArray[np.intp] | None = None
    """Rows of these cells in the quicklook."""
    middle_cols: NDArray[np.intp] | None = None


class Quicklook:
    """Means of valid pixels in square cells of pixels; blocks may come in any order."""

    def __init__(self, region: Window, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self._region = region
        self._cell = cell_px(region)
        shape = (-(-region.height // self._cell), -(-region.width // self._cell))
        self._sum = np.zeros((len(channels), *shape))
        self._count = np.zeros(shape, np.int64)
        self._codes = np.zeros(shape, np.uint8)

    def add(
        self,
        block: Window,
        values: NDArray[np.float32],
        valid: NDArray[np.bool_],
        codes: NDArray[np.uint8] | None = None,
    ) -> None:
        """Add a block of the region: values (3, H, W), 0 where not valid, validity and codes of masks (H, W)."""
        self.add_cells(reduce_to_cells(self._region, block, values, valid, codes))

    def add_cells(self, cells: BlockCells) -> None:
        """Add a block of the region that was reduced to cells."""
        height, width = cells.counts.shape
        here = (
            slice(cells.first_row, cells.first_row + height),
            slice(cells.first_col, cells.first_col + width),
        )
        self._sum[:, *here] += cells.sums
        self._count[here] += cells.counts
        if cells.codes is not None and cells.middle_rows is not None and cells.middle_cols is not None:
            self._codes[np.ix_(cells.middle_rows, cells.middle_cols)] = cells.codes

    def picture(self, grid: MapGrid) -> Picture:
        """Return the picture of all blocks added so far."""
        valid = self._count > 0
        values = np.divide(self._sum, self._count, out=np.zeros_like(self._sum), where=valid)
        scale = Affine.scale(self._cell)
        return Picture(
            values=values.astype(np.float32),
            valid=valid,
            channels=self.channels,
            transform=grid.transform * scale if grid.crs else scale,
            metres_per_pixel=grid.pixel_size_m[0] * self._cell,
            codes=self._codes,
        )


def cell_px(region: Window) -> int:
    """Return the side of the cells of a quicklook, in pixels."""
    return -(-max(region.height, region.width) // _LONGEST_PX)


def reduce_to_cells(
    region: Window,
    block: Window,
    values: NDArray[np.float32],
    valid: NDArray[np.bool_],
    codes: NDArray[np.uint8] | None = None,
) -> BlockCells:
    """Reduce a block to what it adds to the quicklook of a region; arguments as those of ``Quicklook.add``."""
    cell, here = cell_px(region), block.relative_to(region)
    sums = _per_cell(values * valid, here, cell)
    counts = _per_cell(valid.astype(np.float32), here, cell).astype(np.int64)
    first_row, first_col = here.row // cell, here.col // cell
    if codes is None:
        return BlockCells(first_row, first_col, sums, counts)
    # The code of a cell is that of its middle pixel.
    rows, cols = (_middles(first, length, cell) for first, length in zip((here.row, here.col), here.shape, strict=True))
    return BlockCells(
        first_row,
        first_col,
        sums,
        counts,
        codes[np.ix_(rows, cols)],
        (here.row + rows) // cell,
        (here.col + cols) // cell,
    )


def _middles(first: int, length: int, cell: int) -> NDArray[np.intp]:
    """Return the pixels, from ``first`` on, that are in the middle of a cell."""
    return np.arange((cell // 2 - first) % cell, length, cell)


def _per_cell(image: NDArray[np.float32], here: Window, cell: int) -> NDArray[np.float32]:
    """Sum an image (..., H, W), located at ``here``, over the cells that it touches."""
    before_after = [
        (first % cell, -(first + length) % cell) for first, length in zip((here.row, here.col), here.shape, strict=True)
    ]
    whole = np.pad(image, [(0, 0)] * (image.ndim - 2) + before_after)
    # Adding whole rows, then whole columns, is many times faster than a matrix product or reduceat.
    by_row = sum((whole[..., i::cell, :] for i in range(1, cell)), start=whole[..., ::cell, :])
    sums: NDArray[np.float32] = sum((by_row[..., i::cell] for i in range(1, cell)), start=by_row[..., ::cell])
    return sums
