"""The channels that are taken away: each alone, and those that belong together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from landslip.errors import SettingsError
from landslip.metrics.count_tables import Counts, f1
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import CONFIDENCE, DRAWS, Spread, Units, resampled

GROUPS: Final = MappingProxyType(
    {
        "colour": ("B02", "B03", "B04"),
        "red edge": ("B05", "B06", "B07"),
        "near infrared": ("B08", "B8A"),
        "short-wave infrared": ("B11", "B12"),
        "atmosphere": ("B01", "B09", "B10"),
        "all terrain": ("slope", "elevation"),
    }
)
"""Channels that belong together, by what they are called."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What is taken away at once."""

    name: str
    channels: tuple[str, ...]

    @property
    def key(self) -> str:
        """For the name of a file."""
        return self.name.replace(" ", "-")


def taken_from(channels: Sequence[str], names: Sequence[str] = (), *, besides: Sequence[str] = ()) -> tuple[Taken, ...]:
    """What can be taken from a detector of some channels: each channel, then each group of two or more of them.

    A group that is all the detector has is left out: nothing would be left.

    Args:
        channels: of the detector.
        names: only these channels and groups; all where empty.
        besides: other names that the caller knows, for the refusal of a name that nobody does.

    Raises:
        SettingsError: there is no such channel or group, or there is a single channel.
    """
    if len(channels) < 2:
        raise SettingsError("a detector of one channel sees nothing without it: ablate one of two channels or more")
    each = [Taken(name, (name,)) for name in channels]
    for name, members in GROUPS.items():
        there = tuple(one for one in channels if one in members)
        if 2 <= len(there) < len(channels):
            each.append(Taken(name, there))
    known = [one.name for one in each]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(f"'{unknown[0]}' cannot be taken away: allowed are {', '.join([*known, *besides])}")
    return tuple(one for one in each if not names or one.name in names)


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
