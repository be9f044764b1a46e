"""Parts of a patch set: by scene, by rows of a scene, by name in a division.

Neighbouring patches touch on the ground, so a random split leaks. Parts are whole scenes, or blocks of rows with a
gap between them.
"""

import re

from pydantic import BaseModel, ConfigDict, model_validator

from landslip.datasets.patch_set import Entry
from landslip.errors import PatchesError


class Part(BaseModel):
    """The patches of some scenes, of a block of their rows, or of some parts of a division; of all that is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    scenes: tuple[str, ...] = ()
    """Names of the scenes; empty for all of them."""
    rows: tuple[int, int] | None = None
    """First and last row of patches, both kept; null for all of them."""
    parts: tuple[str, ...] = ()
    """Names of the parts of a division; empty where there is none, or for all of them."""

    @model_validator(mode="after")
    def _rows_in_order(self) -> "Part":
        if self.rows is not None and not 0 <= self.rows[0] <= self.rows[1]:
            raise ValueError(f"rows {self.rows[0]}-{self.rows[1]} are not a block: give the first, then the last row")
        return self

    def holds(self, entry: Entry, part: str | None = None) -> bool:
        """Whether a patch belongs to this part; one without a known row belongs to no block of rows.

        Args:
            entry: the patch.
            part: name of its part in the division, where there is one.
        """
        if self.parts and part not in self.parts:
            return False
        if self.scenes and entry.scene not in self.scenes:
            return False
        return self.rows is None or (entry.row is not None and self.rows[0] <= entry.row <= self.rows[1])

    def __str__(self) -> str:
        scenes = f"scene {', '.join(self.scenes)}" if self.scenes else "all scenes"
        where = scenes if self.rows is None else f"{scenes} rows {self.rows[0]}-{self.rows[1]}"
        if not self.parts:
            return where
        named = f"part {', '.join(self.parts)}"
        return f"{named}, {where}" if self.scenes or self.rows else named


def rows_from_text(text: str) -> tuple[int, int]:
    """Read a block of rows such as ``50-57``, or one row.

    Raises:
        PatchesError: the text is no such block.
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise PatchesError(f"'{text}' is not a block of rows: write the first and the last row, such as 50-57")
    return int(match[1]), int(match[2] or match[1])
