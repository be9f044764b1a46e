"""Calibration of probabilities: reliability diagram, expected calibration error, Brier score, effect of temperature.

Everything is computed from the number of landslide and background pixels at each of the 251 encoded probabilities.

A detector divides its logits by a temperature T before the sigmoid, and its probabilities are then rounded to the
encoding's steps. Multiplying the logit of an encoded probability by T gives the probability before the temperature, up
to this rounding: each step stands for an interval of probabilities, whose bounds are computed too.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.probability import MAX_ENCODED, STEP

BINS: Final = 10
_LOWEST: Final = STEP / 4
"""Encoded 0 stands for every probability below half a step; cross-entropy takes the middle of them."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pixels with a probability above ``low`` and at most ``high``; the first bin includes 0."""

    low: float
    high: float
    pixels: int
    mean_probability: float | None
    """Mean predicted probability; None for an empty bin."""
    landslide_fraction: float | None
    """Fraction that is landslide in the reference; equals the mean probability for a calibrated detector."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Agreement of predicted probabilities with the reference, pooled over all pixels."""

    pixels: int
    landslide_fraction: float
    mean_probability: float
    ece: float
    """Expected calibration error: mean over pixels of |mean probability - landslide fraction| of their bin (Naeini et
    al. 2015)."""
    brier: float
    """Mean squared difference of probability and reference (Brier 1950): reliability - resolution + uncertainty."""
    reliability: float
    """Murphy (1973), each encoded probability a class of its own, so that the three parts add up exactly: mean squared
    difference of probability and landslide fraction; lower is better."""
    resolution: float
    """Variance of the landslide fraction over the classes; higher is better."""
    uncertainty: float
    """Variance of the reference itself."""
    cross_entropy: float
    """Mean in nats, probabilities clipped to 0.001..0.999."""
    bins: tuple[ReliabilityBin, ...]

    @property
    def skill(self) -> float | None:
        """Brier skill score against the constant landslide fraction: 1 perfect, 0 no better; None for one class."""
        return 1 - self.brier / self.uncertainty if self.uncertainty > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"skill": self.skill}


def measure_calibration(
    histogram: ProbabilityHistogram, probability: Values | None = None, *, bins: int = BINS
) -> Calibration:
    """Compare predicted probabilities with the reference.

    Args:
        histogram: landslide and background pixels at each encoded probability.
        probability: (251,) ascending, the probability that each code stands for; 0.004 times the code where None.
        bins: number of bins of equal width.

    Raises:
        SettingsError: fewer than one bin.

    Example:
        >>> encoded, mask = np.array([25, 25, 200, 200], np.uint8), np.array([0, 0, 1, 0], np.uint8)
        >>> calibration = measure_calibration(ProbabilityHistogram.of_encoded(encoded, mask))
        >>> round(calibration.ece, 3), round(calibration.brier, 3)
        (0.2, 0.175)
        >>> [one.landslide_fraction for one in calibration.bins if one.pixels]
        [0.0, 0.5]
    """
    if bins < 1:
        raise SettingsError(f"bins must be at least 1, got {bins}", parameter="bins")
    predicted = np.asarray(np.arange(MAX_ENCODED + 1) * STEP if probability is None else probability, np.float64)
    landslide = histogram.landslide.astype(np.float64)
    pixels = landslide + histogram.background
    total = pixels.sum()
    if not total:
        empty = tuple(ReliabilityBin(i / bins, (i + 1) / bins, 0, None, None) for i in range(bins))
        return Calibration(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, empty)
    fraction = float(landslide.sum() / total)
    observed = np.divide(landslide, pixels, out=np.zeros_like(landslide), where=pixels > 0)
    clipped = np.clip(predicted, _LOWEST, 1 - _LOWEST)
    made = _bins(predicted, landslide, pixels, bins)
    gaps = [
        one.pixels * abs(one.mean_probability - one.landslide_fraction)
        for one in made
        if one.mean_probability is not None and one.landslide_fraction is not None
    ]
    return Calibration(
        pixels=int(total),
        landslide_fraction=fraction,
        mean_probability=float(predicted @ pixels / total),
        ece=float(sum(gaps) / total),
        brier=float((landslide @ (predicted - 1) ** 2 + (pixels - landslide) @ predicted**2) / total),
        reliability=float(pixels @ (predicted - observed) ** 2 / total),
        resolution=float(pixels @ (observed - fraction) ** 2 / total),
        uncertainty=fraction * (1 - fraction),
        cross_entropy=float(-(landslide @ np.log(clipped) + (pixels - landslide) @ np.log(1 - clipped)) / total),
        bins=made,
    )


