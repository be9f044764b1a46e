"""Mean, standard deviation and range of each channel, in one pass, mergeable and numerically stable.

Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": the moments of parts are merged by their
means, so that any order and partition of the data gives the same numbers up to rounding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Mean, squared deviations and range of each channel; all arrays are (C,).

    Example:
        >>> moments = Moments.of(np.array([[1.0, 2.0]])) + Moments.of(np.array([[6.0]]))
        >>> float(moments.mean[0]), round(float(moments.std[0]), 3)
        (3.0, 2.16)
    """

    pixels: int
    """Number of values of each channel."""
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    """Sum of the squared deviations from the mean."""
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def empty(cls, channels: int) -> "Moments":
        """Return the moments of no values, the neutral element of merging."""
        zero, infinite = np.zeros(channels), np.full(channels, np.inf)
        return cls(0, zero, zero, infinite, -infinite)

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> "Moments":
        """Return the moments of values (C, ...), at least one for each channel."""
        flat = values.reshape(len(values), -1).astype(np.float64)
        mean = flat.mean(axis=1)
        away = flat - mean[:, None]
        return cls(flat.shape[1], mean, np.einsum("cp,cp->c", away, away), flat.min(axis=1), flat.max(axis=1))

    def __add__(self, other: "Moments") -> "Moments":
        """Merge the moments of two parts."""
        pixels = self.pixels + other.pixels
        if pixels == 0:
            return self
        step = other.mean - self.mean
        weight = other.pixels / pixels
        return Moments(
            pixels,
            self.mean + step * weight,
            self.squares + other.squares + step * step * (self.pixels * weight),
            np.minimum(self.minimum, other.minimum),
            np.maximum(self.maximum, other.maximum),
        )

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation; NaN without values."""
        if self.pixels == 0:
            return np.full_like(self.mean, np.nan)
        std: NDArray[np.float64] = np.sqrt(self.squares / self.pixels)
        return std
