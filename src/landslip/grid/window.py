"""A rectangle of a scene's pixels."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from rasterio.windows import Window as RasterioWindow


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels: first row and column, height and width.

    Row and column may be negative, for a tile that starts outside the scene; height and width are at least 1.

    Example:
        >>> window = Window(row=10, col=20, height=30, width=40)
        >>> window.bottom, window.right
        (40, 60)
        >>> window.intersection(Window(35, 0, 30, 30))
        Window(row=35, col=20, height=5, width=10)
    """

    row: int
    col: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"height and width of a window must be at least 1, got {self.height} x {self.width}")

    @property
    def bottom(self) -> int:
        """First row below the window."""
        return self.row + self.height

    @property
    def right(self) -> int:
        """First column right of the window."""
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
            raise ValueError(
                f"a window that starts outside the scene (row {self.row}, column {self.col}) has no slices"
            )
        return slice(self.row, self.bottom), slice(self.col, self.right)

    def contains(self, other: "Window") -> bool:
        """Return whether this window contains every pixel of another."""
        return (
            self.row <= other.row
            and self.col <= other.col
            and other.bottom <= self.bottom
            and other.right <= self.right
        )

    def intersection(self, other: "Window") -> "Window | None":
        """Return the pixels that both windows share, or None."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height, width = min(self.bottom, other.bottom) - row, min(self.right, other.right) - col
        return Window(row, col, height, width) if height > 0 and width > 0 else None

    def expand(self, margin_px: int) -> "Window":
        """Return the window with a margin on every side; it may reach outside the scene.

        Raises:
            ValueError: a negative margin leaves nothing.
        """
        return Window(
            self.row - margin_px, self.col - margin_px, self.height + 2 * margin_px, self.width + 2 * margin_px
        )

    def relative_to(self, other: "Window") -> "Window":
        """Return the same pixels, counted from the corner of another window."""
        return Window(self.row - other.row, self.col - other.col, self.height, self.width)

    def to_rasterio(self) -> RasterioWindow:
        """Return the window as a rasterio window."""
        return RasterioWindow(self.col, self.row, self.width, self.height)


def spread_windows(region: Window, side_px: int, max_per_side: int) -> Iterator[Window]:
    """Yield square windows spread evenly over a region, row by row; at its edge they may be smaller.

    Args:
        region: to be sampled; no window if it is smaller than half a window.
        side_px: side of a window.
        max_per_side: maximum number of windows along each side of the region; they never overlap.
    """
    if min(region.height, region.width) < side_px / 2:
        return
    for row in _starts(region.row, region.height, side_px, max_per_side):
        for col in _starts(region.col, region.width, side_px, max_per_side):
            yield Window(row, col, min(side_px, region.bottom - row), min(side_px, region.right - col))


def _starts(first: int, length: int, side_px: int, count_max: int) -> list[int]:
    count = max(1, length // side_px)
    numbers = np.unique(np.rint(np.linspace(0, count - 1, min(count, count_max))).astype(int))
    return [first + side_px * number for number in numbers.tolist()]
