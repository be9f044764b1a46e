"""Scene, row and column of patches, from a table with the columns id (or l4s_id), scene, row, col, and perhaps split.

Tables of this kind come with l4s-rgb, from ``landslip data make``, and from ``landslip data mosaic``. Without a
column ``split`` the patches are those of the train split, the only one that lies in rows as far as is known.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from landslip.datasets.patch_set import UNKNOWN_SCENE, Split, split_named
from landslip.errors import PatchesError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a patch lies in its scene, counted in patches from the scene's upper left corner."""

    scene: str
    row: int | None
    col: int | None


def read_places(path: Path) -> dict[tuple[Split, int], Place]:
    """Read a table of places: by split and number of the patch.

    An empty row or column is not known.

    Raises:
        PatchesError: the table is damaged, lacks columns, or names a patch twice or a split that is none.
    """
    places: dict[tuple[Split, int], Place] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or ()
            number = "l4s_id" if "l4s_id" in names else "id"
            if not {number, "scene", "row", "col"} <= set(names):
                raise PatchesError(f"{path} lacks columns: it needs id (or l4s_id), scene, row, col")
            for row in rows:
                key = split_named(row.get("split") or "train"), int(row[number])
                if key in places:
                    raise PatchesError(f"{path} names patch {key[1]} of {key[0]} twice: name it once")
                if not row["scene"].isprintable():
                    raise PatchesError(f"{path} names a scene {row['scene']!r}: a name is one line of plain text")
                places[key] = Place(row["scene"] or UNKNOWN_SCENE, _whole(row["row"]), _whole(row["col"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
        raise PatchesError(f"{path} cannot be read as a table of places, after {len(places)} rows: {error}") from error
    return places


def places_beside(folder: Path) -> Mapping[tuple[Split, int], Place]:
    """The places in ``manifest.csv`` of a folder; none where there is no such file."""
    path = folder / "manifest.csv"
    return read_places(path) if path.exists() else {}


def _whole(text: str) -> int | None:
    return int(text) if text.strip() else None
