"""Co-registration of two images by phase correlation on gradients, block by block, to a fraction of a pixel.

Gradients are compared, not brightness, so that season, haze and exposure matter little. The peak of the correlation is
refined by a Fourier transform on a finer grid (Guizar-Sicairos et al. 2008, Optics Letters 33, 156-158). A block is
trusted where its peak stands out of the correlation of the rest of the block, and agrees with the other blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BLOCK_PX: Final = 256
"""Side of the blocks that are correlated."""
REACH_PX: Final = 6
"""Largest shift that is looked for, along rows and columns."""
TRUSTED_PEAK: Final = 7.0
"""Peak of the correlation in its standard deviations from which a block is trusted; of noise it is about 4."""
AGREEMENT_PX: Final = 0.75
"""Blocks farther from the median shift than this are not trusted."""
_STEP_PX: Final = 0.02
_HIGHEST_FREQUENCY: Final = 0.25
"""Cycles per pixel at which the weight of a frequency has fallen to 1/e: finer detail is mostly noise."""
_MIN_VALID: Final = 0.5
_MIN_BLOCKS_PLANE: Final = 9


@dataclass(frozen=True, slots=True)
class BlockShift:
    """Where the content of an image lies relative to a reference, in one block."""

    row: float
    """Middle of the block in the reference, in pixels."""
    col: float
    down_px: float
    right_px: float
    peak: float
    """Of the correlation, in its standard deviations."""
    trusted: bool


@dataclass(frozen=True, slots=True)
class ShiftField:
    """The shift of an image relative to a reference, as a plane over the scene; (0, 0, 0) where none was trusted."""

    down: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Pixels at row 0 and column 0, per row and per column."""
    right: tuple[float, float, float] = (0.0, 0.0, 0.0)
    blocks: tuple[BlockShift, ...] = ()

    @property
    def trusted(self) -> bool:
        """Whether any block was trusted."""
        return any(block.trusted for block in self.blocks)

    def at(self, rows: NDArray[Any], cols: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Return the shift down and right in pixels at rows and columns, which broadcast."""
        return tuple(plane[0] + plane[1] * rows + plane[2] * cols for plane in (self.down, self.right))

    def residual_px(self) -> float:
        """Return the root mean square distance of the trusted blocks from the field; NaN without one."""
        used = [block for block in self.blocks if block.trusted]
        if not used:
            return float("nan")
        rows, cols = np.array([block.row for block in used]), np.array([block.col for block in used])
        down, right = self.at(rows, cols)
        errors = (
            np.array([block.down_px for block in used]) - down,
            np.array([block.right_px for block in used]) - right,
        )
        return float(np.sqrt(np.mean(errors[0] ** 2 + errors[1] ** 2)))


def measure_shift(
    reference: NDArray[np.float32], image: NDArray[np.float32], valid: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Measure the shift between two images of one block.

    Args:
        reference: (H, W), in any unit, positive.
        image: (H, W), the same ground as far as is known.
        valid: (H, W), where both are.

    Returns:
        How far the content of ``image`` lies down and right of that of ``reference``, in pixels, and the peak of the
        correlation in its standard deviations; 0, 0, 0 where less than half of the block is valid.

    Example:
        >>> ground = np.random.default_rng(1).random((64, 64)).astype(np.float32) + 1
        >>> down, right, peak = measure_shift(ground, np.roll(ground, (2, -1), (0, 1)), np.ones((64, 64), bool))
        >>> round(down, 1), round(right, 1), peak > TRUSTED_PEAK
        (2.0, -1.0, True)
    """
    if valid.mean() < _MIN_VALID or min(valid.shape) < 4 * REACH_PX:
        return 0.0, 0.0, 0.0
    height, width = valid.shape
    taper = np.outer(np.hanning(height), np.hanning(width))
    first, second = (np.fft.fft2(_gradient(one, valid) * taper) for one in (reference, image))
    cross = second * np.conj(first)
    rows, cols = np.fft.fftfreq(height), np.fft.fftfreq(width)
    weight = np.exp(-((rows[:, None] ** 2 + cols[None, :] ** 2) / _HIGHEST_FREQUENCY**2))
    spectrum = weight * cross / np.maximum(np.abs(cross), 1e-12 * max(float(np.abs(cross).max()), 1e-30))
    correlation = np.fft.ifft2(spectrum).real
    spread = float(correlation.std())
    if spread == 0:
        return 0.0, 0.0, 0.0
    reach = np.arange(-REACH_PX, REACH_PX + 1)
    near = correlation[np.ix_(reach % height, reach % width)]
    at = np.unravel_index(int(near.argmax()), near.shape)
    peak = float(near[at]) / spread
    fine = np.arange(-1, 1 + _STEP_PX / 2, _STEP_PX)
    down, right = reach[at[0]] + fine, reach[at[1]] + fine
    around = np.exp(2j * np.pi * np.outer(down, rows)) @ spectrum @ np.exp(2j * np.pi * np.outer(cols, right))
    best = np.unravel_index(int(around.real.argmax()), around.shape)
    return float(down[best[0]]), float(right[best[1]]), peak


def _gradient(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Return the gradient of the logarithm as a complex number, limited, 0 beside nodata."""
    logarithm = np.log(np.maximum(image.astype(np.float64), 1e-6))
    down, right = np.gradient(logarithm)
    gradient = right + 1j * down
    padded = np.pad(valid, 1)
    inside = valid & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    size = np.abs(gradient)
    typical = float(np.median(size[inside])) if inside.any() else 0.0
    # A few edges of clouds and snow must not outweigh the relief.
    return np.where(inside, gradient / (size + max(typical, 1e-9)), 0)


def fit_field(blocks: Sequence[BlockShift]) -> ShiftField:
    """Fit the shift of a scene to those of its blocks: a plane where enough blocks are trusted, else their median.

    Args:
        blocks: with ``trusted`` by their own peak; those that disagree with the median lose it here.

    Example:
        >>> fit_field([BlockShift(128, 128, 0.5, -1.0, 20, True), BlockShift(128, 384, 4.0, 3.0, 3, False)]).down
        (0.5, 0.0, 0.0)
    """
    candidates = [block for block in blocks if block.trusted]
    if not candidates:
        return ShiftField(blocks=tuple(blocks))
    middle = np.median([[block.down_px, block.right_px] for block in candidates], axis=0)

    def agrees(block: BlockShift) -> bool:
        return bool(np.hypot(block.down_px - middle[0], block.right_px - middle[1]) <= AGREEMENT_PX)

    checked = tuple(
        BlockShift(one.row, one.col, one.down_px, one.right_px, one.peak, one.trusted and agrees(one)) for one in blocks
    )
    used = [block for block in checked if block.trusted]
    if not used:
        return ShiftField(blocks=checked)
    shifts = np.array([[block.down_px, block.right_px] for block in used])
    if len(used) < _MIN_BLOCKS_PLANE:
        down, right = np.median(shifts, axis=0)
        return ShiftField((float(down), 0.0, 0.0), (float(right), 0.0, 0.0), checked)
    positions = np.array([[1.0, block.row, block.col] for block in used])
    planes, *_ = np.linalg.lstsq(positions, shifts, rcond=None)
    down, right = (tuple(float(value) for value in plane) for plane in planes.T)
    return ShiftField(down, right, checked)  # type: ignore[arg-type]  # three coefficients each
