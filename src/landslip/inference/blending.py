"""How overlapping tiles become one surface: a weighted mean whose weights are positive everywhere.

Inside the overlap a tile's weight rises as a squared sine, so that the weights of two neighbours add up to one and no
seam is left; at the tile's outermost ring it is small but never zero, so every pixel that a tile covers has a value.
"""

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window


def ramp(size: int, overlap: int) -> NDArray[np.float32]:
    """Weights along one side of a tile: (size,) float32 in (0, 1], rising and falling over ``overlap`` pixels."""
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    rising = np.sin(np.pi / 2 * np.minimum(distance / max(overlap, 1), 1)) ** 2 if overlap else np.ones(size)
    weights: NDArray[np.float32] = rising.astype(np.float32)
    return weights


def tile_weights(height: int, width: int, overlap: int) -> NDArray[np.float32]:
    """Weights of a tile: (height, width) float32, positive everywhere."""
    return np.outer(ramp(height, overlap), ramp(width, overlap))


class Canvas:
    """Collects weighted tiles over one window and gives their mean.

    Tiles must be added in the lattice's order: floating-point sums then come out the same to the last bit for every
    window that holds a pixel.
    """

    def __init__(self, window: Window, weights: NDArray[np.float32], layers: int = 1) -> None:
        self._window = window
        self._weights = weights
        self._sum = np.zeros((window.height, window.width) if layers == 1 else (layers, *window.shape), np.float32)
        self._weight = np.zeros(window.shape, np.float32)

    def add(self, tile: Window, values: NDArray[np.float32]) -> None:
        """Add the part of a tile's (height, width) values, or (layers, height, width), that lies in the window."""
        shared = tile.intersection(self._window)
        if shared is None:
            return
        here, there = shared.relative_to(self._window).slices, shared.relative_to(tile).slices
        weights = self._weights[there]
        self._sum[..., *here] += weights * values[..., *there]
        self._weight[here] += weights

    def mean(self) -> NDArray[np.float32]:
        """(height, width) float32, or (layers, height, width); NaN where no tile was added."""
        mean = np.full_like(self._sum, np.nan)
        return np.divide(self._sum, self._weight, out=mean, where=np.broadcast_to(self._weight > 0, mean.shape))
