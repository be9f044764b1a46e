"""From pixels to landslides: what touches by a side or a corner is one, as in a map's inventory."""

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
