"""Whether probabilities mean what they say: reliability diagram, expected calibration error, Brier score.

Everything follows from how many pixels, landslide and not, were given each of the 251 stored levels. Pixels that truth
or map did not observe have no probability and are left out.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.metrics.counts import LevelCounts
from landslip.metrics.temperature import without_temperature
from landslip.probability import MAX_ENCODED, STEP

BINS: Final = 10
_SUREST: Final = STEP / 4
"""Level 0 holds everything below half a step; its logarithm is taken in the middle of that."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Pixels whose probability lies above ``low`` and at most at ``high``; the first holds 0 too."""

    low: float
    high: float
    pixels: int
    mean_probability: float | None
    """What was said of them; None where there is no pixel."""
    landslide_share: float | None
    """What was true of them; equal where the probability can be taken at its word."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well probabilities agree with how often they come true, over all pixels together."""

    pixels: int
    landslide_share: float
    mean_probability: float
    ece: float
    """Expected calibration error: mean over pixels of how far a bin's word is from its truth (Naeini et al. 2015)."""
    brier: float
    """Mean squared distance of probability and truth (Brier 1950); equals reliability - resolution + uncertainty."""
    reliability: float
    """Murphy (1973), with each distinct probability a class of its own, so that the three parts add up exactly: how
    far words are from truth; lower is better ..."""
    resolution: float
    """... how far the classes are apart in truth; higher is better ..."""
    uncertainty: float
    """... and what the share of landslide itself brings."""
    cross_entropy: float
    """Mean, in nats; a probability nearer to 0 or 1 than 0.001 counts as 0.001 away."""
    bins: tuple[Bin, ...]

    @property
    def skill(self) -> float | None:
        """Brier score against always saying the share of landslide: 1 perfect, 0 no better; None where one is all."""
        return 1 - self.brier / self.uncertainty if self.uncertainty > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"skill": self.skill}


@dataclass(frozen=True, slots=True)
class TemperatureEffect:
    """Calibration as it is, and as it would be without the temperature."""

    temperature: float
    after: Calibration
    before: Calibration | None
    """None where the temperature is 1, or not a single number that was kept: nothing can be undone."""
    rounding_mean: float
    """How far probabilities before may lie from those used here, since they are known in steps of 0.004 after: mean
    over pixels ..."""
    rounding_most: float
    """... and at most."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {
            "after": self.after.as_dict(),
            "before": None if self.before is None else self.before.as_dict(),
        }


def temperature_effect(predictions: Predictions, *, bins: int = BINS) -> TemperatureEffect:
    """Calibration of predictions with and without their temperature.

    Raises:
        SettingsError: fewer than one bin.
    """
    counts = LevelCounts.of_levels(predictions.levels, predictions.masks)
    after = calibration(counts, bins=bins)
    if predictions.temperature == 1:
        return TemperatureEffect(1.0, after, None, 0.0, 0.0)
    unscaled = without_temperature(predictions.temperature)
    before = calibration(counts, unscaled.probability, bins=bins)
    rounding = unscaled.rounding(counts.landslide + counts.other)
    return TemperatureEffect(predictions.temperature, after, before, *rounding)


def calibration(counts: LevelCounts, probability: Values | None = None, *, bins: int = BINS) -> Calibration:
    """Compare what was said with what was true.

    Args:
        counts: pixels at each level.
        probability: (251,) that each level stands for, rising; 0.004 times the level where None.
        bins: of equal width.

    Raises:
        SettingsError: fewer than one bin.
    """
    if bins < 1:
        raise SettingsError(f"{bins} bins hold nothing: give 1 or more")
    said = np.asarray(np.arange(MAX_ENCODED + 1) * STEP if probability is None else probability, np.float64)
    landslide, pixels = counts.landslide.astype(np.float64), (counts.landslide + counts.other).astype(np.float64)
    total = pixels.sum()
    if not total:
        empty = tuple(Bin(i / bins, (i + 1) / bins, 0, None, None) for i in range(bins))
        return Calibration(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, empty)
    share = float(landslide.sum() / total)
    truth = np.divide(landslide, pixels, out=np.zeros_like(landslide), where=pixels > 0)
    unsure = np.clip(said, _SUREST, 1 - _SUREST)
    made = _bins(said, landslide, pixels, bins)
    gaps = [
        one.pixels * abs(one.mean_probability - one.landslide_share)
        for one in made
        if one.mean_probability is not None and one.landslide_share is not None
    ]
    return Calibration(
        pixels=int(total),
        landslide_share=share,
        mean_probability=float(said @ pixels / total),
        ece=float(sum(gaps) / total),
        brier=float((landslide @ (said - 1) ** 2 + (pixels - landslide) @ said**2) / total),
        reliability=float(pixels @ (said - truth) ** 2 / total),
        resolution=float(pixels @ (truth - share) ** 2 / total),
        uncertainty=share * (1 - share),
        cross_entropy=float(-(landslide @ np.log(unsure) + (pixels - landslide) @ np.log(1 - unsure)) / total),
        bins=made,
    )


def _bins(said: Values, landslide: Values, pixels: Values, count: int) -> tuple[Bin, ...]:
    edges = np.linspace(0, 1, count + 1)
    place = np.searchsorted(edges[1:-1], said)
    sums = [np.bincount(place, weights, count) for weights in (pixels, pixels * said, landslide)]
    return tuple(
        Bin(low, high, int(held), word / held if held else None, true / held if held else None)
        for low, high, held, word, true in zip(
            edges[:-1].tolist(), edges[1:].tolist(), *(column.tolist() for column in sums), strict=True
        )
    )
