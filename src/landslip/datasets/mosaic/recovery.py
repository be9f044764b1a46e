"""Gains of placed patches: how much brighter than the others each one is, from where they touch."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.assembly import ENOUGH, Placed, assemble
from landslip.datasets.mosaic.edges import EdgeProfiles, Way, edge_profiles
from landslip.datasets.patch_set import Entry, PatchSet

_ENOUGH = 1e-9


def gains(edges: EdgeProfiles, placed: Sequence[Placed]) -> NDArray[np.float64]:
    """What to divide the reflectance of each patch by, so that neighbours are equally bright where they touch.

    The logarithms of the gains are the least-squares solution over all touching pairs; their mean in a group is 0,
    because nothing says how bright the group as a whole should be. All gains are 1 where patches have elevation:
    their reflectance is then physical.

    Returns:
        (N,), positive.
    """
    first, second, steps = _differences(edges, placed)
    if not len(steps):
        return np.ones(len(placed))

    def laplacian(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The matrix of the normal equations, applied."""
        return _spread(first, second, logs[first] - logs[second], len(placed))

    # Conjugate gradients (Hestenes & Stiefel 1952): the matrix is sparse, and singular only by a constant a group.
    logs = np.zeros(len(placed))
    residual = _spread(first, second, steps, len(placed))
    direction, square = residual.copy(), float(residual @ residual)
    enough = _ENOUGH * float(square)
    for _ in range(4 * len(placed)):
        if square <= enough:
            break
        turned = laplacian(direction)
        length = square / (direction @ turned)
        logs += length * direction
        residual -= length * turned
        square, before = float(residual @ residual), square
        direction = residual + square / before * direction
    group = np.array([one.group for one in placed])
    logs -= (np.bincount(group, logs) / np.bincount(group))[group]
    return np.exp(logs)


def _differences(
    edges: EdgeProfiles, placed: Sequence[Placed]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For every touching pair its patches, and by how much the logarithm of the first is above the second's."""
    if edges.kind == "elevation":
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    at = {(one.group, one.row, one.col): number for number, one in enumerate(placed)}
    pairs = [
        (way, number, mate)
        for (group, row, col), number in at.items()
        for way in Way
        if (mate := at.get((group, row + way.step[0], col + way.step[1]))) is not None
    ]
    steps = [edges.leaving_level[way, one] - edges.arriving_level[way, other] for way, one, other in pairs]
    return np.array([p[1] for p in pairs], np.intp), np.array([p[2] for p in pairs], np.intp), np.array(steps)


def _spread(
    first: NDArray[np.intp], second: NDArray[np.intp], steps: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Add every step to the first patch of its pair and take it from the second."""
    spread = np.zeros(count)
    np.add.at(spread, first, steps)
    np.subtract.at(spread, second, steps)
    return spread


COLUMNS: Final = ("id", "split", "scene", "row", "col", "certainty", "neighbours", "agreeing", "margin", "join", "gain")
"""Of the table; the first five are those of ``manifest.csv``."""
_SURE: Final = 1.0

Certainty = Literal["sure", "likely", "alone"]
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Recovery:
    """Where every patch lies."""

    entries: tuple[Entry, ...]
    placed: tuple[Placed, ...]
    """In the order of the entries."""
    gains: NDArray[np.float64]
    """What to divide the reflectance of each patch by."""

    @property
    def scenes(self) -> dict[str, int]:
        """How many patches each scene has, the largest first."""
        sizes = Counter(one.group for one in self.placed)
        return {scene_name(group): sizes[group] for group in sorted(sizes)}

    def table(self) -> str:
        """The places as text with commas, in the order of the entries."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for entry, one, gain in zip(self.entries, self.placed, self.gains, strict=True):
            where = (entry.id, entry.split, scene_name(one.group), one.row, one.col)
            why = (certainty(one), one.neighbours, one.agreeing, f"{one.margin:.2f}", f"{one.join:.2f}")
            rows.writerow((*where, *why, f"{gain:.4f}"))
        return text.getvalue()


def recover(
    patches: PatchSet[Any], *, enough: float = ENOUGH, watch: Watch = lambda doing, done, total: None
) -> Recovery:
    """Find the scenes that patches were cut from.

    Args:
        patches: of one kind and size.
        enough: least evidence for a join, as a logarithm: how much worse the best rival fits.
        watch: told what is being done, how much of it is done, how much there is.

    Raises:
        PatchesError: there is no patch, or they cannot be compared.
    """

    def read() -> Any:
        for done, entry in enumerate(patches.entries, start=1):
            yield patches.read(entry)
            watch("reading edges", done, len(patches))

    edges = edge_profiles(read())
    placed = assemble(edges, enough=enough, watch=watch)
    return Recovery(patches.entries, placed, gains(edges, placed))


def certainty(one: Placed) -> Certainty:
    """How sure a place is in its scene: the best rival of the weakest join fits e times worse, or less than that."""
    if not one.neighbours:
        return "alone"
    return "sure" if one.join >= _SURE and one.agreeing == one.neighbours else "likely"


def scene_name(group: int) -> str:
    """The name of a group: S1 is the largest."""
    return f"S{group + 1}"
