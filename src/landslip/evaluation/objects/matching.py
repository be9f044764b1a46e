"""Which mapped landslide is which true one: pairs, one to one.

Two landslides may be a pair if their IoU (pixels in both by pixels in either) reaches a threshold. Of all ways to pair
them the one with most pairs is taken (maximum bipartite matching; augmenting paths, Kuhn 1955), with the best overlaps
offered first. From an IoU above 0.5 on there is only one way (Kirillov et al. 2019, arXiv 1801.00868). Pairing greedily
by overlap would find fewer pairs at times, and could find more at a higher threshold than at a lower one.
"""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


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
