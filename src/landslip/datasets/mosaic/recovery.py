"""Recovery of the scenes that patches were cut from, with the relative brightness (gain) of each patch."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.assembly import MIN_EVIDENCE, PlacedPatch, assemble
from landslip.datasets.mosaic.edges import Direction, EdgeProfiles, extract_edges
from landslip.datasets.patch_set import Entry, PatchSet
from landslip.files.progress import Progress, no_progress, track

_TOLERANCE: Final = 1e-9


def estimate_gains(edges: EdgeProfiles, placed: Sequence[PlacedPatch]) -> NDArray[np.float64]:
    """Estimate a gain for each patch; divided by it, neighbours are equally bright where they touch.

    The logarithms of the gains are the least-squares solution over all touching pairs, with mean 0 in each group,
    because the brightness of a group is unknown. Patches with elevation have physical reflectance and gain 1.

    Returns:
        (N,), positive.
    """
    first, second, steps = _differences(edges, placed)
    if not len(steps):
        return np.ones(len(placed))

    def laplacian(logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Multiply by the matrix of the normal equations."""
        return _scatter(first, second, logs[first] - logs[second], len(placed))

    # Conjugate gradients (Hestenes & Stiefel 1952): the matrix is sparse, and singular up to a constant per group.
    logs = np.zeros(len(placed))
    residual = _scatter(first, second, steps, len(placed))
    direction, square = residual.copy(), float(residual @ residual)
    tolerance = _TOLERANCE * float(square)
    for _ in range(4 * len(placed)):
        if square <= tolerance:
            break
        image = laplacian(direction)
        length = square / (direction @ image)
        logs += length * direction
        residual -= length * image
        square, before = float(residual @ residual), square
        direction = residual + square / before * direction
    group = np.array([one.group for one in placed])
    logs -= (np.bincount(group, logs) / np.bincount(group))[group]
    return np.exp(logs)


def _differences(
    edges: EdgeProfiles, placed: Sequence[PlacedPatch]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the patches of every touching pair, and the difference of their logarithms."""
    if edges.kind == "elevation":
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    at = {(one.group, one.row, one.col): number for number, one in enumerate(placed)}
    pairs = [
        (direction, number, mate)
        for (group, row, col), number in at.items()
        for direction in Direction
        if (mate := at.get((group, row + direction.step[0], col + direction.step[1]))) is not None
    ]
    steps = [edges.outgoing_level[way, one] - edges.incoming_level[way, other] for way, one, other in pairs]
    return np.array([p[1] for p in pairs], np.intp), np.array([p[2] for p in pairs], np.intp), np.array(steps)


def _scatter(
    first: NDArray[np.intp], second: NDArray[np.intp], steps: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Add every step to the first patch of its pair and subtract it from the second."""
    totals = np.zeros(count)
    np.add.at(totals, first, steps)
    np.subtract.at(totals, second, steps)
    return totals


COLUMNS: Final = ("id", "split", "scene", "row", "col", "certainty", "neighbours", "agreeing", "margin", "join", "gain")
"""Columns of the table; the first five are those of ``manifest.csv``."""
_CERTAIN: Final = 1.0

Certainty = Literal["certain", "likely", "isolated"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recovery:
    """The positions and gains of all patches."""

    entries: tuple[Entry, ...]
    placed: tuple[PlacedPatch, ...]
    """In the order of the entries."""
    gains: NDArray[np.float64]
    """(N,): reflectance is to be divided by it."""

    def __repr__(self) -> str:
        return f"Recovery({len(self.entries)} patches in {len(self.scenes)} scenes)"

    @property
    def scenes(self) -> dict[str, int]:
        """Number of patches of each scene, the largest first."""
        sizes = Counter(one.group for one in self.placed)
        return {scene_name(group): sizes[group] for group in sorted(sizes)}

    def table(self) -> str:
        """Return the positions as CSV, in the order of the entries."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(COLUMNS)
        for entry, one, gain in zip(self.entries, self.placed, self.gains, strict=True):
            where = (entry.id, entry.split, scene_name(one.group), one.row, one.col)
            why = (certainty(one), one.neighbours, one.agreeing, f"{one.margin:.2f}", f"{one.join:.2f}")
            rows.writerow((*where, *why, f"{gain:.4f}"))
        return text.getvalue()


def recover(
    patches: PatchSet[Any], *, min_evidence: float = MIN_EVIDENCE, progress: Progress = no_progress
) -> Recovery:
    """Recover the scenes that patches were cut from, by matching their edges.

    Args:
        patches: patches of the same channels and size.
        min_evidence: smallest evidence for a join: logarithm of the distance of the best rival over the distance of
            the pair.
        progress: told how many patches are read, compared and joined.

    Raises:
        PatchesError: there are no patches, or they cannot be compared.

    Example:
        >>> import landslip
        >>> recovery = recover(landslip.open_patches("examples/l4s-rgb-scene-b"))
        >>> list(recovery.scenes)[0]
        'S1'
    """
    entries = track(patches.entries, progress, "reading edges")
    edges = extract_edges(patches.read(entry) for entry in entries)
    placed = assemble(edges, min_evidence=min_evidence, progress=progress)
    return Recovery(patches.entries, placed, estimate_gains(edges, placed))


def certainty(one: PlacedPatch) -> Certainty:
    """Classify a position: ``certain`` if the best rival of its weakest join has at least e times the distance."""
    if not one.neighbours:
        return "isolated"
    return "certain" if one.join >= _CERTAIN and one.agreeing == one.neighbours else "likely"


def scene_name(group: int) -> str:
    """Return the name of a group; S1 is the largest."""
    return f"S{group + 1}"
