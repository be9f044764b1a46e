"""Assembly of patches into groups: joins in order of their evidence, without overlaps.

Every patch starts as its own group. A join of two groups brings several edges together; their evidence is added, so
that a weak edge is supported by its neighbours, and a false one is refused because of them. Joins are made in order of
evidence until the evidence of all others is too small. Patches that have found their neighbours are no rivals any
more, so the remaining pairs are compared again, until there are no further joins.
"""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from landslip.datasets.mosaic.edges import Direction, EdgeProfiles
from landslip.datasets.mosaic.matches import Matches, Pair, Remaining, match_edges
from landslip.files.progress import Progress, no_progress

MIN_EVIDENCE: Final = 0.4
"""Smallest evidence for a join: the best rival has 1.5 times the distance."""

Cell = tuple[int, int]
"""Row and column in a group; either may be negative."""


@dataclass(frozen=True, slots=True)
class PlacedPatch:
    """The position of a patch in its group, with its evidence."""

    group: int
    """Groups are numbered by size, the largest 0."""
    row: int
    col: int
    neighbours: int
    """Number of patches that share a side with it."""
    agreeing: int
    """Number of these sides for which no rival matches better."""
    margin: float
    """Sum of the evidence of these sides, with the other positions fixed."""
    join: float
    """Evidence of the weakest join that moved it into the group; the margin if it was never moved."""


class _GroupBuilder:
    """Groups of joined patches."""

    def __init__(self, matches: Matches) -> None:
        self._matches = matches
        self._evidence: dict[Pair, float] = {}
        count = len(matches.edges)
        self.group = list(range(count))
        self.cell: list[Cell] = [(0, 0)] * count
        self.cells: dict[int, dict[Cell, int]] = {number: {(0, 0): number} for number in range(count)}
        self.join = [float("inf")] * count

    def evidence(self, pair: Pair) -> float:
        """Return the evidence of a pair, computed once."""
        if pair not in self._evidence:
            self._evidence[pair] = self._matches.evidence(pair)
        return self._evidence[pair]

    def touching(self, patch: int, cell: Cell, others: Mapping[Cell, int]) -> Iterator[Pair]:
        """Yield the pairs of a patch in a cell with the patches of a group."""
        row, col = cell
        for direction in Direction:
            down, across = direction.step
            after, before = others.get((row + down, col + across)), others.get((row - down, col - across))
            if after is not None:
                yield direction, patch, after
            if before is not None:
                yield direction, before, patch

    def joined_evidence(self, pair: Pair) -> float | None:
        """Return the evidence of a join; None if patches would overlap or are in one group already."""
        if self.group[pair[1]] == self.group[pair[2]]:
            return None
        moved, kept, shift = self._move(pair)
        total = 0.0
        for (row, col), patch in moved.items():
            cell = (row + shift[0], col + shift[1])
            if cell in kept:
                return None
            total += sum(self.evidence(touching) for touching in self.touching(patch, cell, kept))
        return total

    def join_by(self, pair: Pair, evidence: float) -> None:
        """Join the smaller group of a pair to the larger."""
        moved, kept, shift = self._move(pair)
        _, first, second = pair
        goes = first if self.cells[self.group[first]] is moved else second
        stays = second if goes == first else first
        outgoing, into = self.group[goes], self.group[stays]
        for (row, col), patch in moved.items():
            self.cell[patch] = (row + shift[0], col + shift[1])
            self.group[patch] = into
            self.join[patch] = min(self.join[patch], evidence)
            kept[self.cell[patch]] = patch
        del self.cells[outgoing]

    def compare(self, matches: Matches) -> None:
        """Replace the matches, and forget the evidence computed from the old ones."""
        self._matches = matches
        self._evidence.clear()

    def remaining(self) -> Remaining:
        """Return the pairs that are still possible."""
        after, before = np.ones((2, len(self.cell)), np.bool_), np.ones((2, len(self.cell)), np.bool_)
        for direction in Direction:
            down, across = direction.step
            for patch, (row, col) in enumerate(self.cell):
                mate = self.cells[self.group[patch]].get((row + down, col + across))
                if mate is not None:
                    after[direction, patch] = before[direction, mate] = False
        return Remaining(after, before, np.array(self.group))

    def join_best(self, min_evidence: float) -> int:
        """Make joins in order of their evidence, updated as groups grow, and return their number."""
        queue = [
            (-evidence, pair)
            for pair in self._matches.candidates
            if (evidence := self.joined_evidence(pair)) is not None and evidence >= min_evidence
        ]
        heapq.heapify(queue)
        joins = 0
        while queue:
            promised, pair = heapq.heappop(queue)
            evidence = self.joined_evidence(pair)
            if evidence is None or evidence < min_evidence:
                continue
            if -evidence > promised and queue and -evidence > queue[0][0]:
                heapq.heappush(queue, (-evidence, pair))
            else:
                self.join_by(pair, evidence)
                joins += 1
        return joins

    def _move(self, pair: Pair) -> tuple[dict[Cell, int], dict[Cell, int], Cell]:
        """Return the smaller group, the larger, and the shift of the smaller."""
        direction, first, second = pair
        (row, col), (other_row, other_col), (down, across) = self.cell[first], self.cell[second], direction.step
        ones, others = self.cells[self.group[first]], self.cells[self.group[second]]
        shift = (row + down - other_row, col + across - other_col)
        return (others, ones, shift) if len(others) <= len(ones) else (ones, others, (-shift[0], -shift[1]))


def assemble(
    edges: EdgeProfiles, *, min_evidence: float = MIN_EVIDENCE, progress: Progress = no_progress
) -> tuple[PlacedPatch, ...]:
    """Assemble patches by their edges.

    Args:
        edges: edges of all patches.
        min_evidence: smallest evidence for a join.
        progress: told how many edges are compared and patches joined.

    Returns:
        The position of every patch, in the same order.
    """
    count = len(edges)
    if count == 1:
        return (PlacedPatch(0, 0, 0, 0, 0, 0.0, 0.0),)
    every = match_edges(edges, progress=progress)
    groups = _GroupBuilder(every)
    while True:
        while groups.join_best(min_evidence):
            progress("joining patches", count - len(groups.cells), count)
        before = len(groups.cells)
        groups.compare(match_edges(edges, groups.remaining()))
        while groups.join_best(min_evidence):
            progress("joining patches", count - len(groups.cells), count)
        if len(groups.cells) == before:
            progress("joining patches", count, count)
            return _placed(groups, every)


def _placed(groups: _GroupBuilder, matches: Matches) -> tuple[PlacedPatch, ...]:
    """Return the positions, groups in order of size, each from its upper left corner."""
    placed: dict[int, PlacedPatch] = {}
    ordered = sorted(groups.cells.values(), key=lambda cells: (-len(cells), min(cells.values())))
    for number, cells in enumerate(ordered):
        top, left = min(row for row, _ in cells), min(col for _, col in cells)
        for (row, col), patch in cells.items():
            sides = [matches.evidence(pair) for pair in groups.touching(patch, (row, col), cells)]
            margin = sum(sides)
            placed[patch] = PlacedPatch(
                group=number,
                row=row - top,
                col=col - left,
                neighbours=len(sides),
                agreeing=sum(side > 0 for side in sides),
                margin=margin,
                join=min(groups.join[patch], margin),
            )
    return tuple(placed[patch] for patch in range(len(placed)))
