"""Parts of a patch set: by scene and by rows of a scene.

Neighbouring patches touch on the ground, so a random split leaks. Parts are whole scenes, or blocks of rows with a
gap between them.
"""

import re

from pydantic import BaseModel, ConfigDict, model_validator

from landslip.errors import PatchesError
from landslip.patches.rgb import PatchEntry


class Part(BaseModel):
    """The patches of some scenes, or of a block of their rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: tuple[str, ...] = ()
    """Names of the scenes; empty for all of them."""
    rows: tuple[int, int] | None = None
    """First and last row of patches, both kept; None for all of them."""

    @model_validator(mode="after")
    def _rows_in_order(self) -> "Part":
        if self.rows is not None and not 0 <= self.rows[0] <= self.rows[1]:
            raise ValueError(f"rows {self.rows[0]}-{self.rows[1]} are not a block: give the first, then the last row")
        return self

    def holds(self, entry: PatchEntry) -> bool:
        """Whether a patch belongs to this part; one without a known row belongs to no block of rows."""
        if self.scenes and entry.scene not in self.scenes:
            return False
        return self.rows is None or (entry.row is not None and self.rows[0] <= entry.row <= self.rows[1])

    def __str__(self) -> str:
        scenes = f"scene {', '.join(self.scenes)}" if self.scenes else "all scenes"
        return scenes if self.rows is None else f"{scenes} rows {self.rows[0]}-{self.rows[1]}"


def rows_from_text(text: str) -> tuple[int, int]:
    """Read a block of rows such as ``50-57``, or one row.

    Raises:
        PatchesError: the text is no such block.
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise PatchesError(f"'{text}' is not a block of rows: write the first and the last row, such as 50-57")
    return int(match[1]), int(match[2] or match[1])
