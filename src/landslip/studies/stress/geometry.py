"""Other pixel sizes and other ways up: image and truth together; NaN and 255 where nothing was observed."""

import math

import numpy as np
from numpy.typing import NDArray

from landslip.probability import BACKGROUND, LANDSLIDE, NODATA

Values = NDArray[np.float32]
Mask = NDArray[np.uint8]


def coarser(values: Values, mask: Mask, factor: float) -> tuple[Values, Mask]:
    """Pixels larger by a factor above 1: means over the area of each, the truth by its larger half.

    A coarse pixel is observed where half of it or more is. What does not fill a whole coarse pixel at the right and the
    lower edge is left out.

    Args:
        values: (C, H, W), NaN where not observed.
        mask: (H, W).
        factor: side of the new pixel in old ones.
    """
    rows, cols = (_area_weights(size, factor) for size in mask.shape)

    def summed(layer: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rows @ layer @ cols.T)

    seen = np.asarray(np.isfinite(values).all(axis=0), np.float64)
    share = summed(seen)
    filled = np.where(seen > 0, values, 0).astype(np.float64)
    means = np.stack([summed(layer) for layer in filled]) / np.maximum(share, 1e-9)
    known, landslide = summed((mask != NODATA) * 1.0), summed((mask == LANDSLIDE) * 1.0)
    truth = np.where(landslide >= 0.5 * known - 1e-9, LANDSLIDE, BACKGROUND)
    return (
        np.where(share >= 0.5, means, np.nan).astype(np.float32),
        np.where(known >= 0.5, truth, NODATA).astype(np.uint8),
    )


def finer(values: Values, height: int, width: int) -> Values:
    """The same ground with more pixels, interpolated between the middles of the old ones.

    Args:
        values: (C, h, w), NaN where not observed; a new pixel is NaN where one it is made of is.
        height: of the result.
        width: of the result.
    """
    for size in (height, width):
        old = values.shape[1]
        at = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        first = np.minimum(np.floor(at).astype(np.intp), max(0, old - 2))
        share = (at - first).astype(np.float32)[:, None]
        after = np.minimum(first + 1, old - 1)
        # Where a share is 0 the other pixel has no part, and may be NaN.
        one = np.where(share < 1, values[:, first] * (1 - share), np.float32(0))
        other = np.where(share > 0, values[:, after] * share, np.float32(0))
        values = (one + other).swapaxes(1, 2)
    return np.ascontiguousarray(values)


def nearest(mask: Mask, height: int, width: int) -> Mask:
    """The truth with more pixels, each that of the old pixel it lies in."""
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in ((height, mask.shape[0]), (width, mask.shape[1]))
    )
    return np.asarray(mask[rows[:, None], cols], np.uint8)


def turned(values: Values, mask: Mask, degrees: float) -> tuple[Values, Mask]:
    """The ground turned counter-clockwise about its middle; corners that come in from outside are not observed.

    Quarter turns are exact. Others are interpolated, the truth taken from the nearest pixel.
    """
    quarters = round(degrees / 90)
    if math.isclose(degrees, 90 * quarters):
        return np.ascontiguousarray(np.rot90(values, quarters, (1, 2))), np.ascontiguousarray(np.rot90(mask, quarters))
    height, width = mask.shape
    rows, cols = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    down, right = rows - (height - 1) / 2, cols - (width - 1) / 2
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    # Where each new pixel comes from: the turn backwards, rows counted downwards.
    from_row = down * cosine + right * sine + (height - 1) / 2
    from_col = right * cosine - down * sine + (width - 1) / 2
    inside = (from_row >= 0) & (from_row <= height - 1) & (from_col >= 0) & (from_col <= width - 1)
    row, col = np.clip(from_row, 0, height - 1), np.clip(from_col, 0, width - 1)
    top, left = (
        np.minimum(np.floor(at).astype(np.intp), size - 2 if size > 1 else 0)
        for at, size in ((row, height), (col, width))
    )
    bottom, beside = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    below, after = (row - top).astype(np.float32), (col - left).astype(np.float32)
    upper = values[:, top, left] * (1 - after) + values[:, top, beside] * after
    lower = values[:, bottom, left] * (1 - after) + values[:, bottom, beside] * after
    image = np.where(inside, upper * (1 - below) + lower * below, np.float32(np.nan))
    truth = np.where(inside, mask[np.rint(row).astype(np.intp), np.rint(col).astype(np.intp)], NODATA)
    return image.astype(np.float32), truth.astype(np.uint8)


def clouds(height: int, width: int, share: float, chance: np.random.Generator) -> NDArray[np.bool_]:
    """Where clouds lie: lumps of some tens of pixels that cover a share of the ground, (H, W)."""
    if share <= 0:
        return np.zeros((height, width), np.bool_)
    if share >= 1:
        return np.ones((height, width), np.bool_)
    total = np.zeros((height, width))
    for cell_px, weight in ((32, 1.0), (12, 0.5), (5, 0.2)):
        coarse = chance.standard_normal((1, height // cell_px + 2, width // cell_px + 2)).astype(np.float32)
        total += weight * finer(coarse, height, width)[0]
    # By rank, so that the share is met even where values are equal.
    order = np.argsort(total, axis=None, kind="stable")
    covered = np.zeros(height * width, np.bool_)
    covered[order[: round(share * height * width)]] = True
    return covered.reshape(height, width)


def _area_weights(size: int, factor: float) -> NDArray[np.float64]:
    """How much of each new pixel lies in each old one, (new, old); rows add up to 1."""
    count = max(1, math.floor(size / factor + 1e-9))
    start = np.arange(count)[:, None] * factor
    old = np.arange(size)[None, :]
    overlap = np.minimum(start + factor, old + 1) - np.maximum(start, old)
    weights = np.clip(overlap, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
