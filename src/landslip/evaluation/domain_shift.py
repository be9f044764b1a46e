"""Whether a detector does worse where the ground is unlike what it learned from: distance against F1.

F1 is pooled within each patch or block. Rank correlation (Spearman 1904) over all scenes shows whether distance tells
places apart in which the detector works from those in which it does not; within one scene it shows whether distance
says which part of it to mistrust.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.ood_distance import Gauge, patch_vector
from landslip.errors import PredictionsError
from landslip.evaluation.predictions import Predictions
from landslip.metrics.count_tables import counts_of, f1
from landslip.metrics.intervals import CONFIDENCE, Units, best_units

LEAST_LANDSLIDE_PX: Final = 50
"""F1 of a patch with fewer pixels of landslide hangs on a few of them."""
DRAWS: Final = 1000

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SceneFamiliarity:
    """One scene: how far it lies, and how well it was mapped."""

    scene: str
    patches: int
    distance: float
    """Median over its patches."""
    far_share: float
    """Share of its patches farther than 99 % of the training patches."""
    f1: float
    within: float | None
    """Rank correlation of distance and F1 over its own patches; None where there are too few."""


@dataclass(frozen=True, slots=True)
class FamiliarityScore:
    """Rank correlation of distance and F1: below 0 where F1 falls with distance."""

    by_patch: float
    patches: int
    by_block: float
    blocks: int
    unit: str
    low: float
    """Of the interval of ``by_block``, blocks drawn with replacement."""
    high: float
    scenes: tuple[SceneFamiliarity, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self)


def distances_of(gauge: Gauge, patches: PatchSet[Any], watch: Callable[[int], None] = lambda done: None) -> Values:
    """Distance of each patch from what a detector learned from, (N,); NaN where too little was observed.

    Args:
        gauge: of the detector's card.
        patches: the same as were predicted.
        watch: told how many are done.

    Raises:
        PatchesError: a patch is damaged or lacks a channel.
    """
    distances = np.full(len(patches), np.nan)
    for place, patch in enumerate(patches):
        vector = patch_vector(patch, gauge.channels, relative=gauge.seen.relative)
        if vector is not None:
            distances[place] = gauge.distances(vector[None])[0]
        watch(place + 1)
    return distances


def familiarity_score(
    predictions: Predictions, distances: Values, far: float, units: Units | None = None, *, seed: int = 0
) -> FamiliarityScore:
    """Compare distance and F1.

    Args:
        predictions: of patches that the detector did not learn from.
        distances: (N,) of the same patches.
        far: the distance that 99 % of the training patches lie within.
        units: blocks where all places are known, else patches, where None.
        seed: of the draws of the interval.

    Raises:
        PredictionsError: there are not as many distances as patches, or fewer than three patches to compare.
    """
    if distances.shape != (len(predictions),):
        raise PredictionsError(f"{len(distances)} distances do not fit {len(predictions)} patches: give one for each")
    counts = counts_of(predictions)
    usable = np.isfinite(distances) & (counts[:, 0] + counts[:, 2] >= LEAST_LANDSLIDE_PX)
    if usable.sum() < 3:
        raise PredictionsError(
            f"{int(usable.sum())} patches hold {LEAST_LANDSLIDE_PX} pixels of landslide and were observed: 3 at least "
            "are needed for a rank correlation"
        )
    units = units or best_units(predictions.entries)
    known = np.flatnonzero(np.isfinite(distances))
    blocks = units.take(known)
    far_off = np.array([distances[known][blocks.labels == unit].mean() for unit in range(blocks.count)])
    summed = blocks.sums(counts[known])
    chosen = summed[:, 0] + summed[:, 2] >= LEAST_LANDSLIDE_PX
    pairs = np.stack([far_off[chosen], f1(summed[chosen])])
    chance = np.random.default_rng(seed)
    drawn = [rank_correlation(*pairs[:, chance.integers(pairs.shape[1], size=pairs.shape[1])]) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return FamiliarityScore(
        by_patch=rank_correlation(distances[usable], f1(counts[usable])),
        patches=int(usable.sum()),
        by_block=rank_correlation(*pairs),
        blocks=pairs.shape[1],
        unit=units.text,
        low=float(low),
        high=float(high),
        scenes=tuple(_scene(scene, predictions, distances, counts, usable, far) for scene in predictions.scenes),
    )


def _scene(
    scene: str,
    predictions: Predictions,
    distances: Values,
    counts: NDArray[np.int64],
    usable: NDArray[np.bool_],
    far: float,
) -> SceneFamiliarity:
    here = np.array([entry.scene == scene for entry in predictions.entries])
    known, compared = here & np.isfinite(distances), here & usable
    return SceneFamiliarity(
        scene=scene,
        patches=int(known.sum()),
        distance=float(np.median(distances[known])) if known.any() else float("nan"),
        far_share=float((distances[known] > far).mean()) if known.any() else 0.0,
        f1=float(f1(counts[here].sum(axis=0))),
        within=rank_correlation(distances[compared], f1(counts[compared])) if compared.sum() >= 10 else None,
    )


def rank_correlation(one: Values, other: Values) -> float:
    """Spearman's rho of two lists of one length; equal values share their mean rank; 0 where one never changes."""
    ranks = [_ranks(values) - (len(values) + 1) / 2 for values in (one, other)]
    length = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float((ranks[0] * ranks[1]).sum() / length) if length else 0.0


def _ranks(values: Values) -> Values:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = count.cumsum()
    return np.asarray((last - (count - 1) / 2)[place], np.float64)
