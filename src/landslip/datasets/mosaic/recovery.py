"""Scenes found again: every patch of a set with its scene, row and column, and how sure that is.

Nothing but the pixels along the edges is used: no number, no manifest, no order of files.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.mosaic.assembly import ENOUGH, Placed, assemble
from landslip.datasets.mosaic.edges import edge_profiles
from landslip.datasets.mosaic.gains import gains
from landslip.datasets.patch_set import Entry, PatchSet

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
