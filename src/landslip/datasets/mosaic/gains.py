"""Gains of placed patches: how much brighter than the others each one is, from where they touch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.assembly import Placed
from landslip.datasets.mosaic.edges import EdgeProfiles, Way

_ENOUGH = 1e-9


def gains(edges: EdgeProfiles, placed: Sequence[Placed]) -> NDArray[np.float64]:
    """What to divide the reflectance of each patch by, so that neighbours are equally bright where they touch.

    The logarithms of the gains are the least-squares solution over all touching pairs; their mean in a group is 0,
    because nothing says how bright the group as a whole should be. All gains are 1 where patches have elevation:
    their reflectance is then physical.

    Returns:
        (N,), positive.
    """
    first, second, steps = _differences(edges, placed)
    if not len(steps):
        return np.ones(len(placed))

    def laplacian(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The matrix of the normal equations, applied."""
        return _spread(first, second, logs[first] - logs[second], len(placed))

    # Conjugate gradients (Hestenes & Stiefel 1952): the matrix is sparse, and singular only by a constant a group.
    logs = np.zeros(len(placed))
    residual = _spread(first, second, steps, len(placed))
    direction, square = residual.copy(), float(residual @ residual)
    enough = _ENOUGH * float(square)
    for _ in range(4 * len(placed)):
        if square <= enough:
            break
        turned = laplacian(direction)
        length = square / (direction @ turned)
        logs += length * direction
        residual -= length * turned
        square, before = float(residual @ residual), square
        direction = residual + square / before * direction
    group = np.array([one.group for one in placed])
    logs -= (np.bincount(group, logs) / np.bincount(group))[group]
    return np.exp(logs)


def _differences(
    edges: EdgeProfiles, placed: Sequence[Placed]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For every touching pair its patches, and by how much the logarithm of the first is above the second's."""
    if edges.kind == "elevation":
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    at = {(one.group, one.row, one.col): number for number, one in enumerate(placed)}
    pairs = [
        (way, number, mate)
        for (group, row, col), number in at.items()
        for way in Way
        if (mate := at.get((group, row + way.step[0], col + way.step[1]))) is not None
    ]
    steps = [edges.leaving_level[way, one] - edges.arriving_level[way, other] for way, one, other in pairs]
    return np.array([p[1] for p in pairs], np.intp), np.array([p[2] for p in pairs], np.intp), np.array(steps)


def _spread(
    first: NDArray[np.intp], second: NDArray[np.intp], steps: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Add every step to the first patch of its pair and take it from the second."""
    spread = np.zeros(count)
    np.add.at(spread, first, steps)
    np.subtract.at(spread, second, steps)
    return spread
