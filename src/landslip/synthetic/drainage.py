"""Where water runs on a grid of heights: eight-neighbour flow, drained area, and the order from mouth to source.

Flow goes to the steepest of eight neighbours (O'Callaghan and Mark 1984); hollows are cut through along the path of
least climb (after Lindsay 2016, "Efficient hybrid breaching-filling"). Cells are handled level by level, a level being
all cells that are equally many steps from their mouth, which is what lets plain arrays do it.
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
    """How a grid drains."""

    receiver: NDArray[np.int64]
    """(cells,) the cell that each drains to; a mouth to itself."""
    distance: NDArray[np.float64]
    """(cells,) steps to the receiver in cell sizes: 1 or the square root of 2; 1 at a mouth."""
    levels: tuple[NDArray[np.int64], ...]
    """Cells by the number of steps to their mouth: mouths first."""

    def area(self, own: NDArray[np.float64]) -> NDArray[np.float64]:
        """What comes together in each cell (cells,), from what each adds by itself."""
        total = own.copy()
        for cells in reversed(self.levels[1:]):
            np.add.at(total, self.receiver[cells], total[cells])
        return total


def drain(heights: NDArray[np.float64], mouths: NDArray[np.bool_], jitter: NDArray[np.float32]) -> Drainage:
    """Let every cell drain to a lower neighbour.

    Args:
        heights: (h, w) without hollows, see ``breached``.
        mouths: (h, w) where water leaves the grid.
        jitter: (8, h, w) factors near 1 on the eight slopes: breaks the bias of eight directions.
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
    receiver[mouths] = here[mouths]
    distance[mouths] = 1
    return Drainage(receiver.ravel(), distance.ravel(), _levels(receiver.ravel()))


def _levels(receiver: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Cells by the number of steps to their mouth, counted by doubling jumps."""
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


def breached(heights: NDArray[np.float64], mouths: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Cut a way out of every hollow, so that each cell but the mouths has a lower neighbour."""
    height, width = heights.shape
    padded = np.pad(heights, 1, constant_values=np.inf)
    lowest = np.full(heights.shape, np.inf)
    for row, col in NEIGHBOURS:
        np.minimum(lowest, padded[1 + row : 1 + row + height, 1 + col : 1 + col + width], out=lowest)
    hollows = np.flatnonzero((lowest >= heights) & ~mouths)
    level = heights.ravel().tolist()
    is_mouth = mouths.ravel().tolist()
    for hollow in sorted(hollows.tolist(), key=level.__getitem__):
        _cut_out(level, is_mouth, hollow, height, width)
    return np.array(level).reshape(heights.shape)


def _cut_out(level: list[float], is_mouth: list[bool], hollow: int, height: int, width: int) -> None:
    """Lower the path of least climb from a hollow to the nearest lower cell, or to a mouth."""
    bottom = level[hollow]
    came_from: dict[int, int] = {hollow: hollow}
    queue = [(bottom, hollow)]
    while queue:
        climb, cell = heapq.heappop(queue)
        if cell != hollow and (level[cell] < bottom or is_mouth[cell]):
            break
        row, col = divmod(cell, width)
        for row_step, col_step in NEIGHBOURS:
            if 0 <= row + row_step < height and 0 <= col + col_step < width:
                other = cell + row_step * width + col_step
                if other not in came_from:
                    came_from[other] = cell
                    heapq.heappush(queue, (max(climb, level[other]), other))
    path = [cell]
    while path[-1] != hollow:
        path.append(came_from[path[-1]])
    # A mouth above the hollow stays; the path to it is then as good as level.
    low = min(level[cell], bottom - 1e-3)
    if is_mouth[cell]:
        level[cell] = low
    for number, one in enumerate(path[1:-1], start=1):
        level[one] = min(level[one], low + (bottom - low) * number / (len(path) - 1))
