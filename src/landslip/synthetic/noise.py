"""Random fields that can be asked for anywhere: any window of a field is the same as that cut out of the whole.

A value belongs to a place, not to a draw: lattice points are hashed with the finaliser of MurmurHash3 (Appleby, public
domain), and between them runs a uniform cubic B-spline. Sums of octaves are fractional Brownian motion as in Musgrave
et al., "Texturing and Modeling" (2003). Only elementwise arithmetic is used, so that no sum depends on the window.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window

_ROW_FACTOR: Final = np.uint32(0x9E3779B1)
_COL_FACTOR: Final = np.uint32(0x85EBCA77)


def hashed(seed: int, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.uint32]:
    """32 random bits for each (row, column), as an array (rows, columns)."""
    start = np.uint32((seed * 0x9E3779B97F4A7C15 >> 17) & 0xFFFFFFFF)
    row_bits = _mixed(rows.astype(np.uint32) * _ROW_FACTOR + start)
    return _mixed(row_bits[:, None] ^ (cols.astype(np.uint32) * _COL_FACTOR)[None, :])


def hashed_pairs(seed: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
    """A value from 0 up to but not including 1 for each pair of whole numbers; arrays of one shape."""
    start = np.uint32((seed * 0x9E3779B97F4A7C15 >> 17) & 0xFFFFFFFF)
    bits = _mixed(first.astype(np.uint32) * _ROW_FACTOR + start)
    bits = _mixed(bits ^ (second.astype(np.uint32) * _COL_FACTOR))
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def _mixed(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    bits = bits ^ (bits >> np.uint32(16))
    bits *= np.uint32(0x85EBCA6B)
    bits ^= bits >> np.uint32(13)
    bits *= np.uint32(0xC2B2AE35)
    bits ^= bits >> np.uint32(16)
    return bits


def uniform(seed: int, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.float32]:
    """A value from 0 up to but not including 1 for each (row, column)."""
    # 24 bits are what a float32 holds.
    return (hashed(seed, rows, cols) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def white(seed: int, window: Window) -> NDArray[np.float32]:
    """Nearly normal noise of mean 0 and standard deviation 1, independent from pixel to pixel (Irwin-Hall of four)."""
    bits = hashed(seed, np.arange(window.row, window.bottom), np.arange(window.col, window.right))
    total = np.zeros(window.shape, np.float32)
    for shift in (0, 8, 16, 24):
        total += ((bits >> np.uint32(shift)) & np.uint32(255)).astype(np.float32)
    # Four uniform bytes have mean 510 and variance 4 (256^2 - 1) / 12.
    return (total - np.float32(510)) * np.float32((4 * (256**2 - 1) / 12) ** -0.5)


def spline(lattice: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float32]:
    """Cubic B-spline with the lattice as its coefficients, on a grid of places.

    Args:
        lattice: (h, w).
        rows: places of the grid's rows, in lattice steps from the first; beyond the edge the edge goes on.
        cols: places of the grid's columns.

    Returns:
        (len(rows), len(cols)).
    """
    first, weights = _taps(cols)
    wide = np.zeros((len(lattice), len(cols)), np.float32)
    for tap in range(4):
        wide += lattice[:, np.clip(first + tap, 0, lattice.shape[1] - 1)] * weights[tap]
    first, weights = _taps(rows)
    out = np.zeros((len(rows), len(cols)), np.float32)
    for tap in range(4):
        part = wide[np.clip(first + tap, 0, len(lattice) - 1)]
        part *= weights[tap][:, None]
        out += part
    return out


def spline_at(
    lattice: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The same spline at scattered places: rows and columns of one shape, which the result has too."""
    first_row, row_weights = _taps(rows)
    first_col, col_weights = _taps(cols)
    out = np.zeros(rows.shape, np.float32)
    for row_tap in range(4):
        row = np.clip(first_row + row_tap, 0, lattice.shape[0] - 1)
        line = np.zeros(rows.shape, np.float32)
        for col_tap in range(4):
            col = np.clip(first_col + col_tap, 0, lattice.shape[1] - 1)
            line += lattice[row, col] * col_weights[col_tap]
        out += line * row_weights[row_tap]
    return out


def _taps(places: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first of the four lattice points around each place, and the weights (4, ...) of the four."""
    whole = np.floor(places)
    t = places - whole
    s = 1 - t
    weights = np.stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3]) / 6
    return whole.astype(np.int64) - 1, weights.astype(np.float32)


def octave(seed: int, window: Window, period_px: float) -> NDArray[np.float32]:
    """Smooth noise whose hills are about a period apart, of mean 0 and a standard deviation near 1."""
    rows = np.arange(window.row, window.bottom) / period_px
    cols = np.arange(window.col, window.right) / period_px
    return _between(seed, rows, cols)


def octave_at(seed: int, rows: NDArray[np.float64], cols: NDArray[np.float64], period_px: float) -> NDArray[np.float32]:
    """The same noise at scattered pixels."""
    rows, cols = rows / period_px, cols / period_px
    lattice, row, col = _lattice(seed, rows.ravel(), cols.ravel())
    return spline_at(lattice, rows - row, cols - col)


def fractal(seed: int, window: Window, period_px: float, octaves: int, gain: float = 0.5) -> NDArray[np.float32]:
    """Fractional Brownian motion: octaves of halved period, each ``gain`` times as high as the last."""
    total = np.zeros(window.shape, np.float32)
    for number in range(octaves):
        if period_px / 2**number < 1.5:
            break
        total += octave(seed + 7919 * number, window, period_px / 2**number) * np.float32(gain**number)
    return total


def _between(seed: int, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float32]:
    lattice, row, col = _lattice(seed, rows, cols)
    return spline(lattice, rows - row, cols - col)


def _lattice(seed: int, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> tuple[NDArray[np.float32], int, int]:
    """The lattice around places, so scaled that the spline has a deviation near 1, and its first row and column."""
    row, last_row = int(np.floor(rows.min())) - 1, int(np.floor(rows.max())) + 2
    col, last_col = int(np.floor(cols.min())) - 1, int(np.floor(cols.max())) + 2
    values = uniform(seed, np.arange(row, last_row + 1), np.arange(col, last_col + 1))
    # A uniform value has a deviation of 12 ** -0.5, and the spline's weights leave on average 0.479 of it on a plane.
    return (values - np.float32(0.5)) * np.float32(12**0.5 / 0.479), row, col
