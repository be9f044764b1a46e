"""What is drawn again when asking how sure a figure is: whole patches, or blocks of neighbouring ones, never pixels.

Pixels of a landslide are right or wrong together, and so, less so, are neighbouring patches: they share the ground, the
light and the hand that drew the truth. An interval over pixels would be far too narrow, one over patches is too narrow,
one over blocks is the honest one where there are enough of them.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.errors import PredictionsError, SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.metrics.count_tables import FIGURES, Counts, counts_of

UnitName = Literal["patch", "block"]
BLOCK_SIDE: Final = 4
"""Patches along a block: 5 km at 128 px of 10 m, well above the size of a landslide and of a hillside."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Which unit each patch belongs to."""

    name: UnitName
    labels: NDArray[np.intp]
    """(N,), from 0 to one below ``count``; every unit holds a patch."""
    text: str

    @property
    def count(self) -> int:
        """How many units there are."""
        return int(self.labels.max()) + 1 if self.labels.size else 0

    def sums(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Values (N, K) of patches summed over each unit, (count, K)."""
        summed = np.zeros((self.count, *values.shape[1:]), np.int64)
        np.add.at(summed, self.labels, values)
        return summed

    def take(self, positions: NDArray[np.intp]) -> "Units":
        """The units of the patches at some positions, numbered anew."""
        return Units(self.name, np.unique(self.labels[positions], return_inverse=True)[1], self.text)


def patch_units(entries: Sequence[Entry]) -> Units:
    """Every patch a unit of its own."""
    return Units("patch", np.arange(len(entries), dtype=np.intp), "patches")


def block_units(entries: Sequence[Entry], side: int = BLOCK_SIDE) -> Units:
    """Blocks of rows and columns of each scene, counted from its first row and column here.

    Args:
        entries: with their places.
        side: patches along a block.

    Raises:
        PredictionsError: the place of a patch is not known.
        SettingsError: the side is below 1.
    """
    if side < 1:
        raise SettingsError(f"blocks of {side} patches are none: give 1 or more")
    first: dict[str, tuple[int, int]] = {}
    for entry in entries:
        if not _placed(entry):
            raise PredictionsError(
                f"patch {entry.id} of {entry.split} has no known place, so that no blocks can be made: "
                "draw patches instead, or find the scenes with  landslip data mosaic"
            )
        row, col = first.get(entry.scene, (entry.row, entry.col))
        first[entry.scene] = min(row or 0, entry.row or 0), min(col or 0, entry.col or 0)
    numbers: dict[tuple[str, int, int], int] = {}
    labels = np.empty(len(entries), np.intp)
    for position, entry in enumerate(entries):
        row, col = first[entry.scene]
        key = entry.scene, ((entry.row or 0) - row) // side, ((entry.col or 0) - col) // side
        labels[position] = numbers.setdefault(key, len(numbers))
    return Units("block", labels, f"blocks of {side} x {side} patches")


def best_units(entries: Sequence[Entry]) -> Units:
    """Blocks where every place is known, else patches."""
    return block_units(entries) if entries and all(map(_placed, entries)) else patch_units(entries)


def _placed(entry: Entry) -> bool:
    return entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None


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


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several seeds."""

    values: tuple[float, ...]
    """In the order of the seeds."""

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the sample; None where there is one seed, which says nothing of it."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return {"mean": self.mean, "deviation": self.deviation, "values": list(self.values)}

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.deviation is None else f" ± {self.deviation:.3f}")
