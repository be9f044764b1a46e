"""Resampling and rotation of an image with its mask. Nodata is NaN in images and 255 in masks."""

import math

import numpy as np
from numpy.typing import NDArray

from landslip.grid.resampling import resize_bilinear
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA

Values = NDArray[np.float32]
Mask = NDArray[np.uint8]


def coarsen(values: Values, mask: Mask, factor: float) -> tuple[Values, Mask]:
    """Resample to larger pixels: area means of the image, the majority of the mask.

    A coarse pixel is valid if at least half of it is. Rows and columns at the lower and right edge that do not fill a
    whole coarse pixel are dropped.

    Args:
        values: (C, H, W), NaN where nodata.
        mask: (H, W).
        factor: side of the new pixel in old ones, above 1.
    """
    rows, cols = (_area_weights(size, factor) for size in mask.shape)

    def sum_area(layer: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(rows @ layer @ cols.T)

    valid = np.asarray(np.isfinite(values).all(axis=0), np.float64)
    fraction = sum_area(valid)
    filled = np.where(valid > 0, values, 0).astype(np.float64)
    means = np.stack([sum_area(layer) for layer in filled]) / np.maximum(fraction, 1e-9)
    known, landslide = sum_area((mask != NODATA) * 1.0), sum_area((mask == LANDSLIDE) * 1.0)
    majority = np.where(landslide >= 0.5 * known - 1e-9, LANDSLIDE, BACKGROUND)
    return (
        np.where(fraction >= 0.5, means, np.nan).astype(np.float32),
        np.where(known >= 0.5, majority, NODATA).astype(np.uint8),
    )


def refine_mask(mask: Mask, height: int, width: int) -> Mask:
    """Resample a mask to smaller pixels, each with the value of the pixel it lies in."""
    rows, cols = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp)
        for new, old in ((height, mask.shape[0]), (width, mask.shape[1]))
    )
    return np.asarray(mask[rows[:, None], cols], np.uint8)


def rotate(values: Values, mask: Mask, degrees: float) -> tuple[Values, Mask]:
    """Rotate counterclockwise about the centre; corners from outside are nodata.

    Quarter turns are exact. Other angles are interpolated linearly, the mask by nearest neighbour.
    """
    quarters = round(degrees / 90)
    if math.isclose(degrees, 90 * quarters):
        return np.ascontiguousarray(np.rot90(values, quarters, (1, 2))), np.ascontiguousarray(np.rot90(mask, quarters))
    height, width = mask.shape
    rows, cols = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    down, right = rows - (height - 1) / 2, cols - (width - 1) / 2
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    # Source position of each new pixel: the inverse rotation, rows counted downwards.
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
    rotated = np.where(inside, mask[np.rint(row).astype(np.intp), np.rint(col).astype(np.intp)], NODATA)
    return image.astype(np.float32), rotated.astype(np.uint8)


def draw_clouds(height: int, width: int, fraction: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """Draw clouds (H, W): blobs of some tens of pixels that cover a fraction of the area."""
    if fraction <= 0:
        return np.zeros((height, width), np.bool_)
    if fraction >= 1:
        return np.ones((height, width), np.bool_)
    total = np.zeros((height, width))
    for cell_px, weight in ((32, 1.0), (12, 0.5), (5, 0.2)):
        coarse = random.standard_normal((1, height // cell_px + 2, width // cell_px + 2)).astype(np.float32)
        total += weight * resize_bilinear(coarse, height, width)[0]
    # By rank, so that the fraction is exact even if values are equal.
    order = np.argsort(total, axis=None, kind="stable")
    covered = np.zeros(height * width, np.bool_)
    covered[order[: round(fraction * height * width)]] = True
    return covered.reshape(height, width)


def _area_weights(size: int, factor: float) -> NDArray[np.float64]:
    """Fraction of each new pixel that lies in each old one, (new, old); rows add up to 1."""
    count = max(1, math.floor(size / factor + 1e-9))
    start = np.arange(count)[:, None] * factor
    old = np.arange(size)[None, :]
    overlap = np.minimum(start + factor, old + 1) - np.maximum(start, old)
    weights = np.clip(overlap, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)
