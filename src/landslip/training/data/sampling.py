"""Which patches an epoch shows, and how often: by landslide, by difficulty, evenly over scenes; reproducible.

First the scene, then the patch in it: P(patch) = P(scene) * P(patch | scene). With n_s of n patches in scene s,

    P(scene s)       = (1 - scene_balance) * n_s / n + scene_balance / number of scenes
    P(patch | scene) = (1 - landslide_weight - difficulty_weight) / n_s + landslide_weight * L + difficulty_weight * D

where L is the patch's part of all landslide of its scene and D its part of all difficulty (evenly where there is
none). So how much of an epoch comes from a scene depends on ``scene_balance`` alone.

An epoch has as many draws as there are patches. They are drawn systematically (Madow & Madow 1944): a patch that is
expected k times comes k times rounded down or up, so that an epoch differs from what was asked for by less than one
draw a patch, and what is wanted once or more is never left out.
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
    """How often each patch is shown; with all at 0 each comes once an epoch."""

    landslide_weight: float = Field(default=0.0, ge=0, le=1)
    """Share of a scene's draws that go to its patches in proportion to their share of landslide."""
    difficulty_weight: float = Field(default=0.0, ge=0, le=1)
    """Share of a scene's draws that go to its patches in proportion to their loss when last seen."""
    scene_balance: float = Field(default=0.0, ge=0, le=1)
    """0: each scene is shown as often as it has patches; 1: each as often as any other."""

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.landslide_weight + self.difficulty_weight > 1:
            raise ValueError(
                f"landslide_weight and difficulty_weight must sum to at most 1, got {self.landslide_weight} + {self.difficulty_weight}"
            )
        return self

    @property
    def plain(self) -> bool:
        """Whether each patch comes once an epoch."""
        return not (self.landslide_weight or self.difficulty_weight or self.scene_balance)


@dataclass(frozen=True, slots=True, eq=False)
class PatchFacts:
    """What sampling knows of the patches of a source, in its order."""

    landslide_share: NDArray[np.float64]
    """(N,) share of the pixels that are landslide."""
    scenes: tuple[str, ...]
    """(N,) name of the scene of each."""
    difficulty: NDArray[np.float64]
    """(N,) mean loss when last seen; NaN where never seen."""

    def __post_init__(self) -> None:
        if not len(self.landslide_share) == len(self.scenes) == len(self.difficulty):
            raise PatchesError(
                f"facts of {len(self.landslide_share)} landslide shares, {len(self.scenes)} scenes and "
                f"{len(self.difficulty)} difficulties: give one of each a patch"
            )

    @classmethod
    def of_masks(cls, masks: NDArray[np.uint8], scenes: Sequence[str]) -> Self:
        """Take masks (N, H, W) of patches that were never seen, and the name of the scene of each."""
        share = (masks == LANDSLIDE).mean(axis=(1, 2))
        return cls(share, tuple(scenes), np.full(len(share), np.nan))

    def seen(self, positions: NDArray[np.intp], losses: NDArray[np.floating]) -> Self:
        """The facts after patches were seen again, each with its mean loss; of several times the last counts."""
        difficulty = self.difficulty.copy()
        difficulty[positions] = losses
        return replace(self, difficulty=difficulty)

    def __len__(self) -> int:
        return len(self.scenes)


def sample_order(recipe: SamplingRecipe, facts: PatchFacts, seed: int, epoch: int) -> NDArray[np.intp]:
    """Positions of an epoch, as many as there are patches; the same for the same recipe, facts, seed and epoch.

    With everything off it is the permutation that ``patches.feed.batches`` makes of the seed and epoch.
    """
    chance = np.random.default_rng((seed, epoch))
    order = chance.permutation(len(facts))
    if recipe.plain or not len(facts):
        return order
    # Drawn along the shuffled patches, so that which of them are rounded up has nothing to do with their neighbours.
    edges = np.cumsum(probabilities(recipe, facts)[order]) * len(facts)
    edges[-1] = len(facts)
    counts = np.diff(np.floor(edges + chance.random()), prepend=0).astype(np.intp)
    drawn = np.repeat(order, counts)
    return chance.permutation(drawn)


def probabilities(recipe: SamplingRecipe, facts: PatchFacts) -> NDArray[np.float64]:
    """Probability (N,) of each patch to be the next; they add up to 1."""
    names, scene = np.unique(np.asarray(facts.scenes), return_inverse=True)
    size = np.bincount(scene)
    of_scene = (1 - recipe.scene_balance) * size / len(facts) + recipe.scene_balance / len(names)
    within = (
        (1 - recipe.landslide_weight - recipe.difficulty_weight) / size[scene]
        + recipe.landslide_weight * _parts(facts.landslide_share, scene, size)
        + recipe.difficulty_weight * _parts(_known(facts.difficulty), scene, size)
    )
    return of_scene[scene] * within


def _known(difficulty: NDArray[np.float64]) -> NDArray[np.float64]:
    """What was never seen counts as the hardest that was, so that it is seen soon."""
    never = np.isnan(difficulty)
    hardest = 1.0 if never.all() else float(np.nanmax(difficulty))
    return np.where(never, hardest, difficulty)


def _parts(weight: NDArray[np.float64], scene: NDArray[np.intp], size: NDArray[np.intp]) -> NDArray[np.float64]:
    """Part of each patch in the weight of its scene; equal parts where a scene has none."""
    total = np.bincount(scene, weights=weight, minlength=len(size))[scene]
    return np.divide(weight, total, out=1 / size[scene], where=total > 0)
