"""Counts of many patches as one array, and the figures that follow from them: what resampling works on.

Columns are tp, fp, fn, tn. The figures follow the conventions of ``pixel.PixelCounts``.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.evaluation.predictions import Predictions
from landslip.probability import BACKGROUND, LANDSLIDE

Counts = NDArray[np.int64]
"""(..., 4): tp, fp, fn, tn."""
Values = NDArray[np.float64]


def counts_of(predictions: Predictions) -> Counts:
    """Counts of each patch, (N, 4)."""
    table = np.zeros((len(predictions), 4), np.int64)
    for row, found, mask in zip(table, predictions.found, predictions.masks, strict=True):
        landslide, other = mask == LANDSLIDE, mask == BACKGROUND
        row[0], row[1] = np.count_nonzero(found & landslide), np.count_nonzero(found & other)
        row[2], row[3] = np.count_nonzero(landslide) - row[0], np.count_nonzero(other) - row[1]
    return table


def swapped(counts: Counts) -> Counts:
    """The same counts with ground that is no landslide as the class that is looked for."""
    return counts[..., [3, 2, 1, 0]]


def precision(counts: Counts) -> Values:
    """Share of what was called landslide that is, (...)."""
    return _ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 1])


def recall(counts: Counts) -> Values:
    """Share of landslide that was found, (...)."""
    return _ratio(counts, counts[..., 0], counts[..., 0] + counts[..., 2])


def f1(counts: Counts) -> Values:
    """Harmonic mean of precision and recall, (...)."""
    return _ratio(counts, 2 * counts[..., 0], 2 * counts[..., 0] + counts[..., 1] + counts[..., 2])


def iou(counts: Counts) -> Values:
    """Landslide in both, by landslide in either, (...)."""
    return _ratio(counts, counts[..., 0], counts[..., :3].sum(axis=-1))


def _ratio(counts: Counts, part: NDArray[np.int64], whole: NDArray[np.int64]) -> Values:
    nothing = np.asarray(counts[..., :3].sum(axis=-1) == 0, np.float64)
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), nothing), np.float64)


FIGURES: Final[Mapping[str, Callable[[Counts], Values]]] = MappingProxyType(
    {"f1": f1, "precision": precision, "recall": recall, "iou": iou}
)
"""Every figure by its name."""
