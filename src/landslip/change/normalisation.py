"""Relative radiometric normalisation of two dates on the pixels that did not change.

Pixels without change are found by iteratively reweighted multivariate alteration detection (Nielsen 2007, IEEE
Transactions on Image Processing 16, doi 10.1109/TIP.2006.888195): canonical variates are not affected by a gain and an
offset of each channel, so that light, haze and sensor need not be known. Then each channel of one date is fitted to the
other by its reduced major axis, which treats both dates alike, as the orthogonal regression of Canty and Nielsen (2008,
Remote Sensing of Environment 112) does.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SceneError

MIN_PIXELS: Final = 500
"""Fewer pixels in common give no normalisation."""
_ITERATIONS: Final = 20
_STABLE: Final = 0.1
"""Probability of no change from which a pixel is used for the regression."""
_GAINS: Final = (0.2, 5.0)
_DARK_PERCENTILE: Final = 0.5
_SOFT: Final = 0.15
"""Of the range between dark and median: added before logarithms, so that shade does not dominate them."""

Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Radiometry:
    """How the channels of the before image are brought to the light and haze of the after image."""

    gains: tuple[float, ...]
    offsets: tuple[float, ...]
    """DN after = gain x DN before + offset."""
    dark: tuple[float, ...]
    """Dark level of each channel after, in DN: haze."""
    soft: tuple[float, ...]
    """DN added to brightness above the dark level before logarithms are taken."""
    stable_fraction: float
    """Of the sampled pixels, those that the regression used."""
    brightening: tuple[float, float] = (0.0, 1.0)
    """Median and robust standard deviation of the change of the mean logarithm of the first three channels."""
    greenness: tuple[float, float] = (0.0, 1.0)
    """The same of the change of the logarithm of the first channel over the second."""

    def normalise(self, before: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the channels (C, ...) of the before image in the light of the after image."""
        shape = (-1, *[1] * (before.ndim - 1))
        gains, offsets = (np.array(one, np.float32).reshape(shape) for one in (self.gains, self.offsets))
        return before * gains + offsets

    def logarithm(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logarithm of the brightness above haze of channels (C, ...) in the light of the after image."""
        shape = (-1, *[1] * (values.ndim - 1))
        dark, soft = (np.array(one, np.float32).reshape(shape) for one in (self.dark, self.soft))
        return np.asarray(np.log(np.maximum(values - dark, 0) + soft), np.float32)


def measure_radiometry(before: Samples, after: Samples) -> Radiometry:
    """Measure the normalisation of two dates on pixels seen on both.

    Args:
        before: (n, C) in DN.
        after: (n, C) in DN, the same pixels.

    Raises:
        SceneError: there are too few pixels, or a channel is constant.

    Example:
        >>> after = np.random.default_rng(0).gamma(9, 100, (2000, 3))
        >>> found = measure_radiometry(2 * after + 50, after)
        >>> np.round(found.gains, 3).tolist(), np.round(found.offsets, 1).tolist()
        ([0.5, 0.5, 0.5], [-25.0, -25.0, -25.0])
    """
    if len(before) < MIN_PIXELS:
        raise SceneError(
            f"the images before and after have {len(before)} valid pixels in common, at least {MIN_PIXELS} are needed "
            "to compare them: give images that cover the same ground",
            parameter="before",
        )
    for name, values in (("before", before), ("after", after)):
        if (values.std(axis=0) == 0).any():
            raise SceneError(f"a channel of the image {name} has one value only: give an image", parameter="before")
    gains, offsets, stable_fraction = fit_light(before, after)
    dark = np.percentile(after, _DARK_PERCENTILE, axis=0)
    soft = np.maximum(_SOFT * (np.median(after, axis=0) - dark), 1e-3 * np.maximum(after.max(axis=0), 1e-6))
    found = Radiometry(gains, offsets, tuple(dark.tolist()), tuple(soft.tolist()), stable_fraction)
    old, new = (
        found.logarithm(one.astype(np.float32)) for one in (found.normalise(before.T.astype(np.float32)), after.T)
    )
    brightening = (new[:3] - old[:3]).mean(axis=0)
    greenness = (new[0] - new[1]) - (old[0] - old[1]) if len(new) > 1 else brightening
    return replace(found, brightening=_typical(brightening), greenness=_typical(greenness))


def fit_light(first: Samples, second: Samples) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Fit gain and offset of each channel between two images on the pixels that did not change.

    Args:
        first: (n, C) in DN; what did not change is found by the first three channels.
        second: (n, C) in DN, the same pixels.

    Returns:
        Gains and offsets of the C channels, second = gain x first + offset, and the fraction of the pixels used.

    Example:
        >>> second = np.random.default_rng(0).gamma(9, 100, (2000, 4))
        >>> gains, offsets, _ = fit_light(second / 2, second)
        >>> np.round(gains, 3).tolist(), np.abs(np.round(offsets, 1)).tolist()
        ([2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0])
    """
    weight = no_change_probability(first[:, :3], second[:, :3])
    stable = weight > _STABLE
    if stable.sum() < MIN_PIXELS // 5:
        stable = weight >= np.quantile(weight, 0.8)
    gains, offsets = zip(
        *(_reduced_major_axis(x, y) for x, y in zip(first[stable].T, second[stable].T, strict=True)), strict=True
    )
    return gains, offsets, float(stable.mean())


def _typical(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the median and 1.4826 times the median absolute deviation, which is the spread of normal noise."""
    middle = float(np.median(values))
    return middle, max(1.4826 * float(np.median(np.abs(values - middle))), 0.02)


def no_change_probability(before: Samples, after: Samples) -> NDArray[np.float64]:
    """Return the probability of no change (n,) by iteratively reweighted multivariate alteration detection.

    Args:
        before: (n, C).
        after: (n, C).

    Example:
        >>> ground = np.random.default_rng(0).normal(size=(3000, 2))
        >>> noise = np.random.default_rng(1).normal(size=(3000, 2))
        >>> after = 3 * ground + 0.05 * noise; after[:100] += 5
        >>> chance = no_change_probability(ground, after)
        >>> bool(chance[:100].max() < 0.01), bool(np.median(chance[100:]) > 0.1)
        (True, True)
    """
    channels = before.shape[1]
    weight = np.ones(len(before))
    last = np.zeros(channels)
    for _ in range(_ITERATIONS):
        total = weight.sum()
        first, second = before - weight @ before / total, after - weight @ after / total
        s11, s22, s12 = (
            (a * weight[:, None]).T @ b / total for a, b in ((first, first), (second, second), (first, second))
        )
        ridge = 1e-9 * np.eye(channels)
        s11, s22 = s11 + ridge * np.trace(s11), s22 + ridge * np.trace(s22)
        lower1, lower2 = np.linalg.inv(np.linalg.cholesky(s11)), np.linalg.inv(np.linalg.cholesky(s22))
        left, correlation, right = np.linalg.svd(lower1 @ s12 @ lower2.T)
        correlation = np.clip(correlation, 0, 1 - 1e-9)
        difference = first @ (lower1.T @ left) - second @ (lower2.T @ right.T)
        chi2 = (difference**2 / (2 * (1 - correlation))).sum(axis=1)
        weight = _chi2_tail(chi2, channels)
        if weight.sum() < MIN_PIXELS // 10:
            weight = np.asarray(chi2 <= np.quantile(chi2, 0.2), np.float64)
        if np.abs(correlation - last).max() < 1e-3:
            break
        last = correlation
    return weight


def _chi2_tail(values: NDArray[np.float64], degrees: int) -> NDArray[np.float64]:
    """Return the probability that chi-squared is larger, by the cube root of Wilson and Hilferty (1931)."""
    spread = np.sqrt(2 / (9 * degrees))
    normal = (np.cbrt(values / degrees) - (1 - spread**2)) / spread
    # The logistic function is within 0.01 of the normal distribution's tail.
    return np.asarray(1 / (1 + np.exp(np.clip(1.702 * normal, -500, 500))))


def _reduced_major_axis(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return gain and offset of y = gain x + offset by the ratio of the standard deviations; the gain is limited."""
    sx, sy = x.std(), y.std()
    if sx == 0 or sy == 0:
        return 1.0, float(y.mean() - x.mean())
    gain = float(np.clip(sy / sx, *_GAINS))
    return gain, float(y.mean() - gain * x.mean())
