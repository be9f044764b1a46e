"""Candidate pairs of neighbours and their evidence.

The evidence that j is the neighbour of i is ``log(distance of the best rival / distance of the pair)``. The rival is
the best other match of i or of j that is still possible. The evidence is 0 if a rival matches equally well, ln 2 if
the best rival has twice the distance, and negative if a rival matches better. The evidence of several edges is added.
With few patches there may be no rival by chance, so distances are also compared with those inside patches.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.edges import Direction, EdgeProfiles
from landslip.files.progress import Progress, no_progress

_CANDIDATES: Final = 4
"""Candidates for each side of a patch."""
_CHUNK: Final = 512
"""Patches compared with all others at a time; affects memory, not the result."""
_IMPLICIT_RIVAL: Final = 3.0
"""An implicit rival has this multiple of the distance inside patches."""
_MAX_EVIDENCE: Final = 3.0
_MIN_EVIDENCE: Final = -1.5
"""Limits of the evidence of one edge: a perfect match may be chance, a bad one a cloud."""

Pair = tuple[Direction, int, int]
"""The second patch is the neighbour of the first in this direction."""


@dataclass(frozen=True, slots=True, eq=False)
class Remaining:
    """The pairs that are still possible after some patches were joined."""

    after: NDArray[np.bool_]
    """(2, N) by direction: whether a patch has no neighbour at its right or lower edge yet."""
    before: NDArray[np.bool_]
    """(2, N) by direction: whether it has no neighbour at its left or upper edge yet."""
    group: NDArray[np.intp]
    """(N,) group of each patch; the relative positions within a group are fixed."""

    def possible(self, way: Direction, first: slice) -> NDArray[np.bool_]:
        """Return which pairs of some patches with all others may be neighbours: (n, N)."""
        possible: NDArray[np.bool_] = self.after[way, first, None] & self.before[way]
        possible &= self.group[first, None] != self.group
        return possible


@dataclass(frozen=True, slots=True, eq=False)
class BestMatches:
    """The best match of every patch on one side, with its distance and that of the second best."""

    best: NDArray[np.intp]
    """(2, N), by direction."""
    distance: NDArray[np.float64]
    """(2, N)."""
    next_distance: NDArray[np.float64]
    """(2, N)."""

    def rival(self, way: Direction, patch: int, mate: int) -> float:
        """Return the distance of the best match other than the mate."""
        near = self.next_distance if self.best[way, patch] == mate else self.distance
        return float(near[way, patch])


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The comparison of all pairs of N patches."""

    edges: EdgeProfiles
    candidates: tuple[Pair, ...]
    after: BestMatches
    """Matches of the right or lower edge."""
    before: BestMatches
    """Matches of the left or upper edge."""

    def evidence(self, pair: Pair) -> float:
        """Return the evidence of a pair, between -1.5 and 3."""
        way, first, second = pair
        rival = min(
            self.after.rival(way, first, second),
            self.before.rival(way, second, first),
            _IMPLICIT_RIVAL * self.edges.inner_distance,
        )
        return float(np.clip(np.log(rival / self.edges.distance(way, first, second)), _MIN_EVIDENCE, _MAX_EVIDENCE))


def match_edges(
    edges: EdgeProfiles,
    remaining: Remaining | None = None,
    progress: Progress = no_progress,
) -> Matches:
    """Compare all patches with all others.

    Args:
        edges: edges of two or more patches.
        remaining: the pairs that are still possible; by default all.
        progress: told how many rows of comparisons are done.
    """
    count = len(edges)
    kept = min(_CANDIDATES, count - 1)
    candidates: dict[Pair, None] = {}
    after, before = [], []
    for direction in Direction:
        near_before = np.full((kept, count), np.inf)
        who_before = np.zeros((kept, count), np.intp)
        near_after = np.empty((count, kept))
        who_after = np.empty((count, kept), np.intp)
        for start in range(0, count, _CHUNK):
            portion = slice(start, min(start + _CHUNK, count))
            distances = edges.distances(direction, portion)
            if remaining is not None:
                distances[~remaining.possible(direction, portion)] = np.inf
            who_after[portion] = np.argpartition(distances, kept - 1, axis=1)[:, :kept]
            near_after[portion] = np.take_along_axis(distances, who_after[portion], axis=1)
            numbers = np.broadcast_to(np.arange(portion.start, portion.stop)[:, None], distances.shape)
            near, who = np.concatenate([near_before, distances]), np.concatenate([who_before, numbers])
            nearest = np.argpartition(near, kept - 1, axis=0)[:kept]
            near_before, who_before = np.take_along_axis(near, nearest, 0), np.take_along_axis(who, nearest, 0)
            progress("comparing edges", direction * count + portion.stop, 2 * count)
        after.append(_sort(near_after, who_after))
        before.append(_sort(near_before.T, who_before.T))
        for patch, rank in np.argwhere(np.isfinite(after[-1][0])):
            candidates[direction, int(patch), int(after[-1][1][patch, rank])] = None
        for patch, rank in np.argwhere(np.isfinite(before[-1][0])):
            candidates[direction, int(before[-1][1][patch, rank]), int(patch)] = None
    return Matches(edges, tuple(candidates), _best_matches(after), _best_matches(before))


Nearest = tuple[NDArray[np.float64], NDArray[np.intp]]
"""(N, k) distances and (N, k) patches."""


def _sort(near: NDArray[np.float64], who: NDArray[np.intp]) -> Nearest:
    order = np.argsort(near, axis=1, kind="stable")
    return np.take_along_axis(near, order, 1), np.take_along_axis(who, order, 1)


def _best_matches(ways: list[Nearest]) -> BestMatches:
    near = np.stack([distances for distances, _ in ways])
    # With two patches, one is the mate and the other the patch itself: there is no rival.
    next_near = near[..., 1] if near.shape[2] > 1 else np.full(near.shape[:2], np.inf)
    return BestMatches(np.stack([who[:, 0] for _, who in ways]), near[..., 0], next_near)
