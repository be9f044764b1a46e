"""Random fields that can be evaluated in any window: a window of a field equals the same window cut from the whole.

Values depend on the position, not on the order of draws: lattice points are hashed with the finaliser of MurmurHash3
(Appleby, public domain) and interpolated with a uniform cubic B-spline. Sums of octaves are fractional Brownian motion
as in Musgrave et al., "Texturing and Modeling" (2003). Only elementwise arithmetic is used, so that no sum depends on
the window.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.window import Window

_ROW_FACTOR: Final = np.uint32(0x9E3779B1)
_COL_FACTOR: Final = np.uint32(0x85EBCA77)


def hash_cells(seed: int, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Hash rows and columns to 32 random bits per cell, an array (rows, columns)."""
    start = np.uint32((seed * 0x9E3779B97F4A7C15 >> 17) & 0xFFFFFFFF)
    row_bits = _mix_bits(rows.astype(np.uint32) * _ROW_FACTOR + start)
    return _mix_bits(row_bits[:, None] ^ (cols.astype(np.uint32) * _COL_FACTOR)[None, :])


def hash_pairs(seed: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float32]:
    """Hash pairs of integers, arrays of one shape, to uniform values in [0, 1)."""
    start = np.uint32((seed * 0x9E3779B97F4A7C15 >> 17) & 0xFFFFFFFF)
    bits = _mix_bits(first.astype(np.uint32) * _ROW_FACTOR + start)
    bits = _mix_bits(bits ^ (second.astype(np.uint32) * _COL_FACTOR))
    return (bits >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def _mix_bits(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    bits = bits ^ (bits >> np.uint32(16))
    bits *= np.uint32(0x85EBCA6B)
    bits ^= bits >> np.uint32(13)
    bits *= np.uint32(0xC2B2AE35)
    bits ^= bits >> np.uint32(16)
    return bits


def uniform_noise(seed: int, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> NDArray[np.float32]:
    """Evaluate uniform noise in [0, 1), an array (rows, columns)."""
    # 24 bits are what a float32 holds.
    return (hash_cells(seed, rows, cols) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def white_noise(seed: int, window: Window) -> NDArray[np.float32]:
    """Evaluate nearly normal white noise of mean 0 and standard deviation 1 (Irwin-Hall of four)."""
    bits = hash_cells(seed, np.arange(window.row, window.bottom), np.arange(window.col, window.right))
    total = np.zeros(window.shape, np.float32)
    for shift in (0, 8, 16, 24):
        total += ((bits >> np.uint32(shift)) & np.uint32(255)).astype(np.float32)
    # Four uniform bytes have mean 510 and variance 4 (256^2 - 1) / 12.
    return (total - np.float32(510)) * np.float32((4 * (256**2 - 1) / 12) ** -0.5)


def evaluate_spline(
    lattice: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Evaluate a cubic B-spline on a rectangular grid of positions.

    Args:
        lattice: coefficients (h, w); repeated beyond the edge.
        rows: positions of the rows, in lattice steps from the first.
        cols: positions of the columns.

    Returns:
        (len(rows), len(cols)).
    """
    first, weights = _spline_taps(cols)
    wide = np.zeros((len(lattice), len(cols)), np.float32)
    for tap in range(4):
        wide += lattice[:, np.clip(first + tap, 0, lattice.shape[1] - 1)] * weights[tap]
    first, weights = _spline_taps(rows)
    out = np.zeros((len(rows), len(cols)), np.float32)
    for tap in range(4):
        part = wide[np.clip(first + tap, 0, len(lattice) - 1)]
        part *= weights[tap][:, None]
        out += part
    return out


def evaluate_spline_at(
    lattice: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Evaluate a cubic B-spline at scattered positions; the result has the shape of rows and columns."""
    first_row, row_weights = _spline_taps(rows)
    first_col, col_weights = _spline_taps(cols)
    out = np.zeros(rows.shape, np.float32)
    for row_tap in range(4):
        row = np.clip(first_row + row_tap, 0, lattice.shape[0] - 1)
        line = np.zeros(rows.shape, np.float32)
        for col_tap in range(4):
            col = np.clip(first_col + col_tap, 0, lattice.shape[1] - 1)
            line += lattice[row, col] * col_weights[col_tap]
        out += line * row_weights[row_tap]
    return out


def _spline_taps(positions: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the first of the four lattice points around each position, and the weights (4, ...) of the four."""
    whole = np.floor(positions)
    t = positions - whole
    s = 1 - t
    weights = np.stack([s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3]) / 6
    return whole.astype(np.int64) - 1, weights.astype(np.float32)


def octave_noise(seed: int, window: Window, period_px: float) -> NDArray[np.float32]:
    """Evaluate smooth noise of a period in pixels, mean 0 and standard deviation near 1."""
    rows = np.arange(window.row, window.bottom) / period_px
    cols = np.arange(window.col, window.right) / period_px
    return _interpolate(seed, rows, cols)


def octave_noise_at(
    seed: int, rows: NDArray[np.float64], cols: NDArray[np.float64], period_px: float
) -> NDArray[np.float32]:
    """Evaluate the noise of ``octave_noise`` at scattered pixels."""
    rows, cols = rows / period_px, cols / period_px
    lattice, row, col = _lattice(seed, rows.ravel(), cols.ravel())
    return evaluate_spline_at(lattice, rows - row, cols - col)


def fractal_noise(seed: int, window: Window, period_px: float, octaves: int, gain: float = 0.5) -> NDArray[np.float32]:
    """Evaluate fractional Brownian motion: octaves of halved period, each ``gain`` times as high as the last."""
    total = np.zeros(window.shape, np.float32)
    for number in range(octaves):
        if period_px / 2**number < 1.5:
            break
        total += octave_noise(seed + 7919 * number, window, period_px / 2**number) * np.float32(gain**number)
    return total


def _interpolate(seed: int, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float32]:
    lattice, row, col = _lattice(seed, rows, cols)
    return evaluate_spline(lattice, rows - row, cols - col)


def _lattice(seed: int, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> tuple[NDArray[np.float32], int, int]:
    """Return the lattice around positions, scaled to a standard deviation near 1 of the spline, and its origin."""
    row, last_row = int(np.floor(rows.min())) - 1, int(np.floor(rows.max())) + 2
    col, last_col = int(np.floor(cols.min())) - 1, int(np.floor(cols.max())) + 2
    values = uniform_noise(seed, np.arange(row, last_row + 1), np.arange(col, last_col + 1))
    # Uniform values have a standard deviation of 12 ** -0.5, of which the weights of the spline leave 0.479 on average.
    return (values - np.float32(0.5)) * np.float32(12**0.5 / 0.479), row, col
