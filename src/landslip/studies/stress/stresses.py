"""Every stress with its levels: what is done to the ground, how much of it, and what the axis of its chart says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.inference.gap_filling import fill_gaps
from landslip.probability import NODATA
from landslip.studies.stress import geometry, light

Values = NDArray[np.float32]
Mask = NDArray[np.uint8]
Change = Callable[[Values, Mask, Sequence[str], float, np.random.Generator], tuple[Values, Mask]]
"""Image (C, H, W) with NaN where not observed, truth (H, W), channels, level, chance: image and truth changed."""


@dataclass(frozen=True, slots=True)
class Stress:
    """One way to make it harder."""

    name: str
    title: str
    axis: str
    """Label of its axis, with the unit."""
    levels: tuple[float, ...]
    untouched: float
    """The level at which nothing is changed."""
    text: str
    """What is done, for the reader of a chart."""
    change: Change


def _of_light(change: Callable[[Values, Sequence[str], float, np.random.Generator], Values]) -> Change:
    """A change of values without gaps as one that leaves gaps where they are, and the truth as it is."""

    def changed(
        values: Values, mask: Mask, channels: Sequence[str], level: float, chance: np.random.Generator
    ) -> tuple[Values, Mask]:
        observed = np.asarray(np.isfinite(values).all(axis=0), np.bool_)
        if not observed.any():
            return values, mask
        made = change(fill_gaps(values, observed), channels, level, chance)
        return np.where(observed, made, np.float32(np.nan)).astype(np.float32), mask

    return changed


def _atmosphere(values: Values, channels: Sequence[str], level: float, _: np.random.Generator) -> Values:
    return light.cleared(values, channels, -level) if level < 0 else light.hazed(values, channels, level)


def _clouded(
    values: Values, mask: Mask, _: Sequence[str], level: float, chance: np.random.Generator
) -> tuple[Values, Mask]:
    height, width = mask.shape
    covered = geometry.clouds(height, width, level, chance)
    return np.where(covered, np.float32(np.nan), values), np.where(covered, np.uint8(NODATA), mask)


_ALL: Final = (
    Stress(
        "blur",
        "Blur",
        "standard deviation of the blur (pixels)",
        (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
        0.0,
        "A Gaussian blur of every band.",
        _of_light(lambda values, channels, level, _: light.blurred(values, channels, level)),
    ),
    Stress(
        "noise",
        "Noise",
        "standard deviation of the noise (share of each band's mean)",
        (0.0, 0.02, 0.05, 0.1, 0.2, 0.4),
        0.0,
        "White noise in every band.",
        _of_light(light.noised),
    ),
    Stress(
        "brightness",
        "Brightness",
        "factor on all bands",
        (0.25, 0.5, 1.0, 1.5, 2.0, 3.0),
        1.0,
        "All bands brighter or darker by one factor.",
        _of_light(lambda values, channels, level, _: light.gained(values, channels, level)),
    ),
    Stress(
        "haze",
        "Haze",
        "haze in the bluest band (share of its mean)",
        (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2),
        0.0,
        "The same light added to every pixel, strongest in the blue (Rayleigh, wavelength to the power of -4).",
        _of_light(lambda values, channels, level, _: light.hazed(values, channels, level)),
    ),
    Stress(
        "atmosphere",
        "L1C against L2A",
        "atmosphere taken away (below 0) or added (above 0)",
        (-1.0, -0.75, -0.5, -0.25, 0.0, 0.1, 0.2, 0.3),
        0.0,
        "A model, not pairs of products. Below 0: so large a share of each band's darkest level is subtracted, as "
        "correcting L1C to L2A does. Above 0: so large a share of the bluest band's mean is added as Rayleigh light, "
        "as L1C has over L2A.",
        _of_light(_atmosphere),
    ),
    Stress(
        "shift",
        "Shifted bands",
        "shift of each band against the first (pixels)",
        (0.0, 0.25, 0.5, 1.0, 2.0, 3.0),
        0.0,
        "Bands that do not lie on each other: each but the first moved by so much, in a direction of its own.",
        _of_light(lambda values, channels, level, _: light.misregistered(values, channels, level)),
    ),
    Stress(
        "clouds",
        "Clouds",
        "share of the ground under clouds, not observed",
        (0.0, 0.1, 0.2, 0.3, 0.5, 0.7),
        0.0,
        "Lumps of ground are not observed. The figures are those of the ground that is left: what is asked is whether "
        "the edges of clouds mislead.",
        _clouded,
    ),
    Stress(
        "rotation",
        "Rotation",
        "turn of the ground (degrees)",
        (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 135.0, 180.0, 270.0),
        0.0,
        "The ground turned about its middle; quarter turns are exact, others interpolated. The sun then shines from "
        "where it never does.",
        lambda values, mask, _, level, __: geometry.turned(values, mask, level),
    ),
)
STRESSES: Final = {one.name: one for one in _ALL}
"""Stresses whose change is one of the image as it is, by name."""

LOST: Final = "lost-channel"
SIZE: Final = "patch-size"
SAMPLING: Final = "ground-sampling"
NAMES: Final = (SIZE, SAMPLING, *STRESSES, LOST)
"""Every stress, in the order of the report."""

SIZES_PX: Final = (32, 64, 128, 256, 512)
SAMPLINGS_M: Final = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0)


def stresses_named(names: Sequence[str]) -> tuple[str, ...]:
    """Names of stresses, in the order of the report; all where none is given.

    Raises:
        SettingsError: there is no such stress.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise SettingsError(f"'{unknown[0]}' is not a stress: allowed are {', '.join(NAMES)}")
    return tuple(name for name in NAMES if not names or name in names)
