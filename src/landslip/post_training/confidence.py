"""Per-polygon confidence: logistic regression on mean probability and log10 area."""

from collections.abc import Iterable
from typing import Final

import cc3d
import numpy as np
from numpy.typing import NDArray

from landslip.detector.card import Confidence
from landslip.probability import LANDSLIDE, NODATA, encode_probability, reaches_threshold

_MIN_OBJECTS: Final = 10
"""Correct and wrong objects that a fit needs at least."""


def fit_confidence(
    maps: Iterable[tuple[NDArray[np.float32], NDArray[np.uint8]]], threshold: float, where: str
) -> Confidence | None:
    """Fit the probability that a mapped landslide is correct.

    Objects are 8-connected components at the threshold. An object is correct if at least half of its labelled pixels
    are landslide; objects of which less than half is labelled are left out.

    Args:
        maps: probability (H, W) and mask (H, W) of patches.
        threshold: of the detector.
        where: name of the data, for the description.

    Returns:
        None where there are fewer than ten correct or ten wrong objects.
    """
    rows: list[tuple[float, float, float]] = []
    for probability, mask in maps:
        rows.extend(_objects(probability, mask, threshold))
    table = np.array(rows).reshape(-1, 3)
    correct = table[:, 2]
    if min(correct.sum(), (1 - correct).sum()) < _MIN_OBJECTS:
        return None
    weights = _logistic_regression(np.column_stack([np.ones(len(table)), table[:, :2]]), correct)
    return Confidence(
        intercept=float(weights[0]),
        probability_mean=float(weights[1]),
        log10_area_px=float(weights[2]),
        description=(
            f"Logistic regression over {len(table)} objects (8-connected pixels at or above the threshold "
            f"{threshold:g}) predicted on {where}, {int(correct.sum())} of them correct: at least half of their pixels "
            "are landslide in the reference. Objects end at the patch borders. Fitted on the part on which the "
            "threshold was selected, so it may be overconfident elsewhere."
        ),
    )


def mean_mapped_probability(maps: Iterable[NDArray[np.float32]], threshold: float) -> float | None:
    """Return the mean probability of the pixels at or above a threshold, of all maps together; NaN is nodata.

    Returns:
        None where there is no such pixel.

    Example:
        >>> mean_mapped_probability([np.array([[0.5, 0.9, 0.2]], np.float32)], 0.5)
        0.7
    """
    total, pixels = 0.0, 0
    for probability in maps:
        mapped = probability[reaches_threshold(encode_probability(probability), threshold)]
        total, pixels = total + float(mapped.sum(dtype=np.float64)), pixels + mapped.size
    return round(total / pixels, 4) if pixels else None


def _objects(
    probability: NDArray[np.float32], mask: NDArray[np.uint8], threshold: float
) -> list[tuple[float, float, float]]:
    """Mean probability, log10 of the area in pixels, and 1 if correct, of each object."""
    labels = cc3d.connected_components(reaches_threshold(encode_probability(probability), threshold), connectivity=8)
    flat = np.asarray(labels).ravel()
    area = np.bincount(flat)[1:]
    if not area.size:
        return []
    mean = np.bincount(flat, weights=np.nan_to_num(probability).ravel())[1:] / area
    landslide, labelled = (
        np.bincount(flat, weights=pixels.ravel())[1:] for pixels in (mask == LANDSLIDE, mask != NODATA)
    )
    judged = labelled >= 0.5 * area
    table = np.column_stack([mean, np.log10(area), landslide >= 0.5 * labelled])[judged]
    return [(row[0], row[1], row[2]) for row in table.tolist()]


def _logistic_regression(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights by Newton's method, with a small ridge penalty so that the Hessian is invertible."""
    weights = np.zeros(design.shape[1])
    ridge = 1e-3 * np.eye(len(weights))
    for _ in range(50):
        expected = 1 / (1 + np.exp(-design @ weights))
        hessian = (design * (expected * (1 - expected))[:, None]).T @ design + ridge
        step = np.linalg.solve(hessian, design.T @ (target - expected) - ridge @ weights)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights
