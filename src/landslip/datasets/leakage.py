"""Leaks between the parts of a division: patches of different parts that touch on the ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.datasets.splits import Division, key_of

_AROUND: Final = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Half of the eight neighbours: each pair is then met once."""


@dataclass(frozen=True, slots=True)
class Touching:
    """Two patches that share a side or a corner and belong to different parts."""

    first: str
    first_part: str
    second: str
    second_part: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """What touches across the parts of a division."""

    protocol: str
    pairs: tuple[Touching, ...]
    touched: dict[str, int]
    """By part: how many of its patches touch one of another part."""
    sizes: dict[str, int]
    """By part: how many patches it has."""
    unplaced: int
    """Patches whose place is not known, and of which nothing can therefore be said."""

    @property
    def clean(self) -> bool:
        """Whether nothing is known to touch, and everything is known."""
        return not self.pairs and not self.unplaced

    def __str__(self) -> str:
        if self.pairs:
            part = min(self.sizes, key=lambda name: (self.sizes[name], name))
            share = self.touched[part] / self.sizes[part]
            said = (
                f"the protocol '{self.protocol}' leaks: {self.touched[part]:,} of {self.sizes[part]:,} patches of the "
                f"part '{part}' ({share:.0%}) touch a patch of another part, in {len(self.pairs):,} pairs"
            )
        else:
            said = f"no two patches of different parts of '{self.protocol}' touch"
        return said + (f"; the place of {self.unplaced:,} patches is not known" if self.unplaced else "")


def find_leaks(division: Division, entries: Sequence[Entry]) -> Leaks:
    """Find all patches of different parts that share a side or a corner.

    Args:
        division: of the set.
        entries: of the set, with their places.
    """
    part_of = {key: part for part, keys in division.parts.items() for key in keys}
    inside = [entry for entry in entries if key_of(entry) in part_of]
    at = {
        (entry.scene, entry.row, entry.col): key_of(entry)
        for entry in inside
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None
    }
    pairs = tuple(
        Touching(key, part_of[key], mate, part_of[mate])
        for (scene, row, col), key in at.items()
        if row is not None and col is not None
        for down, across in _AROUND
        if (mate := at.get((scene, row + down, col + across))) is not None and part_of[mate] != part_of[key]
    )
    touching = {key for pair in pairs for key in (pair.first, pair.second)}
    return Leaks(
        protocol=division.protocol,
        pairs=pairs,
        touched={part: sum(key in touching for key in keys) for part, keys in division.parts.items()},
        sizes={part: len(keys) for part, keys in division.parts.items()},
        unplaced=len(inside) - len(at),
    )
