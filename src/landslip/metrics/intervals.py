"""Bootstrap intervals over resampling units: blocks of neighbouring patches, or single patches.

There is one definition of interval in landslip: the percentile bootstrap (Efron 1979) of a pooled metric, with whole
units drawn with replacement. Pixels of one landslide are correct or wrong together, and neighbouring patches share
terrain, illumination and annotator. An interval over pixels would be far too narrow and one over patches is somewhat
too narrow, so units are blocks of neighbouring patches wherever the positions of the patches are known.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.metrics.counts import METRICS, Counts

UnitName = Literal["patch", "block"]
PLURALS: Final = {"patch": "patches", "block": "blocks"}
BLOCK_SIDE: Final = 4
"""Patches along a block: 5 km at 128 px of 10 m, well above the size of a landslide and of a hillslope."""
DRAWS: Final = 2000
CONFIDENCE: Final = 0.95
FEW_UNITS: Final = 20
"""With fewer units an interval is unreliable, and mostly too narrow."""
MIN_UNITS: Final = 5
"""With fewer units an interval means nothing and is not reported: the bootstrap only repeats the same few values."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ResamplingUnits:
    """The resampling unit of each patch."""

    name: UnitName
    labels: NDArray[np.intp]
    """(N,) unit of each patch, from 0 to ``count - 1``; every unit holds a patch."""
    text: str
    """The units in words, such as ``blocks of 4 x 4 patches``."""

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.labels.max()) + 1 if self.labels.size else 0

    def sum_over(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Sum values (N, ...) of the patches within each unit, (count, ...)."""
        sums = np.zeros((self.count, *values.shape[1:]), np.int64)
        np.add.at(sums, self.labels, values)
        return sums

    def take(self, positions: NDArray[np.intp]) -> "ResamplingUnits":
        """Return the units of some of the patches, renumbered."""
        return ResamplingUnits(self.name, np.unique(self.labels[positions], return_inverse=True)[1], self.text)


def patch_units(count: int) -> ResamplingUnits:
    """Make each of ``count`` patches a unit of its own."""
    return ResamplingUnits("patch", np.arange(count, dtype=np.intp), "patches")


def block_units(cells: Sequence[tuple[str, int, int]], side: int = BLOCK_SIDE) -> ResamplingUnits:
    """Group patches into square blocks, separately for each scene.

    Args:
        cells: scene, row and column of each patch, counted in patches. Blocks start at the first row and column of
            each scene.
        side: patches along a block.

    Raises:
        SettingsError: the side is below 1.

    Example:
        >>> block_units([("A", 0, 0), ("A", 1, 3), ("A", 4, 0), ("B", 7, 7)]).labels.tolist()
        [0, 0, 1, 2]
    """
    if side < 1:
        raise SettingsError(f"side of a block must be at least 1 patch, got {side}", parameter="side")
    first: dict[str, tuple[int, int]] = {}
    for scene, row, col in cells:
        top, left = first.get(scene, (row, col))
        first[scene] = min(top, row), min(left, col)
    numbers: dict[tuple[str, int, int], int] = {}
    labels = np.empty(len(cells), np.intp)
    for position, (scene, row, col) in enumerate(cells):
        top, left = first[scene]
        labels[position] = numbers.setdefault((scene, (row - top) // side, (col - left) // side), len(numbers))
    return ResamplingUnits("block", labels, f"blocks of {side} x {side} patches")


@dataclass(frozen=True, slots=True)
class Interval:
    """A pooled metric with its bootstrap interval: its variation over other terrain of the same kind."""

    metric: str
    value: float
    low: float
    high: float
    confidence: float
    unit: str
    """``block`` or ``patch``."""
    over: str
    """The units in words, such as ``blocks of 4 x 4 patches``."""
    units: int
    draws: int

    @property
    def few_units(self) -> bool:
        """Whether there are too few units for a reliable interval."""
        return self.units < FEW_UNITS

    @property
    def is_given(self) -> bool:
        """Whether there are enough units to report the interval."""
        return self.units >= MIN_UNITS

    @property
    def ends(self) -> tuple[float, float] | tuple[None, None]:
        """Lower and upper end; None where the interval is not given."""
        return reported_ends(self.low, self.high, self.units)

    @property
    def text(self) -> str:
        """The interval in words, or why it is not given."""
        return f"{self.low:.3f} to {self.high:.3f}" if self.is_given else without_interval(self.unit, self.units)

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON; the ends are None where the interval is not given."""
        low, high = self.ends
        return asdict(self) | {"low": low, "high": high, "few_units": self.few_units}


def count_units(units: int, unit: str) -> str:
    """Return a number of resampling units in words.

    Example:
        >>> count_units(1, "block"), count_units(4, "patch")
        ('1 block', '4 patches')
    """
    return f"{units} {unit if units == 1 else PLURALS.get(unit, f'{unit}s')}"


def without_interval(unit: str, units: int) -> str:
    """Say why an interval is not given.

    Example:
        >>> without_interval("block", 3)
        'interval not given: only 3 blocks'
    """
    return f"interval not given: only {count_units(units, unit)}"


def reported_ends(low: float, high: float, units: int) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of an interval; None where there are too few units to report it.

    Example:
        >>> reported_ends(0.4, 0.6, 12), reported_ends(0.4, 0.6, 3)
        ((0.4, 0.6), (None, None))
    """
    return (low, high) if units >= MIN_UNITS else (None, None)


def format_ends(low: float | None, high: float | None, style: str = ".3f") -> str:
    """Format an interval for a table.

    Example:
        >>> format_ends(0.4, 0.6), format_ends(-0.1, 0.2, "+.3f"), format_ends(None, None)
        ('0.400 to 0.600', '-0.100 to +0.200', 'not given')
    """
    return "not given" if low is None or high is None else f"{low:{style}} to {high:{style}}"


def intervals(
    counts: Counts,
    units: ResamplingUnits | None = None,
    *,
    metrics: Sequence[str] = tuple(METRICS),
    draws: int = DRAWS,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> dict[str, Interval]:
    """Compute bootstrap intervals of pooled metrics.

    Args:
        counts: (N, 4) TP, FP, FN, TN of each patch.
        units: drawn with replacement; patches where None.
        metrics: names from ``METRICS``.
        draws: number of resamples.
        confidence: fraction of the resamples inside the interval.
        seed: of the draws.

    Returns:
        The intervals by the name of the metric.

    Raises:
        SettingsError: ``draws`` or ``confidence`` is not allowed.

    Example:
        >>> counts = np.array([[60, 20, 40, 880], [30, 30, 10, 930], [80, 5, 5, 910]] * 2)
        >>> interval = intervals(counts)["f1"]
        >>> f"{interval.value:.3f} ({interval.text}) over {interval.units} {interval.over}"
        '0.756 (0.632 to 0.864) over 6 patches'
    """
    if draws < 1:
        raise SettingsError(f"draws must be at least 1, got {draws}", parameter="draws")
    if not 0 < confidence < 1:
        raise SettingsError(f"confidence must lie between 0 and 1, got {confidence:g}", parameter="confidence")
    units = patch_units(len(counts)) if units is None else units
    total, sums = counts.sum(axis=0), resample(units.sum_over(counts), draws, seed)
    made = {}
    for name in metrics:
        low, high = percentile_interval(METRICS[name](sums), confidence).tolist()
        value = float(METRICS[name](total))
        made[name] = Interval(name, value, low, high, confidence, units.name, units.text, units.count, draws)
    return made


def resample(sums: NDArray[np.int64], draws: int = DRAWS, seed: int = 0) -> NDArray[np.int64]:
    """Draw units with replacement and add up their counts.

    Args:
        sums: (U, K) counts of each unit.
        draws: number of resamples, each of U units.
        seed: of the draws.

    Returns:
        (draws, K) total of each resample.
    """
    generator, units = np.random.default_rng(seed), len(sums)
    totals = np.empty((draws, *sums.shape[1:]), np.int64)
    # Draws are made in steps, so that the weights stay below some tens of megabytes.
    step = max(1, 4_000_000 // units)
    for first in range(0, draws, step):
        weights = generator.multinomial(units, np.full(units, 1 / units), size=min(step, draws - first))
        totals[first : first + step] = weights @ sums
    return totals


def percentile_interval(values: Values, confidence: float = CONFIDENCE) -> Values:
    """Return the lower and upper percentile of resampled values (draws, ...), (2, ...)."""
    return np.asarray(np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0), np.float64)


@dataclass(frozen=True, slots=True)
class SeedStatistics:
    """Mean and standard deviation of a metric over several training seeds."""

    values: tuple[float, ...]
    """In the order of the seeds."""

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.values)

    @property
    def std(self) -> float | None:
        """Sample standard deviation; None for one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {"mean": self.mean, "std": self.std, "values": list(self.values)}

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + ("" if self.std is None else f" ± {self.std:.3f}")
