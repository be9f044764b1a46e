"""Sampling of the training patches of an epoch: by landslide area, by difficulty, balanced over scenes; reproducible.

A scene is drawn first, then a patch in it: P(patch) = P(scene) * P(patch | scene). With n_s of n patches in scene s,

    P(scene s)       = (1 - scene_balance) * n_s / n + scene_balance / number of scenes
    P(patch | scene) = (1 - landslide_weight - difficulty_weight) / n_s + landslide_weight * L + difficulty_weight * D

where L is the patch's fraction of the landslide area of its scene and D its fraction of the difficulty (uniform where
the scene has none). The fraction of an epoch that comes from a scene thus depends on ``scene_balance`` alone.

An epoch has as many draws as there are patches. Sampling is systematic (Madow & Madow 1944): a patch with an expected
count k is drawn floor(k) or ceil(k) times, so a patch expected once or more is never left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from landslip.errors import PatchesError
from landslip.files.model import Frozen
from landslip.probability import LANDSLIDE


class SamplingRecipe(Frozen):
    """Sampling weights; with all at 0 each patch is drawn once per epoch."""

    landslide_weight: float = Field(default=0.0, ge=0, le=1)
    """Fraction of a scene's draws that are proportional to the landslide area of a patch."""
    difficulty_weight: float = Field(default=0.0, ge=0, le=1)
    """Fraction of a scene's draws that are proportional to the last loss of a patch (hard example mining)."""
    scene_balance: float = Field(default=0.0, ge=0, le=1)
    """0: scenes are drawn in proportion to their patches; 1: all scenes are drawn equally often."""

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.landslide_weight + self.difficulty_weight > 1:
            raise ValueError(
                f"landslide_weight and difficulty_weight must sum to at most 1, "
                f"got {self.landslide_weight} + {self.difficulty_weight}"
            )
        return self

    @property
    def uniform(self) -> bool:
        """Whether each patch is drawn once per epoch."""
        return not (self.landslide_weight or self.difficulty_weight or self.scene_balance)


@dataclass(frozen=True, slots=True, eq=False)
class PatchStatistics:
    """What sampling needs to know of the patches, in their order."""

    landslide_fraction: NDArray[np.float64]
    """(N,) fraction of pixels that are landslide."""
    scenes: tuple[str, ...]
    """(N,) scene of each patch."""
    difficulty: NDArray[np.float64]
    """(N,) mean loss when last drawn; NaN if never drawn."""

    def __post_init__(self) -> None:
        if not len(self.landslide_fraction) == len(self.scenes) == len(self.difficulty):
            raise PatchesError(
                f"expected one landslide fraction, scene and difficulty per patch, got {len(self.landslide_fraction)}, "
                f"{len(self.scenes)} and {len(self.difficulty)}"
            )

    @classmethod
    def of_masks(cls, masks: NDArray[np.uint8], scenes: Sequence[str]) -> Self:
        """Describe patches with masks (N, H, W) that were never drawn."""
        fraction = (masks == LANDSLIDE).mean(axis=(1, 2))
        return cls(fraction, tuple(scenes), np.full(len(fraction), np.nan))

    def with_losses(self, positions: NDArray[np.intp], losses: NDArray[np.floating]) -> Self:
        """Return the statistics after patches were drawn with these mean losses; of repeated ones the last counts."""
        difficulty = self.difficulty.copy()
        difficulty[positions] = losses
        return replace(self, difficulty=difficulty)

    def __len__(self) -> int:
        return len(self.scenes)


def sample_order(recipe: SamplingRecipe, statistics: PatchStatistics, seed: int, epoch: int) -> NDArray[np.intp]:
    """Draw the positions of an epoch, as many as there are patches; deterministic in all arguments.

    With all weights at 0 it is the permutation of ``landslip.datasets.loader.batches`` for the seed and epoch.
    """
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(statistics))
    if recipe.uniform or not len(statistics):
        return order
    # Systematic sampling along the shuffled patches, so that rounding does not depend on neighbours in the set.
    edges = np.cumsum(probabilities(recipe, statistics)[order]) * len(statistics)
    edges[-1] = len(statistics)
    counts = np.diff(np.floor(edges + rng.random()), prepend=0).astype(np.intp)
    return rng.permutation(np.repeat(order, counts))


def probabilities(recipe: SamplingRecipe, statistics: PatchStatistics) -> NDArray[np.float64]:
    """Return the probability (N,) of each patch to be the next draw."""
    names, scene = np.unique(np.asarray(statistics.scenes), return_inverse=True)
    size = np.bincount(scene)
    of_scene = (1 - recipe.scene_balance) * size / len(statistics) + recipe.scene_balance / len(names)
    within = (
        (1 - recipe.landslide_weight - recipe.difficulty_weight) / size[scene]
        + recipe.landslide_weight * _fraction_of_scene(statistics.landslide_fraction, scene, size)
        + recipe.difficulty_weight * _fraction_of_scene(_fill_unknown(statistics.difficulty), scene, size)
    )
    return of_scene[scene] * within


def _fill_unknown(difficulty: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace NaN by the largest difficulty, so that patches that were never drawn are drawn soon."""
    unknown = np.isnan(difficulty)
    largest = 1.0 if unknown.all() else float(np.nanmax(difficulty))
    return np.where(unknown, largest, difficulty)


def _fraction_of_scene(
    weight: NDArray[np.float64], scene: NDArray[np.intp], size: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the fraction of each patch in the weight of its scene; uniform where a scene has none."""
    total = np.bincount(scene, weights=weight, minlength=len(size))[scene]
    return np.divide(weight, total, out=1 / size[scene], where=total > 0)
