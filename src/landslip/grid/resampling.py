"""Bilinear resampling that depends on the pixel alone, so that every window gives the same as the whole.

A point between pixels takes the mean of its four neighbours, weighted by nearness, over those that hold a value. It
holds a value itself only where the nearest pixel does: what is missing is neither filled nor smeared.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window

Places = NDArray[np.float64]


def footprint(x: Places, y: Places, shape: tuple[int, int]) -> Window | None:
    """The pixels needed to sample an image at points.

    Args:
        x: columns of the points in the image, 0 at its left edge, 1 at the right edge of its first pixel.
        y: rows of the points, likewise; x and y broadcast against each other.
        shape: height and width of the image.

    Returns:
        The window, inside the image; None where no point can lie in it.
    """
    height, width = shape
    x, y = x[(x >= 0) & (x < width)], y[(y >= 0) & (y < height)]
    if not x.size or not y.size:
        return None
    row, col = max(0, int(np.floor(y.min() - 0.5))), max(0, int(np.floor(x.min() - 0.5)))
    bottom, right = min(height, int(np.floor(y.max() - 0.5)) + 2), min(width, int(np.floor(x.max() - 0.5)) + 2)
    return Window(row, col, bottom - row, right - col)


def nearest(mask: NDArray[np.bool_], x: Places, y: Places) -> NDArray[np.bool_]:
    """Whether the pixel (H, W) in which each point lies is set; False outside the image.

    Args:
        mask: (H, W).
        x: columns of the points, (h, w), or (1, w) where all rows have the same.
        y: rows of the points, (h, w), or (h, 1) where all columns have the same.
    """
    height, width = mask.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found: NDArray[np.bool_] = inside & mask[_index(y, height), _index(x, width)]
    return found


def bilinear(values: NDArray[np.float32], usable: NDArray[np.bool_], x: Places, y: Places) -> NDArray[np.float32]:
    """Sample a band at points.

    Args:
        values: (H, W), finite.
        usable: (H, W), where a value may be used.
        x: columns of the points, (h, w), or (1, w) where all rows have the same; 0 at the left edge of the image, 1
            at the right edge of its first pixel.
        y: rows of the points, (h, w), or (h, 1) where all columns have the same.

    Returns:
        Values (h, w): the weighted mean of the usable neighbours where the nearest pixel is usable, else the nearest
        pixel's own value. Points outside the image take that of the pixel nearest to them.
    """
    height, width = values.shape
    # Pixel centres lie at halves.
    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    corners = _Corners(
        rows=(_index(top, height), _index(top + 1, height)),
        cols=(_index(left, width), _index(left + 1, width)),
        bottom_share=(y - 0.5 - top).astype(np.float32),
        right_share=(x - 0.5 - left).astype(np.float32),
    )
    if usable.all():
        return corners.mean(values)
    # Where all four are usable the sum is kept undivided, so that it is the same as in a window without gaps.
    total, weight = corners.mean(np.where(usable, values, 0)), corners.mean(usable.astype(np.float32))
    gaps = ~corners.all(usable)
    near = _index(y, height), _index(x, width)
    mendable = gaps & usable[near] & (weight > 0)
    np.divide(total, weight, out=total, where=mendable)
    return np.where(gaps & ~mendable, values[near], total)


@dataclass(frozen=True, slots=True)
class _Corners:
    """The four pixels around each point, and how near the point is to the lower and the right ones."""

    rows: tuple[NDArray[np.intp], NDArray[np.intp]]
    cols: tuple[NDArray[np.intp], NDArray[np.intp]]
    bottom_share: NDArray[np.float32]
    right_share: NDArray[np.float32]

    @property
    def aligned(self) -> bool:
        """Whether rows of points follow rows of pixels, so that one axis can be done after the other."""
        return bool(self.rows[0].shape[1] == 1 and self.cols[0].shape[0] == 1)

    def mean(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Means of the four pixels (h, w), weighted by nearness."""
        if self.aligned:
            top, bottom = (image[rows[:, 0]] for rows in self.rows)
            lines = _between(top, bottom, self.bottom_share)
            left, right = (lines[:, cols[0]] for cols in self.cols)
        else:
            left, right = (
                _between(image[self.rows[0], cols], image[self.rows[1], cols], self.bottom_share) for cols in self.cols
            )
        return _between(left, right, self.right_share)

    def all(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether all four pixels are set (h, w)."""
        (top, bottom), (left, right) = self.rows, self.cols
        whole: NDArray[np.bool_] = mask[top, left] & mask[top, right] & mask[bottom, left] & mask[bottom, right]
        return whole


def thinned(
    values: NDArray[np.float32], usable: NDArray[np.bool_], factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Average squares of ``factor`` x ``factor`` pixels over those that are usable.

    Args:
        values: (n, H, W).
        usable: (n, H, W).
        factor: pixels a side of a square; squares at the right and bottom may be cut by the edge.

    Returns:
        Values (n, H / factor, W / factor), rounded up, 0 where no pixel of the square is usable; where at least half
        of a square's pixels are.
    """
    _, height, width = values.shape
    starts = np.arange(0, height, factor), np.arange(0, width, factor)

    def summed(image: NDArray[Any]) -> NDArray[np.float64]:
        lines = np.add.reduceat(image.astype(np.float64), starts[0], axis=1)
        squares: NDArray[np.float64] = np.add.reduceat(lines, starts[1], axis=2)
        return squares

    count = summed(usable)
    mean = np.divide(summed(np.where(usable, values, 0)), count, out=np.zeros_like(count), where=count > 0)
    return mean.astype(np.float32), 2 * count >= summed(np.ones((1, height, width)))


def _between(first: NDArray[np.float32], last: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values a share of the way from the first to the last; just the first where both are equal."""
    return first + (last - first) * share


def _index(place: Places, length: int) -> NDArray[np.intp]:
    """The index of the pixel that holds a place, held inside the image."""
    return np.clip(np.floor(place), 0, length - 1).astype(np.intp)
