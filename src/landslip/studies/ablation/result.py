"""The result of a channel ablation: the drop of F1 without each channel and group of channels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from landslip.errors import SettingsError
from landslip.metrics.counts import DEFINITION, Counts, f1
from landslip.metrics.intervals import (
    CONFIDENCE,
    DRAWS,
    ResamplingUnits,
    SeedStatistics,
    percentile_interval,
    reported_ends,
    resample,
)

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
"""Groups of related channels, by name."""


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are removed together."""

    name: str
    channels: tuple[str, ...]

    @property
    def key(self) -> str:
        """The name, for a file."""
        return self.name.replace(" ", "-")


def select_groups(
    channels: Sequence[str], names: Sequence[str] = (), *, other_names: Sequence[str] = ()
) -> tuple[ChannelGroup, ...]:
    """List what can be removed from a detector: each channel, then each group with two or more of its channels.

    A group that holds all channels is left out.

    Args:
        channels: of the detector.
        names: only these channels and groups; all if empty.
        other_names: further names to list in the error for an unknown name.

    Raises:
        SettingsError: a name is unknown, or there is a single channel.

    Example:
        >>> [group.name for group in select_groups(["B04", "B03", "B02", "slope"])]
        ['B04', 'B03', 'B02', 'slope', 'colour']
    """
    if len(channels) < 2:
        raise SettingsError(f"channel ablation needs at least 2 channels, got {len(channels)}", parameter="channels")
    groups = [ChannelGroup(name, (name,)) for name in channels]
    for name, members in GROUPS.items():
        present = tuple(one for one in channels if one in members)
        if 2 <= len(present) < len(channels):
            groups.append(ChannelGroup(name, present))
    known = [one.name for one in groups]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(
            f"'{unknown[0]}' is not a channel or group to ablate: allowed are {', '.join([*known, *other_names])}",
            parameter="names",
        )
    return tuple(one for one in groups if not names or one.name in names)


@dataclass(frozen=True, slots=True)
class Drop:
    """The drop of F1 without some channels."""

    method: str
    """permuted, dropped, retrained; or added: an index that the recipe does not use."""
    name: str
    channels: tuple[str, ...]
    f1: SeedStatistics
    """Without the channels, over the seeds."""
    drop: float
    """F1 with the channels minus F1 without, counts summed over the seeds; below 0 if it is better without."""
    low: float | None
    """Lower end of its interval: paired bootstrap over blocks or patches. None for too few of them."""
    high: float | None


@dataclass(frozen=True, slots=True, repr=False)
class Ablation:
    """The result of a channel ablation."""

    detector: str
    data: str
    patches: int
    protocol: str
    seeds: tuple[int, ...]
    unit: str
    units: int
    f1: SeedStatistics
    """With all channels."""
    drops: tuple[Drop, ...]

    def __repr__(self) -> str:
        return f"Ablation({self.detector!r}, {self.patches} patches, F1 {self.f1}, {len(self.drops)} drops)"

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {
            "definition": DEFINITION,
            "confidence": CONFIDENCE,
            "f1": self.f1.as_dict(),
            "drops": [asdict(one) | {"f1": one.f1.as_dict()} for one in self.drops],
        }


def measure_drop(
    method: str,
    name: str,
    channels: Sequence[str],
    complete: Sequence[Counts],
    reduced: Sequence[Counts],
    units: ResamplingUnits,
    *,
    seed: int = 0,
) -> Drop:
    """Compare counts with and without some channels.

    Args:
        method: how the channels were removed.
        name: of the channels together.
        channels: that were removed.
        complete: (N, 4) with all channels, of each seed.
        reduced: (N, 4) without the channels, of each seed.
        units: resampling units of the N patches.
        seed: of the bootstrap.
    """
    before, after = sum(complete, np.zeros_like(complete[0])), sum(reduced, np.zeros_like(reduced[0]))
    sums = resample(np.concatenate([units.sum_over(before), units.sum_over(after)], axis=1), DRAWS, seed)
    ends = percentile_interval(f1(sums[:, :4]) - f1(sums[:, 4:]))
    low, high = reported_ends(float(ends[0]), float(ends[1]), units.count)
    return Drop(
        method,
        name,
        tuple(channels),
        SeedStatistics(tuple(float(f1(counts.sum(axis=0))) for counts in reduced)),
        float(f1(before.sum(axis=0)) - f1(after.sum(axis=0))),
        low,
        high,
    )
