"""Gap filling: nodata pixels are filled smoothly from their surroundings before an image is given to a network.

A network has no input for "nodata"; a constant there would be an edge, and edges resemble landslides. Pull-push filling
(Gortler et al. 1996, "The Lumigraph", section 3.4) halves the image until every pixel covers a valid one, then goes
back up and fills only the gaps. Filled values are never part of a result.
"""

from typing import Any, TypeVar

import numpy as np

Array = TypeVar("Array")


def fill_gaps(values: Array, valid: Any, xp: Any = np) -> Array:
    """Fill gaps by pull-push interpolation, in NumPy or on the device of a PyTorch tensor.

    Args:
        values: (..., C, h, w) float32; values in a gap may be NaN.
        valid: (..., h, w) bool, true somewhere in each image.
        xp: the module of the arrays: ``numpy`` or ``torch``.

    Returns:
        (..., C, h, w); valid pixels unchanged, filled pixels within the range of the valid ones.

    Example:
        >>> image = np.array([[[1, np.nan, 3]]], np.float32)
        >>> fill_gaps(image, np.isfinite(image[0])).tolist()
        [[[1.0, 1.5, 3.0]]]
    """
    image: Any = values
    height, width = valid.shape[-2:]
    # In PyTorch the second test would wait for the device.
    if height == width == 1 or (xp is np and valid.all()):
        return values
    mask = valid[..., None, :, :]
    # Selected, not multiplied: values in a gap may be NaN.
    total = _sum_by_twos(_pad_to_even(xp.where(mask, image, 0), xp))
    count = _sum_by_twos(_pad_to_even(xp.where(mask, xp.ones_like(image[..., :1, :, :]), 0), xp))
    half = fill_gaps(total / xp.where(count > 0, count, 1), (count > 0)[..., 0, :, :], xp)
    smooth = _double_rows(_double_rows(half, xp).swapaxes(-2, -1), xp).swapaxes(-2, -1)
    filled: Array = xp.where(mask, image, smooth[..., :height, :width])
    return filled


def _pad_to_even(image: Any, xp: Any) -> Any:
    """Append a row and a column of zeros where their number is odd."""
    if image.shape[-2] % 2:
        image = xp.concatenate([image, xp.zeros_like(image[..., :1, :])], -2)
    if image.shape[-1] % 2:
        image = xp.concatenate([image, xp.zeros_like(image[..., :1])], -1)
    return image


def _sum_by_twos(image: Any) -> Any:
    """Sums over squares of 2 x 2 pixels."""
    by_row = image[..., ::2, :] + image[..., 1::2, :]
    return by_row[..., ::2] + by_row[..., 1::2]


def _double_rows(image: Any, xp: Any) -> Any:
    """Twice as many rows, interpolated linearly."""
    above = xp.concatenate([image[..., :1, :], image[..., :-1, :]], -2)
    below = xp.concatenate([image[..., 1:, :], image[..., -1:, :]], -2)
    pairs = xp.stack([0.75 * image + 0.25 * above, 0.75 * image + 0.25 * below], -2)
    return pairs.reshape(*image.shape[:-2], 2 * image.shape[-2], image.shape[-1])
