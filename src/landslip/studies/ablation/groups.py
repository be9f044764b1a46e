"""The channels that are taken away: each alone, and those that belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from landslip.errors import SettingsError

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
