"""Positions of patches in their scenes, from a table with the columns id (or l4s_id), scene, row, col, optional split.

Such tables come with the data set l4s-rgb, from ``landslip data make`` and from ``landslip data mosaic``. Without a
column ``split`` they describe the train split.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landslip.datasets.patch_set import UNKNOWN_SCENE, Split, split_named
from landslip.errors import PatchesError

MANIFEST: Final = "manifest.csv"


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a patch in its scene, counted in patches from the upper left corner of the scene."""

    scene: str
    row: int | None
    col: int | None


UNKNOWN_POSITION: Final = Position(UNKNOWN_SCENE, None, None)


def read_positions(path: Path) -> dict[tuple[Split, int], Position]:
    """Read a table of positions, by split and number of the patch. An empty row or column means unknown.

    Raises:
        PatchesError: the table is damaged, lacks columns, lists a patch or a position twice, or has an unknown split.
    """
    positions: dict[tuple[Split, int], Position] = {}
    taken: dict[tuple[Split, str, int | None, int | None], int] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            names = rows.fieldnames or ()
            number = "l4s_id" if "l4s_id" in names else "id"
            if not {number, "scene", "row", "col"} <= set(names):
                raise PatchesError(
                    f"{path} lacks columns: it needs id (or l4s_id), scene, row, col, separated by commas, and has "
                    f"{', '.join(map(repr, names)) or 'none'}"
                )
            for row in rows:
                row["scene"] = row["scene"].strip()
                key = split_named(row.get("split") or "train"), int(row[number])
                if key in positions:
                    raise PatchesError(f"{path} lists patch {key[1]} of {key[0]} twice: list it once")
                row_number, col_number = _integer(row["row"]), _integer(row["col"])
                if min(row_number or 0, col_number or 0) < 0:
                    raise PatchesError(f"{path} lists patch {key[1]} at a negative row or column: count from 0")
                place = key[0], row["scene"], row_number, col_number
                if (
                    row_number is not None
                    and col_number is not None
                    and (first := taken.setdefault(place, key[1])) != key[1]
                ):
                    raise PatchesError(
                        f"{path} lists patches {first} and {key[1]} of scene {row['scene']!r} at the same row and "
                        "column: correct one, or leave both empty"
                    )
                if not row["scene"].isprintable():
                    raise PatchesError(f"{path} has a scene {row['scene']!r}: a name is one line of plain text")
                positions[key] = Position(row["scene"] or UNKNOWN_SCENE, row_number, col_number)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
        raise PatchesError(
            f"{path} cannot be read as a table of positions, after {len(positions)} rows: {error}"
        ) from error
    return positions


def manifest_positions(folder: Path) -> Mapping[tuple[Split, int], Position]:
    """Read the positions in ``manifest.csv`` of a folder; without such a file there are no positions."""
    path = folder / MANIFEST
    return read_positions(path) if path.exists() else {}


def _integer(text: str) -> int | None:
    return int(text) if text.strip() else None
