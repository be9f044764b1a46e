"""From pairs to groups that fit together: the surest first, nothing on top of anything else, all evidence counted.

Every patch starts as a group of its own. Joining two groups brings many edges together at once; their evidence is
added up, so a doubtful edge is carried by its neighbours (two by two patches must close) and a false one is refused
by them. Joins are tried in order of their evidence until none is left that enough speaks for. Then those that
have found their neighbours, or have their place already, are no rivals any more: what is left is compared again, until
nothing more is found.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from landslip.datasets.mosaic.edges import EdgeProfiles, Way
from landslip.datasets.mosaic.matches import Left, Matches, Pair, match_edges

ENOUGH: Final = 0.4
"""Least evidence for a join: the best rival fits one and a half times worse."""

Cell = tuple[int, int]
"""Row and column in a group; either may be negative."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where one patch was put, and what speaks for it."""

    group: int
    """Groups are numbered by size, the largest 0."""
    row: int
    col: int
    neighbours: int
    """How many patches touch it by a side."""
    agreeing: int
    """For how many of these sides no rival fits better."""
    margin: float
    """Evidence of all these sides together, the place of the others given."""
    join: float
    """Evidence of the weakest join that brought it into the group on the smaller side; the margin if none did."""


class _Groups:
    """The groups as they grow."""

    def __init__(self, matches: Matches) -> None:
        self._matches = matches
        self._evidence: dict[Pair, float] = {}
        count = len(matches.edges)
        self.group = list(range(count))
        self.cell: list[Cell] = [(0, 0)] * count
        self.cells: dict[int, dict[Cell, int]] = {number: {(0, 0): number} for number in range(count)}
        self.join = [float("inf")] * count

    def evidence(self, pair: Pair) -> float:
        """Of one pair, computed once."""
        if pair not in self._evidence:
            self._evidence[pair] = self._matches.evidence(pair)
        return self._evidence[pair]

    def touching(self, patch: int, cell: Cell, others: Mapping[Cell, int]) -> Iterator[Pair]:
        """The pairs that a patch in a cell would make with a group."""
        row, col = cell
        for way in Way:
            down, across = way.step
            after, before = others.get((row + down, col + across)), others.get((row - down, col - across))
            if after is not None:
                yield way, patch, after
            if before is not None:
                yield way, before, patch

    def joined_evidence(self, pair: Pair) -> float | None:
        """What speaks for the join that a pair asks for; None where patches would lie on each other or already do."""
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
        """Put the smaller group of a pair to the larger."""
        moved, kept, shift = self._move(pair)
        _, first, second = pair
        goes = first if self.cells[self.group[first]] is moved else second
        stays = second if goes == first else first
        leaving, into = self.group[goes], self.group[stays]
        for (row, col), patch in moved.items():
            self.cell[patch] = (row + shift[0], col + shift[1])
            self.group[patch] = into
            self.join[patch] = min(self.join[patch], evidence)
            kept[self.cell[patch]] = patch
        del self.cells[leaving]

    def compare(self, matches: Matches) -> None:
        """Judge pairs anew, by what is known of those that are left."""
        self._matches = matches
        self._evidence.clear()

    def left(self) -> Left:
        """What is still possible."""
        after, before = np.ones((2, len(self.cell)), np.bool_), np.ones((2, len(self.cell)), np.bool_)
        for way in Way:
            down, across = way.step
            for patch, (row, col) in enumerate(self.cell):
                mate = self.cells[self.group[patch]].get((row + down, col + across))
                if mate is not None:
                    after[way, patch] = before[way, mate] = False
        return Left(after, before, np.array(self.group))

    def join_surest(self, enough: float) -> int:
        """Make joins in order of their evidence, counted anew as groups grow; how many were made."""
        queue = [
            (-evidence, pair)
            for pair in self._matches.candidates
            if (evidence := self.joined_evidence(pair)) is not None and evidence >= enough
        ]
        heapq.heapify(queue)
        joins = 0
        while queue:
            promised, pair = heapq.heappop(queue)
            evidence = self.joined_evidence(pair)
            if evidence is None or evidence < enough:
                continue
            if -evidence > promised and queue and -evidence > queue[0][0]:
                heapq.heappush(queue, (-evidence, pair))
            else:
                self.join_by(pair, evidence)
                joins += 1
        return joins

    def _move(self, pair: Pair) -> tuple[dict[Cell, int], dict[Cell, int], Cell]:
        """The smaller group, the larger, and by how much the smaller has to be moved."""
        way, first, second = pair
        (row, col), (other_row, other_col), (down, across) = self.cell[first], self.cell[second], way.step
        ones, others = self.cells[self.group[first]], self.cells[self.group[second]]
        shift = (row + down - other_row, col + across - other_col)
        return (others, ones, shift) if len(others) <= len(ones) else (ones, others, (-shift[0], -shift[1]))


def assemble(
    edges: EdgeProfiles, *, enough: float = ENOUGH, watch: Callable[[str, int, int], None] = lambda *_: None
) -> tuple[Placed, ...]:
    """Put patches together.

    Args:
        edges: of all patches, in a fixed order.
        enough: least evidence for a join.
        watch: told what is done, and how much of how much.

    Returns:
        The place of every patch, in that order.
    """
    count = len(edges)
    if count == 1:
        return (Placed(0, 0, 0, 0, 0, 0.0, 0.0),)
    every = match_edges(edges, watch=lambda done, total: watch("comparing edges", done, total))
    groups = _Groups(every)
    while True:
        while groups.join_surest(enough):
            watch("joining patches", count - len(groups.cells), count)
        before = len(groups.cells)
        groups.compare(match_edges(edges, groups.left()))
        while groups.join_surest(enough):
            watch("joining patches", count - len(groups.cells), count)
        if len(groups.cells) == before:
            watch("joining patches", count, count)
            return _placed(groups, every)


def _placed(groups: _Groups, matches: Matches) -> tuple[Placed, ...]:
    """The groups in order of size, each from its own upper left corner."""
    placed: dict[int, Placed] = {}
    ordered = sorted(groups.cells.values(), key=lambda cells: (-len(cells), min(cells.values())))
    for number, cells in enumerate(ordered):
        top, left = min(row for row, _ in cells), min(col for _, col in cells)
        for (row, col), patch in cells.items():
            sides = [matches.evidence(pair) for pair in groups.touching(patch, (row, col), cells)]
            margin = sum(sides)
            placed[patch] = Placed(
                group=number,
                row=row - top,
                col=col - left,
                neighbours=len(sides),
                agreeing=sum(side > 0 for side in sides),
                margin=margin,
                join=min(groups.join[patch], margin),
            )
    return tuple(placed[patch] for patch in range(len(placed)))
