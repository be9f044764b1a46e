"""Neighbourhoods of the pixels of a mask: growth, shrinkage, nearness, and projection along a direction.

Every function takes the mask of a window and returns the same window. A pixel depends on its neighbourhood alone, so
what is farther from the edge of the window than the reach of the function is the same in every window.
"""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def grow(mask: Mask, radius_px: int) -> Mask:
    """Grow a mask by a radius, in octagons: steps to the four neighbours and to the eight take turns.

    Args:
        mask: (H, W).
        radius_px: reach along rows and columns; 0 returns the mask.

    Example:
        >>> grow(np.array([[0, 0, 1, 0, 0]], bool), 1).astype(int).tolist()
        [[0, 1, 1, 1, 0]]
    """
    for step in range(radius_px):
        padded = np.pad(mask, 1)
        mask = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        if step % 2:
            mask |= padded[:-2, :-2] | padded[:-2, 2:] | padded[2:, :-2] | padded[2:, 2:]
    return mask


def remove_narrow(mask: Mask, radius_px: int) -> Mask:
    """Remove the parts of a mask that no octagon of a radius fits into (morphological opening).

    Outside the window the mask counts as marked, so that nothing is removed because the window ends there.

    Example:
        >>> remove_narrow(np.array([[0] * 5, [1] * 5, [0] * 5], bool), 1).any()
        np.False_
    """
    shrunk = ~grow(~mask, radius_px)
    return grow(shrunk, radius_px) & mask


def remove_noise(mask: Mask, least: int) -> Mask:
    """Remove the pixels with fewer than ``least`` marked ones among themselves and their eight neighbours.

    Example:
        >>> remove_noise(np.array([[1, 0, 0, 1, 1, 1]], bool), 2).astype(int).tolist()
        [[0, 0, 0, 1, 1, 1]]
    """
    padded = np.pad(mask, 1).astype(np.uint8)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray(mask & (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] >= least))


def is_near(mask: Mask, reach_px: int) -> Mask:
    """Return which pixels have a pixel of the mask within a square of 2 x reach + 1 pixels around them.

    Example:
        >>> is_near(np.array([[1, 0, 0, 0]], bool), 2).astype(int).tolist()
        [[1, 1, 1, 0]]
    """
    side = 2 * reach_px + 1
    sums = np.pad(mask, ((reach_px + 1, reach_px), (reach_px + 1, reach_px))).astype(np.int32).cumsum(0).cumsum(1)
    counts = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(counts > 0)


def project(mask: Mask, down_px: float, right_px: float) -> Mask:
    """Return the pixels that a mask covers on its way along a straight line, its start included.

    Args:
        mask: (H, W).
        down_px: rows from start to end of the line; negative upwards.
        right_px: columns from start to end of the line; negative to the left.

    Example:
        >>> project(np.array([[1, 0, 0, 0]], bool), 0, 2).astype(int).tolist()
        [[1, 1, 1, 0]]
    """
    steps = int(np.ceil(max(abs(down_px), abs(right_px))))
    covered = mask.copy()
    for step in range(1, steps + 1):
        down, right = round(down_px * step / steps), round(right_px * step / steps)
        height, width = mask.shape
        if abs(down) >= height or abs(right) >= width:
            break
        to = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
        source = slice(max(-down, 0), height + min(-down, 0)), slice(max(-right, 0), width + min(-right, 0))
        covered[to] |= mask[source]
    return covered
