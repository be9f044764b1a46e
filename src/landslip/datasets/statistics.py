"""Mean, standard deviation and range of each channel, in one pass and mergeable, in physical units.

Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": parts are summed up on their own and
merged by their means, so that nothing cancels and any order or cut of the data gives the same numbers to rounding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import E, PatchSet
from landslip.errors import PatchesError

Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done and how much there is."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What is kept of the values of each channel; all arrays are (C,)."""

    pixels: int
    """How many values there were of each channel."""
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    """Sum of the squared deviations from the mean."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def none(cls, channels: int) -> "Moments":
        """No values yet: merging them with others changes nothing."""
        zero, infinite = np.zeros(channels), np.full(channels, np.inf)
        return cls(0, zero, zero, infinite, -infinite)

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> "Moments":
        """Sum up values (C, ...), at least one a channel."""
        flat = values.reshape(len(values), -1).astype(np.float64)
        mean = flat.mean(axis=1)
        away = flat - mean[:, None]
        return cls(flat.shape[1], mean, np.einsum("cp,cp->c", away, away), flat.min(axis=1), flat.max(axis=1))

    def __add__(self, other: "Moments") -> "Moments":
        """Merge two parts."""
        pixels = self.pixels + other.pixels
        if pixels == 0:
            return self
        step = other.mean - self.mean
        share = other.pixels / pixels
        return Moments(
            pixels,
            self.mean + step * share,
            self.squares + other.squares + step * step * (self.pixels * share),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation of the population; NaN where there is no value."""
        if self.pixels == 0:
            return np.full_like(self.mean, np.nan)
        deviation: NDArray[np.float64] = np.sqrt(self.squares / self.pixels)
        return deviation


def train_moments(patches: PatchSet[E], watch: Watch | None = None) -> Moments:
    """Sum up the train split of a set of patches: what a normalisation may know.

    Args:
        patches: the set; only its train split is read.
        watch: told how many patches are done.

    Raises:
        PatchesError: the set has no train split, or a file of it is damaged.
    """
    train = patches.where(lambda entry: entry.split == "train")
    if not len(train):
        raise PatchesError("the set has no train split: statistics are taken of nothing else")
    moments = Moments.none(len(train.channels))
    for done, patch in enumerate(train, 1):
        moments += Moments.of(patch.values)
        if watch is not None:
            watch("summing up", done, len(train))
    return moments
