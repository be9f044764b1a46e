"""Resampling whose result for a pixel does not depend on the window it is computed in.

GDAL's warper does not have this property. A point gets the bilinear mean of those of its four neighbours that are
valid, and is valid only where the nearest pixel is: nodata is neither filled nor enlarged.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window

Points = NDArray[np.float64]
_STRIP_ROWS = 64
"""Rows that are interpolated at a time."""


def window_around(x: Points, y: Points, shape: tuple[int, int]) -> Window | None:
    """Return the window of an image that is needed to sample it at points.

    Args:
        x: columns of the points: 0 at the left edge of the image, 1 at the right edge of its first pixel.
        y: rows of the points; x and y broadcast against each other.
        shape: height and width of the image.

    Returns:
        A window inside the image; None if all points lie outside.
    """
    height, width = shape
    x, y = x[(x >= 0) & (x < width)], y[(y >= 0) & (y < height)]
    if not x.size or not y.size:
        return None
    row, col = max(0, int(np.floor(y.min() - 0.5))), max(0, int(np.floor(x.min() - 0.5)))
    bottom, right = min(height, int(np.floor(y.max() - 0.5)) + 2), min(width, int(np.floor(x.max() - 0.5)) + 2)
    return Window(row, col, bottom - row, right - col)


def sample_mask(mask: NDArray[np.bool_], x: Points, y: Points) -> NDArray[np.bool_]:
    """Sample a mask (H, W) at points by nearest neighbour; False outside the image.

    Args:
        mask: (H, W).
        x: columns of the points, (h, w) or (1, w).
        y: rows of the points, (h, w) or (h, 1).
    """
    height, width = mask.shape
    inside: NDArray[np.bool_] = ((x >= 0) & (x < width)) & ((y >= 0) & (y < height))
    if not mask.all():
        rows, cols = _index(y, height), _index(x, width)
        inside &= mask[rows[:, 0]][:, cols[0]] if _aligned(rows, cols) else mask[rows, cols]
    return inside


def sample_bilinear(
    values: NDArray[np.float32],
    usable: NDArray[np.bool_],
    x: Points,
    y: Points,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Sample a band at points by bilinear interpolation.

    Args:
        values: (H, W), finite.
        usable: (H, W), where a value may be used.
        x: columns of the points, (h, w) or (1, w): 0 at the left edge of the image, 1 at the right edge of its first
            pixel.
        y: rows of the points, (h, w) or (h, 1).
        out: (h, w), filled and returned where given.

    Returns:
        (h, w): the weighted mean of the usable neighbours where the nearest pixel is usable, else the value of the
        nearest pixel. Points outside the image get the value of the nearest pixel.

    Example:
        >>> image = np.array([[0, 10], [20, 30]], np.float32)
        >>> sample_bilinear(image, image >= 0, np.array([[1.0]]), np.array([[1.0]])).tolist()
        [[15.0]]
    """
    height, width = values.shape
    # Pixel centres lie at halves.
    left, top = np.floor(x - 0.5), np.floor(y - 0.5)
    corners = _Corners(
        rows=(_index(top, height), _index(top + 1, height)),
        cols=(_index(left, width), _index(left + 1, width)),
        bottom_weight=(y - 0.5 - top).astype(np.float32),
        right_weight=(x - 0.5 - left).astype(np.float32),
    )
    if usable.all():
        return corners.mean(values, out)
    # Where all four are usable the sum is not divided, so that it equals that of an image without gaps.
    total, weight = corners.mean(np.where(usable, values, 0)), corners.mean(usable.astype(np.float32))
    gaps = ~corners.all(usable)
    near = _index(y, height), _index(x, width)
    repairable = gaps & usable[near] & (weight > 0)
    np.divide(total, weight, out=total, where=repairable)
    result = np.where(gaps & ~repairable, values[near], total)
    if out is None:
        return result
    out[:] = result
    return out


