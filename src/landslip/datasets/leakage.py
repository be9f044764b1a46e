"""Leakage between the parts of a division: patches of different parts that touch on the ground."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.datasets.splits import Division, patch_key

_NEIGHBOURS: Final = ((0, 1), (1, -1), (1, 0), (1, 1))
"""Half of the eight neighbours, so that each pair is found once."""


@dataclass(frozen=True, slots=True)
class TouchingPair:
    """Two patches of different parts that share a side or a corner."""

    first: str
    first_part: str
    second: str
    second_part: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """The leaks of a division."""

    protocol: str
    pairs: tuple[TouchingPair, ...] = field(repr=False)
    touched: dict[str, int]
    """By part: number of patches that touch a patch of another part."""
    sizes: dict[str, int]
    """By part: number of patches."""
    unplaced: int
    """Number of patches with an unknown position, which cannot be checked."""

    @property
    def clean(self) -> bool:
        """Whether all positions are known and no patches of different parts touch."""
        return not self.pairs and not self.unplaced

    def __str__(self) -> str:
        if self.pairs:
            part = min(self.sizes, key=lambda name: (self.sizes[name], name))
            fraction = self.touched[part] / self.sizes[part]
            text = (
                f"the protocol '{self.protocol}' leaks: {self.touched[part]:,} of {self.sizes[part]:,} patches of the "
                f"part '{part}' ({fraction:.0%}) touch a patch of another part, in {len(self.pairs):,} pairs"
            )
        else:
            text = f"no patches of different parts of '{self.protocol}' touch"
        return text + (f"; {self.unplaced:,} patches have an unknown position" if self.unplaced else "")


def find_leaks(division: Division, entries: Sequence[Entry]) -> Leaks:
    """Find all patches of different parts that share a side or a corner.

    Args:
        division: the division of a data set.
        entries: the patches of the set, with their positions.

    Example:
        >>> from pathlib import Path
        >>> from landslip.datasets.l4s import L4sEntry
        >>> from landslip.datasets.protocols import block_split, paper_split
        >>> patches = [L4sEntry(n, "train", "A", n, 0, Path(), None) for n in range(12)]
        >>> find_leaks(block_split(patches), patches).clean
        True
        >>> find_leaks(paper_split(patches), patches).touched
        {'train': 4, 'validation': 2}
    """
    return find_leaks_between(division.parts, entries, division.protocol)


def find_leaks_between(parts: Mapping[str, Sequence[str]], entries: Sequence[Entry], protocol: str) -> Leaks:
    """Find all patches of different parts that share a side or a corner.

    Args:
        parts: keys of the patches of each part, such as ``train/42``; a patch belongs to one part.
        entries: the patches of the set, with their positions.
        protocol: name of the split, for the report.
    """
    part_of = {key: part for part, keys in parts.items() for key in keys}
    inside = [entry for entry in entries if patch_key(entry) in part_of]
    at = {
        (entry.scene, entry.row, entry.col): patch_key(entry)
        for entry in inside
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None
    }
    pairs = tuple(
        TouchingPair(key, part_of[key], other, part_of[other])
        for (scene, row, col), key in at.items()
        if row is not None and col is not None
        for down, across in _NEIGHBOURS
        if (other := at.get((scene, row + down, col + across))) is not None and part_of[other] != part_of[key]
    )
    touching = {key for pair in pairs for key in (pair.first, pair.second)}
    return Leaks(
        protocol=protocol,
        pairs=pairs,
        touched={part: sum(key in touching for key in keys) for part, keys in parts.items()},
        sizes={part: len(keys) for part, keys in parts.items()},
        unplaced=len(inside) - len(at),
    )