def _bins(predicted: Values, landslide: Values, pixels: Values, count: int) -> tuple[ReliabilityBin, ...]:
    edges = np.linspace(0, 1, count + 1)
    index = np.searchsorted(edges[1:-1], predicted)
    sums = [np.bincount(index, weights, count) for weights in (pixels, pixels * predicted, landslide)]
    return tuple(
        ReliabilityBin(low, high, int(number), sum_ / number if number else None, true / number if number else None)
        for low, high, number, sum_, true in zip(
            edges[:-1].tolist(), edges[1:].tolist(), *(column.tolist() for column in sums), strict=True
        )
    )


@dataclass(frozen=True, slots=True)
class TemperatureEffect:
    """Calibration with the detector's temperature and, recovered from the encoded probabilities, without it."""

    temperature: float
    after: Calibration
    before: Calibration | None
    """None where the temperature is 1."""
    rounding_mean: float
    """Uncertainty of the probabilities before the temperature, from the encoding's rounding: mean over pixels."""
    rounding_max: float
    """Largest over pixels."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {
            "after": self.after.as_dict(),
            "before": None if self.before is None else self.before.as_dict(),
        }


def temperature_effect(histogram: ProbabilityHistogram, temperature: float, *, bins: int = BINS) -> TemperatureEffect:
    """Measure calibration with and without a temperature.

    Args:
        histogram: of the probabilities after the temperature.
        temperature: by which the logits were divided; 1 for none.
        bins: number of bins of equal width.

    Raises:
        SettingsError: fewer than one bin, or the temperature is not positive.
    """
    after = measure_calibration(histogram, bins=bins)
    if temperature == 1:
        return TemperatureEffect(1.0, after, None, 0.0, 0.0)
    unscaled = undo_temperature(temperature)
    before = measure_calibration(histogram, unscaled.probability, bins=bins)
    rounding = unscaled.rounding(histogram.landslide + histogram.background)
    return TemperatureEffect(temperature, after, before, *rounding)


@dataclass(frozen=True, slots=True, eq=False)
class UnscaledProbability:
    """The probability before the temperature that each encoded probability stands for."""

    probability: Values
    """(251,) of the code itself; 0 and 1 stay 0 and 1."""
    low: Values
    """(251,) of the lowest probability that is rounded to the code."""
    high: Values
    """(251,) of the highest probability that is rounded to the code."""

    def rounding(self, pixels: NDArray[np.int64]) -> tuple[float, float]:
        """Return the largest possible error of ``probability``: mean over pixels, and maximum.

        Args:
            pixels: (251,) number of pixels at each encoded probability.
        """
        error = np.maximum(self.high - self.probability, self.probability - self.low)
        total = int(pixels.sum())
        if not total:
            return 0.0, 0.0
        return float(error @ pixels / total), float(error[pixels > 0].max())


def undo_temperature(temperature: float) -> UnscaledProbability:
    """Compute the probability before a temperature for each encoded probability.

    Raises:
        SettingsError: the temperature is not positive.
    """
    if not temperature > 0:
        raise SettingsError(f"temperature must be positive, got {temperature:g}", parameter="temperature")
    encoded = np.asarray(np.arange(MAX_ENCODED + 1) * STEP, np.float64)
    low, high = np.maximum(encoded - STEP / 2, 0), np.minimum(encoded + STEP / 2, 1)
    return UnscaledProbability(*(scale_logits(values, temperature) for values in (encoded, low, high)))


def scale_logits(probability: Values, factor: float) -> Values:
    """Multiply the logits of probabilities by a positive factor; 0 and 1 stay."""
    # p^f / (p^f + (1 - p)^f) is the sigmoid of f * logit(p), without the infinite logits of 0 and 1.
    one, other = np.power(probability, factor), np.power(1 - probability, factor)
    return np.asarray(one / (one + other), np.float64)
