"""Blending of overlapping tiles: a weighted mean whose weights are positive everywhere.

In the overlap the weight of a tile rises as a squared sine, so that the weights of two neighbours add up to one and no
seam remains. The weight of the outermost ring of a tile is small but never zero: every covered pixel gets a value.
"""

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window


def ramp(size: int, overlap: int) -> NDArray[np.float32]:
    """Return the weights along one side of a tile, (size,) in (0, 1], that rise and fall over ``overlap`` pixels.

    Example:
        >>> [round(float(weight), 2) for weight in ramp(6, 2)]
        [0.15, 0.85, 1.0, 1.0, 0.85, 0.15]
    """
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    rising = np.sin(np.pi / 2 * np.minimum(distance / max(overlap, 1), 1)) ** 2 if overlap else np.ones(size)
    weights: NDArray[np.float32] = rising.astype(np.float32)
    return weights


def tile_weights(height: int, width: int, overlap: int) -> NDArray[np.float32]:
    """Return the weights of a tile, (height, width), positive everywhere."""
    return np.outer(ramp(height, overlap), ramp(width, overlap))


class Canvas:
    """Weighted sum of tiles over one window.

    Tiles must be added in the order of the lattice: floating-point sums are then identical to the last bit in every
    window that holds a pixel.

    Args:
        window: pixels of the scene.
        weights: (h, w) of a tile.
        layers: number of values per pixel.
    """

    def __init__(self, window: Window, weights: NDArray[np.float32], layers: int = 1) -> None:
        self._window = window
        self._weights = weights
        self._sum = np.zeros((window.height, window.width) if layers == 1 else (layers, *window.shape), np.float32)
        self._weight = np.zeros(window.shape, np.float32)

    def add(self, tile: Window, values: NDArray[np.float32]) -> None:
        """Add the part of a tile's (h, w) or (layers, h, w) values that lies in the window."""
        common = tile.intersection(self._window)
        if common is None:
            return
        here, there = common.relative_to(self._window).slices, common.relative_to(tile).slices
        weights = self._weights[there]
        self._sum[..., *here] += weights * values[..., *there]
        self._weight[here] += weights

    def mean(self) -> NDArray[np.float32]:
        """Return the weighted mean (h, w) or (layers, h, w); NaN where no tile was added."""
        mean = np.full_like(self._sum, np.nan)
        return np.divide(self._sum, self._weight, out=mean, where=np.broadcast_to(self._weight > 0, mean.shape))
