"""Relation between domain shift and accuracy: out-of-distribution distance of patches against their F1.

F1 is pooled within each patch or block. The rank correlation (Spearman 1904) over all scenes shows whether the distance
separates scenes that the detector maps well from those it does not; within one scene it shows whether the distance
locates the less accurate parts.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.ood_distance import OodDistance
from landslip.errors import PredictionsError
from landslip.evaluation.predictions import Predictions, resampling_units
from landslip.files.progress import Progress, no_progress, track
from landslip.metrics.counts import Counts, f1
from landslip.metrics.intervals import ResamplingUnits, percentile_interval, reported_ends

MIN_LANDSLIDE_PX: Final = 50
"""F1 of a patch with fewer landslide pixels depends on a few of them."""
DRAWS: Final = 1000

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SceneDomainShift:
    """Out-of-distribution distance and accuracy of one scene."""

    scene: str
    patches: int
    distance: float
    """Median over its patches."""
    far_fraction: float
    """Fraction of its patches beyond the 99th percentile of the training patches."""
    f1: float
    within: float | None
    """Rank correlation of distance and F1 over its own patches; None for fewer than 10."""


@dataclass(frozen=True, slots=True)
class DomainShiftScore:
    """Rank correlation of out-of-distribution distance and F1: negative where F1 falls with distance."""

    by_patch: float
    patches: int
    by_block: float
    blocks: int
    unit: str
    low: float | None
    """Of the bootstrap interval of ``by_block``; None for too few blocks."""
    high: float | None
    scenes: tuple[SceneDomainShift, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self)


def patch_distances(ood: OodDistance, patches: PatchSet[Any], progress: Progress = no_progress) -> Values:
    """Compute the out-of-distribution distance of each patch, (N,); NaN where too few pixels are valid.

    Args:
        ood: with the training statistics of a detector's card.
        patches: the patches that were predicted.
        progress: called with ``("out-of-distribution distance", patches done, patches)``.

    Raises:
        ChannelError: a patch lacks a channel.
        PatchesError: a patch is damaged.
    """
    distances = np.full(len(patches), np.nan)
    for index, patch in enumerate(track(patches, progress, "out-of-distribution distance", len(patches))):
        vector = ood.describe(patch.select(ood.channels))
        if vector is not None:
            distances[index] = ood.distances(vector[None])[0]
    return distances


def score_domain_shift(
    predictions: Predictions,
    distances: Values,
    far: float,
    units: ResamplingUnits | None = None,
    *,
    seed: int = 0,
) -> DomainShiftScore:
    """Correlate out-of-distribution distance and F1.

    Args:
        predictions: of patches that are not part of the detector's training data.
        distances: (N,) of the same patches, see ``patch_distances``.
        far: 99th percentile of the distance of the training patches.
        units: resampling units; blocks if all positions are known, else patches, where None.
        seed: of the bootstrap.

    Raises:
        PredictionsError: ``distances`` does not fit, or fewer than three patches can be compared.
    """
    if distances.shape != (len(predictions),):
        raise PredictionsError(
            f"distances must hold one value for each of {len(predictions)} patches, got {distances.shape}",
            parameter="distances",
        )
    counts = predictions.counts()
    comparable = comparable_patches(counts, distances)
    if comparable.sum() < 3:
        raise PredictionsError(
            f"only {int(comparable.sum())} patches have valid pixels and at least {MIN_LANDSLIDE_PX} landslide pixels: "
            "a rank correlation needs 3"
        )
    units = units or resampling_units(predictions.entries)
    known = np.flatnonzero(np.isfinite(distances))
    blocks = units.take(known)
    block_distances = np.array([distances[known][blocks.labels == unit].mean() for unit in range(blocks.count)])
    sums = blocks.sum_over(counts[known])
    chosen = sums[:, 0] + sums[:, 2] >= MIN_LANDSLIDE_PX
    pairs = np.stack([block_distances[chosen], f1(sums[chosen])])
    generator = np.random.default_rng(seed)
    size = pairs.shape[1]
    drawn = [rank_correlation(*pairs[:, generator.integers(size, size=size)]) for _ in range(DRAWS)]
    ends = percentile_interval(np.array(drawn))
    low, high = reported_ends(float(ends[0]), float(ends[1]), size)
    return DomainShiftScore(
        by_patch=rank_correlation(distances[comparable], f1(counts[comparable])),
        patches=int(comparable.sum()),
        by_block=rank_correlation(*pairs),
        blocks=size,
        unit=units.text,
        low=low,
        high=high,
        scenes=tuple(_scene(scene, predictions, distances, counts, far) for scene in predictions.scenes),
    )


def comparable_patches(counts: Counts, distances: Values) -> NDArray[np.bool_]:
    """Return which patches have a distance and enough landslide pixels for an F1 of their own, (N,)."""
    return np.isfinite(distances) & (counts[:, 0] + counts[:, 2] >= MIN_LANDSLIDE_PX)


def _scene(scene: str, predictions: Predictions, distances: Values, counts: Counts, far: float) -> SceneDomainShift:
    here = predictions.positions_of(scene)
    distances, counts = distances[here], counts[here]
    known, comparable = distances[np.isfinite(distances)], comparable_patches(counts, distances)
    return SceneDomainShift(
        scene=scene,
        patches=len(known),
        distance=float(np.median(known)) if len(known) else float("nan"),
        far_fraction=float((known > far).mean()) if len(known) else 0.0,
        f1=float(f1(counts.sum(axis=0))),
        within=rank_correlation(distances[comparable], f1(counts[comparable])) if comparable.sum() >= 10 else None,
    )


def rank_correlation(one: Values, two: Values) -> float:
    """Compute Spearman's rank correlation, ties at their mean rank; 0 where one of the two is constant."""
    ranks = [_ranks(values) - (len(values) + 1) / 2 for values in (one, two)]
    norm = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float((ranks[0] * ranks[1]).sum() / norm) if norm else 0.0


def _ranks(values: Values) -> Values:
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((count.cumsum() - (count - 1) / 2)[index], np.float64)