@dataclass(frozen=True, slots=True)
class _Corners:
    """The four pixels around each point, and the weights of the lower and the right ones."""

    rows: tuple[NDArray[np.intp], NDArray[np.intp]]
    cols: tuple[NDArray[np.intp], NDArray[np.intp]]
    bottom_weight: NDArray[np.float32]
    right_weight: NDArray[np.float32]

    @property
    def aligned(self) -> bool:
        """Whether rows of points are parallel to rows of pixels: the axes are then interpolated one after the other."""
        return _aligned(self.rows[0], self.cols[0])

    def mean(self, image: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return the bilinear mean of the four pixels (h, w), in ``out`` where given."""
        if self.aligned:
            return self._mean_of_lines(image, out)
        # Across first, as along lines: a window of one pixel counts as aligned, and must give the same.
        left, right = self.cols
        above, below = (_between(image[rows, left], image[rows, right], self.right_weight) for rows in self.rows)
        mean = _between(above, below, self.bottom_weight)
        if out is None:
            return mean
        out[:] = mean
        return out

    def _mean_of_lines(self, image: NDArray[np.float32], out: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Interpolate across, then down, in strips of rows that stay in the cache of a core.

        An image of larger pixels has fewer rows than points, so that across, the slower way, comes first.
        """
        (above, below), (left, right) = (rows[:, 0] for rows in self.rows), (cols[0] for cols in self.cols)
        mean = np.empty((len(above), len(left)), np.float32) if out is None else out
        wide = np.empty((len(image), len(left)), np.float32)
        for first in range(0, len(image), _STRIP_ROWS):
            strip = slice(first, first + _STRIP_ROWS)
            _interpolate(image[strip], (left, right), self.right_weight, 1, wide[strip])
        _interpolate_down(wide, above, below, self.bottom_weight, mean)
        return mean

    def all(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return where all four pixels are set (h, w)."""
        (top, bottom), (left, right) = self.rows, self.cols
        whole: NDArray[np.bool_] = mask[top, left] & mask[top, right] & mask[bottom, left] & mask[bottom, right]
        return whole


def average_squares(
    values: NDArray[np.float32], usable: NDArray[np.bool_], factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Average the usable pixels of squares of ``factor`` x ``factor`` pixels.

    Args:
        values: (n, H, W).
        usable: (n, H, W).
        factor: side of a square in pixels; the last squares of a row or column may be cut by the edge.

    Returns:
        Means (n, ceil(H / factor), ceil(W / factor)), 0 where no pixel is usable; and where at least half of the
        pixels are usable.
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


def _interpolate(
    image: NDArray[np.float32],
    lines: tuple[NDArray[np.intp], NDArray[np.intp]],
    weight: NDArray[np.float32],
    axis: int,
    out: NDArray[np.float32],
) -> None:
    """Interpolate between two lines of an image for each line of the result, along one axis."""
    start = image.take(lines[0], axis=axis)
    image.take(lines[1], axis=axis, out=out, mode="clip")
    out -= start
    out *= weight
    out += start


def _interpolate_down(
    image: NDArray[np.float32],
    above: NDArray[np.intp],
    below: NDArray[np.intp],
    weight: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Interpolate between rows of an image, in strips of rows that stay in the cache of a core."""
    factor = _find_steps(above, below, weight[:, 0])
    if factor is None:
        for first in range(0, len(above), _STRIP_ROWS):
            rows = slice(first, first + _STRIP_ROWS)
            _interpolate(image, (above[rows], below[rows]), weight[rows], 0, out[rows])
        return
    # On a lattice that is finer by a whole factor, points of equal weight lie between successive rows: no row is
    # copied, and the difference of two rows is computed once. The values are those of the other way.
    for first in range(0, len(above), factor * _STRIP_ROWS // 4):
        strip = slice(first, first + factor * _STRIP_ROWS // 4)
        part, tops = out[strip], above[strip]
        top = int(tops[0])
        lines = image[top : int(below[strip][-1]) + 1]
        difference = lines[1:] - lines[:-1]
        for place in range(min(factor, len(tops))):
            to = part[place::factor]
            start = int(tops[place]) - top
            np.multiply(difference[start : start + len(to)], weight[first + place], out=to)
            to += lines[start : start + len(to)]


def _find_steps(above: NDArray[np.intp], below: NDArray[np.intp], weight: NDArray[np.float32]) -> int | None:
    """Return after how many points their place between two rows of pixels repeats one row on, 2 to 6; None if never."""
    if (below != above + 1).any():
        return None
    for factor in range(2, 7):
        if len(above) <= factor:
            return None
        if (above[factor:] == above[:-factor] + 1).all() and (weight[factor:] == weight[:-factor]).all():
            return factor
    return None


def _between(first: NDArray[np.float32], last: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate between two arrays; exactly the first where both are equal."""
    return first + (last - first) * weight


def resize_bilinear(values: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resample images (n, h, w) to more pixels over the same extent.

    Args:
        values: (n, h, w); NaN spreads to every pixel interpolated from it.
        height: of the result.
        width: of the result.

    Returns:
        (n, height, width).
    """
    for size in (height, width):
        old = values.shape[1]
        at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        first = np.minimum(np.floor(at).astype(np.intp), max(0, old - 2))
        weight = (at - first).astype(np.float32)[:, None]
        after = np.minimum(first + 1, old - 1)
        # A pixel of weight 0 may be NaN.
        near = np.where(weight < 1, values[:, first] * (1 - weight), np.float32(0))
        far = np.where(weight > 0, values[:, after] * weight, np.float32(0))
        values = (near + far).swapaxes(1, 2)
    return np.ascontiguousarray(values)


def _aligned(rows: NDArray[np.intp], cols: NDArray[np.intp]) -> bool:
    """Return whether indices are those of whole rows (h, 1) and whole columns (1, w)."""
    return bool(rows.shape[1] == 1 and cols.shape[0] == 1)


def _index(at: Points, length: int) -> NDArray[np.intp]:
    """Return the indices of the pixels that hold coordinates along one axis, clipped to the image."""
    return np.clip(np.floor(at), 0, length - 1).astype(np.intp)
