"""A rectangle of a scene's pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.windows import Window as RasterioWindow


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels: first row and column, height and width.

    Row and column may be negative, as for a tile that starts outside the scene; height and width are at least 1.
    """

    row: int
    col: int
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuse an empty window.

        Raises:
            ValueError: height or width is below 1.
        """
        if self.height < 1 or self.width < 1:
            raise ValueError(f"a window of {self.height} x {self.width} pixels is empty: both must be at least 1")

    @property
    def bottom(self) -> int:
        """The first row below the window."""
        return self.row + self.height

    @property
    def right(self) -> int:
        """The first column right of the window."""
        return self.col + self.width

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as slices of the scene's arrays.

        Raises:
            ValueError: the window starts outside the scene, where a slice would count from the end.
        """
        if self.row < 0 or self.col < 0:
            raise ValueError(f"a window that starts at row {self.row}, column {self.col} has no slices: intersect it")
        return slice(self.row, self.bottom), slice(self.col, self.right)

    def contains(self, other: "Window") -> bool:
        """Whether every pixel of the other window lies in this one."""
        return (
            self.row <= other.row
            and self.col <= other.col
            and other.bottom <= self.bottom
            and other.right <= self.right
        )

    def intersection(self, other: "Window") -> "Window | None":
        """The pixels that both windows hold, or None where they share none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height, width = min(self.bottom, other.bottom) - row, min(self.right, other.right) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None

    def expanded(self, margin_px: int) -> "Window":
        """The window with a margin on every side; it may reach outside the scene.

        Raises:
            ValueError: a negative margin leaves nothing.
        """
        return Window(
            self.row - margin_px, self.col - margin_px, self.height + 2 * margin_px, self.width + 2 * margin_px
        )

    def relative_to(self, other: "Window") -> "Window":
        """The same pixels, counted from the other window's corner."""
        return Window(self.row - other.row, self.col - other.col, self.height, self.width)

    def as_rasterio(self) -> RasterioWindow:
        """The window as rasterio takes it."""
        return RasterioWindow(self.col, self.row, self.width, self.height)


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
