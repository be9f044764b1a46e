"""How sure a figure is: bootstrap intervals over patches or blocks of patches (percentile method, Efron 1979)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.metrics.count_tables import FIGURES, Counts, counts_of
from landslip.metrics.resampling_units import Units, best_units

DRAWS: Final = 2000
CONFIDENCE: Final = 0.95
FEW: Final = 20
"""With fewer units than this an interval is itself a guess, mostly too narrow."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and between which values it would fall with other ground of the same kind."""

    figure: str
    value: float
    low: float
    high: float
    confidence: float
    unit: str
    units: int
    draws: int

    @property
    def few(self) -> bool:
        """Whether there were too few units to trust the interval."""
        return self.units < FEW

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"few_units": self.few}


def intervals(
    counts: Counts,
    units: Units,
    *,
    figures: Sequence[str] = tuple(FIGURES),
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap intervals of pooled figures, by the name of the figure.

    Args:
        counts: of each patch, (N, 4).
        units: what is drawn with replacement.
        figures: names from ``table.FIGURES``.
        draws: how many resamples.
        confidence: share of resamples inside the interval.
        seed: of the draws.

    Raises:
        SettingsError: draws or confidence are not possible.
    """
    if draws < 1 or not 0 < confidence < 1:
        raise SettingsError(f"{draws} draws and a confidence of {confidence:g}: give 1 or more, and 0 to 1")
    total, drawn = counts.sum(axis=0), resampled(units.sums(counts), draws, seed)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    made = {}
    for name in figures:
        low, high = np.quantile(FIGURES[name](drawn), tails)
        value = float(FIGURES[name](total))
        made[name] = Interval(name, value, float(low), float(high), confidence, units.name, units.count, draws)
    return made


def by_scene(
    predictions: Predictions, units: Units | None = None, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """Intervals of every figure for each scene.

    Args:
        predictions: of one scene or several.
        units: what is drawn; blocks where all places are known, else patches, where None.
        draws: how many resamples.
        seed: of the draws.
    """
    units, counts = units or best_units(predictions.entries), counts_of(predictions)
    scene_of = np.array([entry.scene for entry in predictions.entries])
    made = {}
    for scene in predictions.scenes:
        here = np.flatnonzero(scene_of == scene)
        made[scene] = intervals(counts[here], units.take(here), draws=draws, seed=seed)
    return made


def resampled(sums: NDArray[np.int64], draws: int, seed: int) -> NDArray[np.int64]:
    """Totals (draws, K) of as many units as there are, drawn with replacement from those with sums (U, K)."""
    chance, units = np.random.default_rng(seed), len(sums)
    totals = np.empty((draws, *sums.shape[1:]), np.int64)
    # So many draws at once that the weights stay below some tens of megabytes.
    step = max(1, 4_000_000 // units)
    for first in range(0, draws, step):
        weights = chance.multinomial(units, np.full(units, 1 / units), size=min(step, draws - first))
        totals[first : first + step] = weights @ sums
    return totals
