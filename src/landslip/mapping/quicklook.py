"""A small picture of the mapped ground, made of the blocks as they are read."""

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR
from landslip.mapping.grid import MapGrid
from landslip.mapping.overview import Picture
from landslip.scenes.scene import Scene
from landslip.scenes.window import Window

_LONGEST_PX = 1600


def picture_channels(scene: Scene, detector_channels: tuple[str, ...]) -> tuple[str, ...]:
    """The three channels to show: true colour where the scene has it, else the detector's first (repeated)."""
    if all(name in scene.channels for name in TRUE_COLOUR):
        return TRUE_COLOUR
    return (detector_channels * 3)[:3]


class Quicklook:
    """Means of the observed pixels in cells of a whole number of pixels; blocks may come in any order."""

    def __init__(self, region: Window, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self._region = region
        self._cell = -(-max(region.height, region.width) // _LONGEST_PX)
        shape = (-(-region.height // self._cell), -(-region.width // self._cell))
        self._sum = np.zeros((len(channels), *shape))
        self._count = np.zeros(shape, np.int64)

    def add(self, block: Window, values: NDArray[np.float32], observed: NDArray[np.bool_]) -> None:
        """Add a block of the region: values (3, h, w), 0 where not observed, and what was observed (h, w)."""
        here = block.relative_to(self._region)
        row_starts, col_starts = _starts(here.row, here.height, self._cell), _starts(here.col, here.width, self._cell)
        cells = (
            slice(here.row // self._cell, here.row // self._cell + len(row_starts)),
            slice(here.col // self._cell, here.col // self._cell + len(col_starts)),
        )

        def per_cell(array: NDArray[np.float32]) -> NDArray[np.float64]:
            by_row = np.add.reduceat(array, row_starts, axis=-2, dtype=np.float64)
            total: NDArray[np.float64] = np.add.reduceat(by_row, col_starts, axis=-1)
            return total

        self._sum[:, *cells] += per_cell(values * observed)
        self._count[cells] += per_cell(observed.astype(np.float32)).astype(np.int64)

    def picture(self, grid: MapGrid) -> Picture:
        """The picture of what was added."""
        observed = self._count > 0
        values = np.divide(self._sum, self._count, out=np.zeros_like(self._sum), where=observed)
        scale = Affine.scale(self._cell)
        return Picture(
            values=values.astype(np.float32),
            observed=observed,
            channels=self.channels,
            transform=grid.transform * scale if grid.crs else scale,
            metres_per_pixel=grid.pixel_size_m[0] * self._cell,
        )


def _starts(first: int, length: int, cell: int) -> list[int]:
    """Where the cells begin inside a stretch of pixels that starts at ``first``."""
    return [max(edge - first, 0) for edge in range(first // cell * cell, first + length, cell)]
