"""What a detector would have said without its temperature, recovered from the levels that it was stored in.

A detector divides its logits by a temperature T before the sigmoid, and its probabilities are rounded to levels
(``levels.py``). Multiplying the logit of a level by T gives the probability before, as far as rounding lets one know: a
level stands for everything within half a step, and near 0 and 1, where many logits share one level, what was before is
lost. So the bounds are given too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.probability import MAX_ENCODED, STEP

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Unscaled:
    """The probability before temperature that each of the 251 levels stands for."""

    probability: Values
    """(251,) of the level itself; 0 and 1 stay what they are."""
    low: Values
    """(251,) of the lowest probability that is rounded to the level ..."""
    high: Values
    """(251,) ... and of the highest."""

    def rounding(self, pixels: NDArray[np.int64]) -> tuple[float, float]:
        """How far the probability before may lie from what is said here.

        Args:
            pixels: (251,) at each level.

        Returns:
            Mean over pixels, and the largest at a level that occurs; 0 where there is no pixel.
        """
        away = np.maximum(self.high - self.probability, self.probability - self.low)
        total = int(pixels.sum())
        if not total:
            return 0.0, 0.0
        return float(away @ pixels / total), float(away[pixels > 0].max())


def without_temperature(temperature: float) -> Unscaled:
    """Undo a temperature.

    Args:
        temperature: by which the logits were divided, above 0.

    Raises:
        SettingsError: it is not.
    """
    if not temperature > 0:
        raise SettingsError(f"a temperature of {temperature:g} is none: give one above 0")
    levels = np.asarray(np.arange(MAX_ENCODED + 1) * STEP, np.float64)
    low, high = np.maximum(levels - STEP / 2, 0), np.minimum(levels + STEP / 2, 1)
    return Unscaled(*(scaled(values, temperature) for values in (levels, low, high)))


def scaled(probability: Values, factor: float) -> Values:
    """Probabilities of any shape whose logits are multiplied by a factor above 0; 0 and 1 stay."""
    # p^f / (p^f + (1 - p)^f) is the sigmoid of f * logit(p), without the infinite logits of 0 and 1.
    one, other = np.power(probability, factor), np.power(1 - probability, factor)
    return np.asarray(one / (one + other), np.float64)
