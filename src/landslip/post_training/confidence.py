"""How sure to be of a whole mapped landslide: a logistic curve over what was found on labelled patches."""

from collections.abc import Iterable

import cc3d
import numpy as np
from numpy.typing import NDArray

from landslip.detector.card import Confidence
from landslip.probability import LANDSLIDE, NODATA, encode_probability, reaches_threshold


def fit_confidence(
    maps: Iterable[tuple[NDArray[np.float32], NDArray[np.uint8]]], threshold: float, where: str
) -> Confidence | None:
    """Fit how sure to be of a mapped landslide from its mean probability and its size.

    Every 8-connected component at the threshold is one object. It counts as right where at least half of its pixels
    of known truth are landslide; where the truth of most of it is not known, it is left out.

    Args:
        maps: probability (H, W) and truth (H, W) of patches.
        threshold: of the detector.
        where: the part of the data, for the text.

    Returns:
        None where there are too few objects, right or wrong, to fit anything.
    """
    rows: list[tuple[float, float, float]] = []
    for probability, truth in maps:
        rows.extend(_objects(probability, truth, threshold))
    table = np.array(rows).reshape(-1, 3)
    right = table[:, 2]
    if min(right.sum(), (1 - right).sum()) < 10:
        return None
    weights = _logistic(np.column_stack([np.ones(len(table)), table[:, :2]]), right)
    return Confidence(
        intercept=float(weights[0]),
        probability_mean=float(weights[1]),
        log10_area_px=float(weights[2]),
        description=(
            f"Logistic regression over the {len(table)} objects (8-connected pixels at or above the threshold "
            f"{threshold:g}) found on {where}, of which {int(right.sum())} are right: at least half of their pixels "
            "are landslide in the truth. Objects end at the borders of their patches. Fitted on the part "
            "that the threshold was chosen on, so it may be too sure elsewhere."
        ),
    )


def _objects(
    probability: NDArray[np.float32], truth: NDArray[np.uint8], threshold: float
) -> list[tuple[float, float, float]]:
    """Mean probability, log10 of the area in pixels, and 1 if right, of each object."""
    labels = cc3d.connected_components(reaches_threshold(encode_probability(probability), threshold), connectivity=8)
    flat = np.asarray(labels).ravel()
    area = np.bincount(flat)[1:]
    if not area.size:
        return []
    mean = np.bincount(flat, weights=np.nan_to_num(probability).ravel())[1:] / area
    landslide, known = (
        np.bincount(flat, weights=pixels.ravel())[1:] for pixels in (truth == LANDSLIDE, truth != NODATA)
    )
    # An object whose truth is mostly not known is neither right nor wrong.
    judged = known >= 0.5 * area
    table = np.column_stack([mean, np.log10(area), landslide >= 0.5 * known])[judged]
    return [(row[0], row[1], row[2]) for row in table.tolist()]


def _logistic(design: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of a logistic regression by Newton's method, with the slightest ridge so that a step always exists."""
    weights = np.zeros(design.shape[1])
    ridge = 1e-3 * np.eye(len(weights))
    for _ in range(50):
        expected = 1 / (1 + np.exp(-design @ weights))
        curvature = (design * (expected * (1 - expected))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, design.T @ (right - expected) - ridge @ weights)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return weights
