"""A small picture of the mapped ground, made of the blocks as they are read."""

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR
from landslip.mapping.grid import MapGrid
from landslip.mapping.overview import Picture
from landslip.scenes.scene import Scene
from landslip.scenes.window import Window

_LONGEST_PX = 2048


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
        first_row, by_row = _cells(here.row, here.height, self._cell)
        first_col, by_col = _cells(here.col, here.width, self._cell)
        cells = slice(first_row, first_row + len(by_row)), slice(first_col, first_col + len(by_col))
        self._sum[:, *cells] += by_row @ (values * observed) @ by_col.T
        self._count[cells] += (by_row @ observed.astype(np.float32) @ by_col.T).astype(np.int64)

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


def _cells(first: int, length: int, cell: int) -> tuple[int, NDArray[np.float32]]:
    """Which cells a stretch of pixels falls into: the first of them, and a (cells, length) matrix of 0 and 1."""
    which = np.arange(first, first + length) // cell
    members = which[None] == np.arange(which[0], which[-1] + 1)[:, None]
    return int(which[0]), members.astype(np.float32)
