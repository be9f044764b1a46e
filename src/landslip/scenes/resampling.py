"""Bilinear resampling that depends on the pixel alone, so that every window gives the same as the whole.

A point between pixels takes the mean of its four neighbours, weighted by nearness, over those that hold a value. It
holds a value itself only where the nearest pixel does: what is missing is neither filled nor smeared.
"""

import numpy as np
from numpy.typing import NDArray

from landslip.scenes.window import Window


def footprint(x: NDArray[np.float64], y: NDArray[np.float64], shape: tuple[int, int]) -> Window | None:
    """The pixels needed to sample an image at points.

    Args:
        x: columns of the points in the image, 0 at its left edge, 1 at the right edge of its first pixel.
        y: rows of the points, likewise.
        shape: height and width of the image.

    Returns:
        The window, inside the image; None where no point lies in it.
    """
    height, width = shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    if not inside.any():
        return None
    x, y = x[inside], y[inside]
    row, col = max(0, int(np.floor(y.min() - 0.5))), max(0, int(np.floor(x.min() - 0.5)))
    bottom, right = min(height, int(np.floor(y.max() - 0.5)) + 2), min(width, int(np.floor(x.max() - 0.5)) + 2)
    return Window(row, col, bottom - row, right - col)


def nearest(mask: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the pixel (H, W) in which each point (h, w) lies is set; False outside the image."""
    height, width = mask.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    found: NDArray[np.bool_] = inside & mask[_index(y, height), _index(x, width)]
    return found


def bilinear(
    values: NDArray[np.float32], usable: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Sample a band at points.

    Args:
        values: (H, W).
        usable: (H, W), where a value may be used.
        x: (h, w), columns of the points, 0 at the left edge of the image, 1 at the right edge of its first pixel.
        y: (h, w), rows of the points, likewise.

    Returns:
        Values (h, w): the weighted mean of the usable neighbours where the nearest pixel is usable, else the nearest
        pixel's own value. Points outside the image take that of the pixel nearest to them.
    """
    height, width = values.shape
    # Pixel centres lie at halves.
    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    right_share, bottom_share = x - 0.5 - left, y - 0.5 - top
    total = np.zeros(x.shape)
    weights = np.zeros(x.shape)
    for down, row_share in ((0, 1 - bottom_share), (1, bottom_share)):
        row = _index(top + down, height)
        for across, col_share in ((0, 1 - right_share), (1, right_share)):
            col = _index(left + across, width)
            weight = row_share * col_share * usable[row, col]
            total += weight * values[row, col]
            weights += weight
    row, col = _index(y, height), _index(x, width)
    mean = values[row, col].astype(np.float64)
    np.divide(total, weights, out=mean, where=usable[row, col] & (weights > 0))
    return mean.astype(np.float32)


def thinned(
    values: NDArray[np.float32], usable: NDArray[np.bool_], factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Average squares of ``factor`` x ``factor`` pixels over those that are usable.

    Args:
        values: (n, H, W); H and W are multiples of the factor.
        usable: (n, H, W).
        factor: pixels a side of a square.

    Returns:
        Values (n, H / factor, W / factor), 0 where no pixel of the square is usable; where at least half are.
    """
    bands, height, width = values.shape
    squares = (bands, height // factor, factor, width // factor, factor)
    count = usable.reshape(squares).sum(axis=(2, 4))
    total = np.where(usable, values, 0).reshape(squares).sum(axis=(2, 4), dtype=np.float64)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    return mean.astype(np.float32), 2 * count >= factor * factor


def _index(place: NDArray[np.float64], length: int) -> NDArray[np.intp]:
    """The index of the pixel that holds a place, held inside the image."""
    return np.clip(np.floor(place), 0, length - 1).astype(np.intp)
