"""Places spread evenly over a scene, to know by a few readings what it is like, however large it is."""

from collections.abc import Iterator

import numpy as np

from landslip.grid.window import Window


def places_over(region: Window, side_px: int, most_a_side: int) -> Iterator[Window]:
    """Windows of one side spread evenly over a region, row by row; at its edge they may be smaller.

    Args:
        region: what to look at; none where it is smaller than half a window.
        side_px: of a window.
        most_a_side: windows along each side of the region, at most; never closer than they are large.
    """
    if min(region.height, region.width) < side_px / 2:
        return
    for row in _starts(region.row, region.height, side_px, most_a_side):
        for col in _starts(region.col, region.width, side_px, most_a_side):
            yield Window(row, col, min(side_px, region.bottom - row), min(side_px, region.right - col))


def _starts(first: int, length: int, side_px: int, most: int) -> list[int]:
    count = max(1, length // side_px)
    numbers = np.unique(np.rint(np.linspace(0, count - 1, min(count, most))).astype(int))
    return [first + side_px * number for number in numbers.tolist()]
