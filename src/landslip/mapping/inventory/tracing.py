"""Boundaries of a raster mask as rings, traced strip by strip in linear time.

A boundary vertex depends on the four pixels around it, so each strip is traced together with the last row of the strip
above it. What leaves a strip at its lower edge is an open chain, continued in the next strip; a chain that closes is a
ring. No geometry is ever joined to another: every vertex is computed once, and memory holds the open chains alone.

Pixels are connected by their sides here: where two pixels of the mask touch at a corner only, the boundary passes that
corner twice. A ring that meets itself at such a corner is cut there, so that all rings are simple and polygons made of
them are valid (OGC 06-103r4).
"""

from dataclasses import dataclass
from typing import TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.int32]
"""(n, 2): column and row of pixel corners."""
Rope: TypeAlias = Union[Points, "list[Rope]"]
"""Points in order, in pieces: joining two takes constant time."""
Indices: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rings:
    """Simple closed boundaries with the mask on their right, each with a pixel of the mask beside it."""

    points: Points
    """Of all rings, one after the other; the first point of a ring is not repeated at its end."""
    sizes: Indices
    """(k,) points of each ring."""
    rows: Indices
    """(k,) row of the pixel: 0 is the last row of the strip above, 1 the first row of the strip just traced."""
    cols: Indices
    """(k,) column of the pixel."""

    @property
    def starts(self) -> Indices:
        """(k,) the first point of each ring."""
        return np.cumsum(self.sizes) - self.sizes


@dataclass(frozen=True, slots=True)
class _Chain:
    """An open boundary: it enters the strips already traced at one column of their lower edge and leaves at another."""

    points: Rope
    leaves: int


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The corners of the boundary inside a strip; where two pixels touch at a corner only, there are two nodes.

    Each node joins one edge along a row (to its right or left) to one along a column (above or below it).
    """

    points: Points
    following: list[int]
    """The next node in the direction of travel; numbers from ``len(points)`` on stand for the strip's edges."""
    rows: Indices
    cols: Indices
    sources: list[tuple[int, bool, int]]
    """Where boundaries enter the strip: number, whether at the upper edge, column."""
    sinks: dict[int, tuple[bool, int]]
    """Where they leave it: number -> whether at the upper edge, column."""


_Path: TypeAlias = tuple[int, int, tuple[bool, int]]
"""Range among the nodes walked, and where it leaves the strip: whether at the upper edge, and the column."""


class RingTracer:
    """Traces the boundaries of a mask that comes in strips from top to bottom.

    Example:
        >>> tracer = RingTracer(2)
        >>> len(tracer.add(np.array([[True, False]])).sizes)
        0
        >>> tracer.add(np.zeros((1, 2), bool)).points.tolist()
        [[1, 1], [0, 1], [0, 0], [1, 0]]
    """

    def __init__(self, width: int) -> None:
        """Start above the first row of a raster with ``width`` columns."""
        self._above = np.zeros((1, width + 2), np.bool_)
        self._row = 0
        self._open: dict[int, _Chain] = {}
        """By the column where the chain enters."""

    def add(self, mask: NDArray[np.bool_]) -> Rings:
        """Trace the next strip and return the boundaries that close in it; a row of False closes all.

        Args:
            mask: (h, width).
        """
        padded = np.zeros((len(mask) + 1, mask.shape[1] + 2), np.bool_)
        padded[0] = self._above
        padded[1:, 1:-1] = mask
        nodes = _find_nodes(padded, self._row)
        self._above = padded[-1:].copy()
        self._row += len(mask)
        order, paths, cycles_from, cycles = _walk(nodes)
        walked = nodes.points[order]
        joined, beside = self._join(order, walked, paths)
        first = np.concatenate([order[cycles], np.array(beside, np.intp)])
        sizes = np.concatenate([np.diff([*cycles, len(order)]), [len(ring) for ring in joined]]).astype(np.intp)
        points = np.concatenate([walked[cycles_from:], *joined])
        return _cut_at_repeats(Rings(points, sizes, nodes.rows[first], nodes.cols[first]))

    def _join(
        self, order: Indices, walked: Points, paths: dict[tuple[bool, int], _Path]
    ) -> tuple[list[Points], list[int]]:
        """Join the paths through a strip to the open chains; return the rings that close and a node of each."""
        still_open: dict[int, _Chain] = {}
        rings: list[Points] = []
        beside: list[int] = []
        unused = dict(paths)
        # Paths from the lower edge first: those that remain belong to rings.
        for source in sorted(paths):
            if source not in unused:
                continue
            pieces: list[Rope] = []
            path, node = unused.pop(source), -1
            while True:
                start, stop, (at_top, col) = path
                if stop > start:
                    pieces.append(walked[start:stop])
                    node = int(order[start])
                if not at_top:
                    still_open[source[1]] = _Chain(pieces, col)
                    break
                chain = self._open[col]
                pieces.append(chain.points)
                if (True, chain.leaves) == source:
                    rings.append(_flatten(pieces))
                    beside.append(node)
                    break
                path = unused.pop((True, chain.leaves))
        self._open = still_open
        return rings, beside


