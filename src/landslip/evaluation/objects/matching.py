"""From pixels to landslides: what touches by a side or a corner is one, as in a map's inventory."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The landslides of one image."""

    labels: NDArray[np.int32]
    """(H, W): number of the landslide, from 1; 0 where there is none."""
    area_px: NDArray[np.int64]
    """(n,) pixels of each that the truth observed; those without any are left out of all counts."""
    cut: NDArray[np.bool_]
    """(n,) whether it touches the edge of what was observed, so that it may go on beyond."""


def labelled(where: NDArray[np.bool_], observed: NDArray[np.bool_], seen: NDArray[np.bool_]) -> Labelled:
    """Number the landslides of an image.

    Args:
        where: (H, W) where a landslide is, or is said to be.
        observed: (H, W) where the truth is known. A landslide may lie partly outside; it stays one, and what lies
            outside has no area.
        seen: (H, W) where anything could have been said to be a landslide: beyond it one may go on.
    """
    numbered, count = cc3d.connected_components(where.astype(np.uint8), connectivity=8, return_N=True)
    labels = np.asarray(numbered, np.int32)
    area_px = np.bincount(labels[observed], minlength=count + 1)[1:].astype(np.int64)
    cut = np.zeros(count + 1, bool)
    cut[np.unique(labels[_at_edge(seen)])] = True
    return Labelled(labels, area_px, cut[1:])


def _at_edge(observed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a pixel or one of its 8 neighbours was not observed; beyond the image nothing was."""
    around = np.pad(observed, 1, constant_values=False)
    height, width = observed.shape
    inside = np.ones_like(observed)
    for down in range(3):
        for across in range(3):
            inside &= around[down : down + height, across : across + width]
    return ~inside


def overlaps(
    truth: Labelled, mapped: Labelled, observed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All pairs of landslides that share a pixel that was observed.

    Returns:
        (K,) index of the true landslide from 0, (K,) index of the mapped one, (K,) pixels in both by pixels in either.
    """
    both = observed & (truth.labels > 0) & (mapped.labels > 0)
    size = len(mapped.area_px) + 1
    codes, shared = np.unique(truth.labels[both].astype(np.int64) * size + mapped.labels[both], return_counts=True)
    one, other = codes // size - 1, codes % size - 1
    either = truth.area_px[one] + mapped.area_px[other] - shared
    return one, other, shared / np.maximum(either, 1)


def match(
    truth: NDArray[np.int64], mapped: NDArray[np.int64], iou: NDArray[np.float64], least_iou: float
) -> NDArray[np.intp]:
    """Pair landslides one to one.

    Args:
        truth: (K,) index of the true landslide of each overlap.
        mapped: (K,) index of the mapped landslide.
        iou: (K,) of the two.
        least_iou: overlap from which they may be a pair, above 0.

    Returns:
        Which of the overlaps are pairs, in rising order; as many as there can be.
    """
    good = np.flatnonzero(iou >= least_iou)
    order = good[np.lexsort((mapped[good], truth[good], -iou[good]))]
    offers: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for overlap in order.tolist():
        offers[int(truth[overlap])].append((int(mapped[overlap]), overlap))
    pairing = _Pairing(offers)
    for seeker in offers:
        pairing.serve(seeker)
    return np.array(sorted(pairing.overlap_of.values()), np.intp)


class _Pairing:
    """Pairs that grow by one with every true landslide that can be served."""

    def __init__(self, offers: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        self.overlap_of: dict[int, int] = {}
        """By mapped landslide that has a partner."""
        self._offers = offers
        """By true landslide: mapped ones with their overlap, the best first."""
        self._partner: dict[int, int] = {}
        """By mapped landslide: the true one."""
        self._has: dict[int, int] = {}
        """By true landslide: the mapped one."""

    def serve(self, start: int) -> None:
        """Give a true landslide a mapped one, moving others to another of theirs where that helps."""
        asked: dict[int, tuple[int, int]] = {}
        waiting = deque([start])
        while waiting:
            seeker = waiting.popleft()
            for mapped, overlap in self._offers[seeker]:
                if mapped in asked:
                    continue
                asked[mapped] = seeker, overlap
                if mapped not in self._partner:
                    self._hand_over(mapped, asked)
                    return
                waiting.append(self._partner[mapped])

    def _hand_over(self, free: int, asked: Mapping[int, tuple[int, int]]) -> None:
        """Everyone on the path to a free mapped landslide takes what it asked for, and leaves what it had."""
        left: int | None = free
        while left is not None:
            mapped = left
            seeker, self.overlap_of[mapped] = asked[mapped]
            left = self._has.get(seeker)
            self._partner[mapped], self._has[seeker] = seeker, mapped
