"""What values each channel had in training, so that a map can say where a scene lies outside them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.rgb import RgbSet

_LOWEST, _HIGHEST = -1000, 65_535
"""Whole DN, degrees and metres that are told apart; what lies beyond counts as the last."""
SHARES: Final = (0.01, 0.99)


def knows_absolute_values(patches: PatchSet[Any]) -> bool:
    """Whether values are DN as a product has them; 8-bit pictures are bright relative to themselves alone."""
    return not isinstance(patches, RgbSet)


def input_ranges(
    batches: Iterable[NDArray[np.float32]], channels: Sequence[str]
) -> dict[str, tuple[float, float]] | None:
    """The 1st and 99th percentile of each channel, to a whole DN, degree or metre.

    Counted over whole numbers, so that memory does not grow with the data.

    Args:
        batches: values (N, C, H, W) in physical units; what is no number is left out.
        channels: their names.

    Returns:
        None where a channel has no value at all.
    """
    counts = np.zeros((len(channels), _HIGHEST - _LOWEST + 1), np.int64)
    for values in batches:
        for place, layer in enumerate(np.moveaxis(values, 1, 0)):
            known = layer[np.isfinite(layer)]
            whole = np.clip(np.rint(known), _LOWEST, _HIGHEST).astype(np.int64) - _LOWEST
            counts[place] += np.bincount(whole, minlength=counts.shape[1])
    total = counts.sum(axis=1)
    if not total.all():
        return None
    running = counts.cumsum(axis=1)
    ranges = {}
    for place, name in enumerate(channels):
        low, high = (_LOWEST + int(np.searchsorted(running[place], share * total[place])) for share in SHARES)
        ranges[name] = (float(low), float(high))
    return ranges