def _find_nodes(mask: NDArray[np.bool_], first_row: int) -> _Nodes:
    """Find the corners of the boundary and link them; ``mask`` is (h + 1, w + 2), with the row above and a margin."""
    vertical, horizontal = mask[:, :-1] != mask[:, 1:], mask[:-1] != mask[1:]
    up, down, left, right = vertical[:-1], vertical[1:], horizontal[:, :-1], horizontal[:, 1:]
    crossing = up & down & left & right
    line, col = np.nonzero((up != down) | crossing)
    double = crossing[line, col]
    upper_left = mask[line, col] & double
    first = np.arange(len(line)) + np.cumsum(double) - double
    second = first[double] + 1
    goes_up, goes_right = (np.zeros(len(line) + len(second), np.bool_) for _ in range(2))
    goes_up[first], goes_right[first] = up[line, col], right[line, col] & ~upper_left
    goes_right[second] = upper_left[double]
    line, col = np.repeat(line, 1 + double), np.repeat(col, 1 + double)
    count = len(line)
    # Along a row every edge has a left end and a right end, in turn; along a column an upper and a lower one.
    along_row = np.empty(count, np.intp)
    starts, ends = np.flatnonzero(goes_right), np.flatnonzero(~goes_right)
    along_row[starts], along_row[ends] = ends, starts
    enter, leave = np.flatnonzero(vertical[0]), np.flatnonzero(vertical[-1])
    lines = np.concatenate([line, np.full(len(enter), -1), np.full(len(leave), len(mask))])
    by_column = np.lexsort((lines, np.concatenate([col, enter, leave])))
    upper_end = np.concatenate([~goes_up, np.ones(len(enter), np.bool_), np.zeros(len(leave), np.bool_)])[by_column]
    starts, ends = by_column[upper_end], by_column[~upper_end]
    following = np.empty(len(lines), np.intp)
    following[starts], following[ends] = ends, starts
    # The mask is on the right of the direction of travel.
    below = mask[line + 1, col + goes_right]
    sideways = goes_right == below
    following[:count][sideways] = along_row[sideways]
    edges = [
        *((count + n, True, c) for n, c in enumerate(enter.tolist())),
        *((count + len(enter) + n, False, c) for n, c in enumerate(leave.tolist())),
    ]
    downward = [*mask[0, enter].tolist(), *mask[-1, leave].tolist()]
    return _Nodes(
        points=np.column_stack([col, line + first_row]).astype(np.int32),
        following=following.tolist(),
        rows=line + below,
        cols=col + goes_right - 1,
        sources=[edge for edge, is_down in zip(edges, downward, strict=True) if is_down == edge[1]],
        sinks={n: (top, c) for (n, top, c), is_down in zip(edges, downward, strict=True) if is_down != top},
    )


def _walk(nodes: _Nodes) -> tuple[Indices, dict[tuple[bool, int], _Path], int, list[int]]:
    """Follow every boundary.

    Returns:
        The nodes in order; the paths by where they enter; where the cycles begin in that order; where each one does.
    """
    following, count = nodes.following, len(nodes.points)
    visited = bytearray(count)
    order: list[int] = []
    append = order.append
    paths: dict[tuple[bool, int], _Path] = {}
    for source, at_top, col in nodes.sources:
        start, node = len(order), following[source]
        while node < count:
            visited[node] = 1
            append(node)
            node = following[node]
        paths[at_top, col] = start, len(order), nodes.sinks[node]
    cycles_from, cycles = len(order), []
    node = visited.find(0)
    while node >= 0:
        cycles.append(len(order))
        first = node
        while not visited[node]:
            visited[node] = 1
            append(node)
            node = following[node]
        node = visited.find(0, first)
    return np.array(order, np.intp), paths, cycles_from, cycles


def _flatten(rope: Rope) -> Points:
    """Return the points of a rope in order."""
    pieces: list[Points] = []
    stack: list[Rope] = [rope]
    while stack:
        top = stack.pop()
        if isinstance(top, list):
            stack.extend(reversed(top))
        else:
            pieces.append(top)
    return np.concatenate(pieces)


def _cut_at_repeats(rings: Rings) -> Rings:
    """Cut rings where they pass a corner twice, so that every ring is simple."""
    ring = np.repeat(np.arange(len(rings.sizes)), rings.sizes)
    in_order = np.lexsort((rings.points[:, 0], rings.points[:, 1], ring))
    same = np.flatnonzero(
        (ring[in_order[1:]] == ring[in_order[:-1]])
        & (rings.points[in_order[1:]] == rings.points[in_order[:-1]]).all(axis=1)
    )
    if not same.size:
        return rings
    partner = np.full(len(ring), -1, np.intp)
    partner[in_order[same]], partner[in_order[same + 1]] = in_order[same + 1], in_order[same]
    visits = np.flatnonzero(partner >= 0)
    # Boundaries touch and never cross, so what lies between two visits is nested like brackets.
    owner = ring[visits].tolist()
    current, parents, after = list(range(len(rings.sizes))), list(range(len(rings.sizes))), []
    stack: list[int] = []
    for visit, other, base in zip(visits.tolist(), partner[visits].tolist(), owner, strict=True):
        if other > visit:
            stack.append(current[base])
            current[base] = len(parents)
            parents.append(base)
        else:
            current[base] = stack.pop()
        after.append(current[base])
    # From each visit to the next one, or to the end of the ring, points belong to the bracket open there.
    belongs = ring.copy()
    ends = np.minimum(np.append(visits[1:], len(ring)), (rings.starts + rings.sizes)[ring[visits]])
    lengths = ends - visits
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    belongs[np.repeat(visits, lengths) + offsets] = np.repeat(np.array(after), lengths)
    source = np.array(parents, np.intp)
    return Rings(
        rings.points[np.argsort(belongs, kind="stable")],
        np.bincount(belongs, minlength=len(parents)).astype(np.intp),
        rings.rows[source],
        rings.cols[source],
    )


def doubled_areas(points: Points, sizes: Indices) -> NDArray[np.int64]:
    """Return twice the signed area of rings (k,): positive around the mask, negative around a hole in it."""
    starts = np.cumsum(sizes) - sizes
    following = np.arange(1, len(points) + 1)
    following[starts + sizes - 1] = starts
    x, y = points.T.astype(np.int64)
    return np.asarray(np.add.reduceat(x * y[following] - x[following] * y, starts), np.int64)
