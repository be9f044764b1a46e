"""What ablation found: how far F1 falls without each channel."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landslip.metrics.count_tables import Counts, f1
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import CONFIDENCE, DRAWS, resampled
from landslip.metrics.resampling_units import Units
from landslip.metrics.seed_statistics import Spread


@dataclass(frozen=True, slots=True)
class Fall:
    """How far F1 falls without some channels."""

    how: str
    """permuted, dropped, retrained, or added: an index that the recipe does without."""
    name: str
    channels: tuple[str, ...]
    f1: Spread
    """Without them, over the seeds."""
    fall: float
    """F1 with them less F1 without, counts summed over the seeds; below 0 where it is better without."""
    low: float
    """Of the interval of the fall: paired bootstrap over blocks or patches."""
    high: float


@dataclass(frozen=True, slots=True)
class Ablation:
    """Everything that was found."""

    detector: str
    data: str
    patches: int
    protocol: str
    seeds: tuple[int, ...]
    unit: str
    units: int
    f1: Spread
    """With everything."""
    falls: tuple[Fall, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {
            "definition": DEFINITION,
            "confidence": CONFIDENCE,
            "f1": self.f1.as_dict(),
            "falls": [asdict(one) | {"f1": one.f1.as_dict()} for one in self.falls],
        }


def fall_of(
    how: str,
    name: str,
    channels: Sequence[str],
    whole: Sequence[Counts],
    without: Sequence[Counts],
    units: Units,
    *,
    seed: int = 0,
) -> Fall:
    """Compare counts with and without some channels.

    Args:
        how: they were taken away.
        name: of the channels together.
        channels: that were taken away.
        whole: (N, 4) with everything, of each seed; one for all seeds where there is one.
        without: (N, 4) of each seed.
        units: that are drawn, of the N patches.
        seed: of the draws.
    """
    one, other = sum(whole, np.zeros_like(whole[0])), sum(without, np.zeros_like(without[0]))
    drawn = resampled(np.concatenate([units.sums(one), units.sums(other)], axis=1), DRAWS, seed)
    gaps = f1(drawn[:, :4]) - f1(drawn[:, 4:])
    low, high = np.quantile(gaps, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return Fall(
        how,
        name,
        tuple(channels),
        Spread(tuple(float(f1(counts.sum(axis=0))) for counts in without)),
        float(f1(one.sum(axis=0)) - f1(other.sum(axis=0))),
        low,
        high,
    )
