"""Which patches may be neighbours, and how much speaks for it.

The evidence that j lies beside i is ``log(distance of the best rival / their own distance)``: the rival is whichever
fits i, or is fitted by j, best of all others that are still possible. It is 0 where a rival fits as well, ln 2 where
the best rival fits half as well, negative where a rival fits better. Evidence of several edges adds up. Where patches
are few there may be no rival by chance, so they are also held to how well the ground fits within patches.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.edges import EdgeProfiles, Way

_CANDIDATES: Final = 4
"""Neighbours a side that are worth a try."""
_AT_ONCE: Final = 512
"""Patches compared with all others at a time: sets memory, never the result."""
_STRANGER: Final = 3.0
"""There is always one more rival: a stranger that fits so many times worse than seams within patches do."""
_MOST: Final = 3.0
_LEAST: Final = -1.5
"""One edge says at most and at least so much: a perfect fit may be chance, a bad one a cloud."""

Pair = tuple[Way, int, int]
"""The second patch lies in that way from the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """What is still possible once some patches are joined."""

    after: NDArray[np.bool_]
    """(2, N) by way: whether a patch has no neighbour after it yet."""
    before: NDArray[np.bool_]
    """(2, N) by way: whether it has none before it."""
    group: NDArray[np.intp]
    """(N,): patches of one group have their places to each other already."""

    def possible(self, way: Way, first: slice) -> NDArray[np.bool_]:
        """Which pairs of some patches with all may be neighbours: (n, N)."""
        possible: NDArray[np.bool_] = self.after[way, first, None] & self.before[way]
        possible &= self.group[first, None] != self.group
        return possible


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """For every patch the one that fits best on one side, and how well that and the next best fit."""

    best: NDArray[np.intp]
    """(2, N), by way."""
    distance: NDArray[np.float64]
    """(2, N)."""
    next_distance: NDArray[np.float64]
    """(2, N)."""

    def rival(self, way: Way, patch: int, mate: int) -> float:
        """The distance of the best that is not the mate."""
        near = self.next_distance if self.best[way, patch] == mate else self.distance
        return float(near[way, patch])


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What is known of all pairs of N patches."""

    edges: EdgeProfiles
    candidates: tuple[Pair, ...]
    """Pairs worth a try."""
    after: Rivals
    """Who might lie after a patch, to its right or below it."""
    before: Rivals
    """Who might lie before a patch."""

    def evidence(self, pair: Pair) -> float:
        """How much speaks for a pair, between -1.5 and 3."""
        way, first, second = pair
        rival = min(
            self.after.rival(way, first, second),
            self.before.rival(way, second, first),
            _STRANGER * self.edges.usual_distance,
        )
        return float(np.clip(np.log(rival / self.edges.distance(way, first, second)), _LEAST, _MOST))


def match_edges(
    edges: EdgeProfiles,
    left: Left | None = None,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> Matches:
    """Compare all patches with all others, a portion at a time.

    Args:
        edges: of N patches, at least two.
        left: what is still possible; everything where left out.
        watch: told how many of how many comparisons are done, counted in patches.
    """
    count = len(edges)
    kept = min(_CANDIDATES, count - 1)
    candidates: dict[Pair, None] = {}
    after, before = [], []
    for way in Way:
        near_before = np.full((kept, count), np.inf)
        who_before = np.zeros((kept, count), np.intp)
        near_after = np.empty((count, kept))
        who_after = np.empty((count, kept), np.intp)
        for start in range(0, count, _AT_ONCE):
            portion = slice(start, min(start + _AT_ONCE, count))
            distances = edges.distances(way, portion)
            if left is not None:
                distances[~left.possible(way, portion)] = np.inf
            who_after[portion] = np.argpartition(distances, kept - 1, axis=1)[:, :kept]
            near_after[portion] = np.take_along_axis(distances, who_after[portion], axis=1)
            numbers = np.broadcast_to(np.arange(portion.start, portion.stop)[:, None], distances.shape)
            near, who = np.concatenate([near_before, distances]), np.concatenate([who_before, numbers])
            nearest = np.argpartition(near, kept - 1, axis=0)[:kept]
            near_before, who_before = np.take_along_axis(near, nearest, 0), np.take_along_axis(who, nearest, 0)
            watch(way * count + portion.stop, 2 * count)
        after.append(_ordered(near_after, who_after))
        before.append(_ordered(near_before.T, who_before.T))
        for patch, rank in np.argwhere(np.isfinite(after[-1][0])):
            candidates[way, int(patch), int(after[-1][1][patch, rank])] = None
        for patch, rank in np.argwhere(np.isfinite(before[-1][0])):
            candidates[way, int(before[-1][1][patch, rank]), int(patch)] = None
    return Matches(edges, tuple(candidates), _rivals(after), _rivals(before))


Nearest = tuple[NDArray[np.float64], NDArray[np.intp]]
"""(N, k) distances and (N, k) patches."""


def _ordered(near: NDArray[np.float64], who: NDArray[np.intp]) -> Nearest:
    order = np.argsort(near, axis=1, kind="stable")
    return np.take_along_axis(near, order, 1), np.take_along_axis(who, order, 1)


def _rivals(ways: list[Nearest]) -> Rivals:
    near = np.stack([distances for distances, _ in ways])
    # Of two patches one is the mate and the other the patch itself: there is no rival.
    next_near = near[..., 1] if near.shape[2] > 1 else np.full(near.shape[:2], np.inf)
    return Rivals(np.stack([who[:, 0] for _, who in ways]), near[..., 0], next_near)
