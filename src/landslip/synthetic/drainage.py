"""Flow routing on a grid of heights: D8 receivers, depression breaching and drained area.

Flow goes to the steepest of eight neighbours (D8; O'Callaghan and Mark 1984); depressions are breached along the path
of least climb (after Lindsay 2016, "Efficient hybrid breaching-filling"). Cells are processed level by level, a level
being all cells that are equally many steps from their outlet, so that array operations suffice.
"""

import heapq
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS: Final = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"""Row and column steps to the eight neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Drainage:
    """Flow directions of a grid."""

    receiver: NDArray[np.int64]
    """(cells,) index of the cell that each cell drains to; an outlet drains to itself."""
    distance: NDArray[np.float64]
    """(cells,) distance to the receiver in cell sizes: 1 or the square root of 2; 1 at an outlet."""
    levels: tuple[NDArray[np.int64], ...]
    """Cells by the number of steps to their outlet, outlets first."""

    def accumulate(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum a quantity (cells,) of each cell over its catchment."""
        total = own.copy()
        for cells in reversed(self.levels[1:]):
            np.add.at(total, self.receiver[cells], total[cells])
        return total


def route_flow(heights: NDArray[np.float64], outlets: NDArray[np.bool_], jitter: NDArray[np.float32]) -> Drainage:
    """Route flow from every cell to its steepest lower neighbour.

    Args:
        heights: (h, w) without depressions, see ``breach_depressions``.
        outlets: (h, w) True where water leaves the grid.
        jitter: (8, h, w) factors near 1 on the eight slopes, which reduce the bias of eight directions.
    """
    height, width = heights.shape
    padded = np.pad(heights, 1, constant_values=np.inf)
    best = np.zeros(heights.shape)
    receiver = np.arange(heights.size).reshape(heights.shape)
    here = receiver.copy()
    distance = np.ones(heights.shape)
    for number, (row, col) in enumerate(NEIGHBOURS):
        step = (row * row + col * col) ** 0.5
        other = padded[1 + row : 1 + row + height, 1 + col : 1 + col + width]
        slope = (heights - other) / step * jitter[number]
        better = slope > best
        best[better] = slope[better]
        receiver[better] = here[better] + row * width + col
        distance[better] = step
    receiver[outlets] = here[outlets]
    distance[outlets] = 1
    return Drainage(receiver.ravel(), distance.ravel(), _order_levels(receiver.ravel()))


def _order_levels(receiver: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Group cells by the number of steps to their outlet, counted by pointer doubling."""
    jump = receiver
    steps = (receiver != np.arange(len(receiver))).astype(np.int32)
    while True:
        more = steps[jump]
        if not more.any():
            break
        steps += more
        jump = jump[jump]
    order = np.argsort(steps, kind="stable")
    ends = np.cumsum(np.bincount(steps))
    return tuple(np.split(order, ends[:-1]))


def breach_depressions(heights: NDArray[np.float64], outlets: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Breach every depression, so that each cell except the outlets has a lower neighbour."""
    height, width = heights.shape
    padded = np.pad(heights, 1, constant_values=np.inf)
    lowest = np.full(heights.shape, np.inf)
    for row, col in NEIGHBOURS:
        np.minimum(lowest, padded[1 + row : 1 + row + height, 1 + col : 1 + col + width], out=lowest)
    sinks = np.flatnonzero((lowest >= heights) & ~outlets)
    level = heights.ravel().tolist()
    is_outlet = outlets.ravel().tolist()
    for sink in sorted(sinks.tolist(), key=level.__getitem__):
        _breach(level, is_outlet, sink, height, width)
    return np.array(level).reshape(heights.shape)


def _breach(level: list[float], is_outlet: list[bool], sink: int, height: int, width: int) -> None:
    """Lower the path of least climb from the bottom of a depression to a lower cell or an outlet."""
    bottom = level[sink]
    came_from: dict[int, int] = {sink: sink}
    queue = [(bottom, sink)]
    while queue:
        climb, cell = heapq.heappop(queue)
        if cell != sink and (level[cell] < bottom or is_outlet[cell]):
            break
        row, col = divmod(cell, width)
        for row_step, col_step in NEIGHBOURS:
            if 0 <= row + row_step < height and 0 <= col + col_step < width:
                other = cell + row_step * width + col_step
                if other not in came_from:
                    came_from[other] = cell
                    heapq.heappush(queue, (max(climb, level[other]), other))
    path = [cell]
    while path[-1] != sink:
        path.append(came_from[path[-1]])
    # An outlet above the depression is lowered below it.
    low = min(level[cell], bottom - 1e-3)
    if is_outlet[cell]:
        level[cell] = low
    for number, cell in enumerate(path[1:-1], start=1):
        level[cell] = min(level[cell], low + (bottom - low) * number / (len(path) - 1))
