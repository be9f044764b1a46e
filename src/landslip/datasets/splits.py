"""Parts of a patch set: by scene, by rows of a scene, by name in a division.

Neighbouring patches touch on the ground, so a random split leaks. Parts are whole scenes, or blocks of rows with a
gap between them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError, field_validator, model_validator

from landslip.datasets.patch_set import SPLITS, Entry, PatchSet
from landslip.errors import PatchesError
from landslip.files.atomic import write_text
from landslip.files.model import Frozen


class Part(Frozen):
    """The patches of some scenes, of a block of their rows, or of some parts of a division; of all that is given."""

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


ProtocolName = Literal["paper", "official", "blocks", "scene-out", "k-fold"]
_KEY: Final = re.compile(rf"({'|'.join(SPLITS)})/\d+")


class Division(Frozen):
    """The parts of a set of patches; none belongs to two of them."""

    format: Literal["landslip division"] = "landslip division"
    version: Literal[1] = 1
    protocol: ProtocolName
    how: str
    """In words: what was done, so that another can do it again."""
    parts: Mapping[str, tuple[str, ...]]
    """The patches of each part, such as ``train/42``, in the order of the set."""
    left_out: tuple[str, ...] = ()
    """Patches of the set that are in no part: those in a gap, and those whose place is not known."""

    @field_validator("parts")
    @classmethod
    def _named(cls, parts: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        empty = sorted(name for name, patches in parts.items() if not patches)
        if len(parts) < 2 or empty:
            raise ValueError(f"a division has two parts or more and none is empty, here {', '.join(empty) or 'one'}")
        return parts

    @model_validator(mode="after")
    def _each_once(self) -> "Division":
        counts = Counter(key for keys in (*self.parts.values(), self.left_out) for key in keys)
        unnamed = next((key for key in counts if not _KEY.fullmatch(key)), None)
        if unnamed is not None:
            raise ValueError(f"'{unnamed}' names no patch: write its split and number, such as train/42")
        twice = next((key for key, count in counts.items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"patch {twice} stands twice: a patch belongs to one part")
        return self

    def part_of(self, entry: Entry) -> str | None:
        """The part that a patch belongs to; None where it was left out or is not known."""
        name = key_of(entry)
        return next((part for part, keys in self.parts.items() if name in keys), None)

    def choose(self, patches: PatchSet[Any], *parts: str) -> PatchSet[Any]:
        """Keep the patches of some parts.

        Raises:
            PatchesError: there is no such part, or the set lacks one of its patches.
        """
        unknown = sorted(set(parts) - set(self.parts))
        if unknown:
            raise PatchesError(f"the division has no part {', '.join(unknown)}: it has {', '.join(self.parts)}")
        wanted = {key for part in parts for key in self.parts[part]}
        chosen = patches.where(lambda entry: key_of(entry) in wanted)
        if len(chosen) != len(wanted):
            missing = sorted(wanted - {key_of(entry) for entry in chosen.entries})
            raise PatchesError(
                f"the set lacks {len(missing)} patches of the division, {missing[0]} among them: "
                "give the set that was divided, or divide this one"
            )
        return chosen

    def write(self, path: Path) -> None:
        """Write the division to a JSON file; the file is whole or not there.

        Raises:
            OutputError: it cannot be written.
        """
        write_text(path, self.model_dump_json(indent=1) + "\n")

    def __str__(self) -> str:
        sizes = ", ".join(f"{len(keys)} {part}" for part, keys in self.parts.items())
        return f"{self.protocol}: {sizes}" + (f", {len(self.left_out)} left out" if self.left_out else "")


def read_division(path: Path) -> Division:
    """Read a division from its file.

    Raises:
        PatchesError: it cannot be read, or is no division.
    """
    try:
        return Division.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PatchesError(f"{path} cannot be read ({error}): give the JSON file of a division") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise PatchesError(f"{path} is no division of patches, at {place}: {first['msg']}") from error


def key_of(entry: Entry) -> str:
    """The name of a patch in a division: ``train/42``."""
    return f"{entry.split}/{entry.id}"


def divided(protocol: ProtocolName, how: str, entries: Iterable[Entry], part_of: Mapping[str, str]) -> Division:
    """Make a division of a set.

    Args:
        protocol: its name.
        how: in words.
        entries: of the set.
        part_of: part by name of the patch; patches that are not in it are left out.

    Raises:
        PatchesError: fewer than two parts hold a patch.
    """
    keys = [key_of(entry) for entry in entries]
    names = sorted(set(part_of.values()), key=_order)
    if len(names) < 2:
        raise PatchesError(
            f"the protocol '{protocol}' leaves {', '.join(names) or 'nothing'} alone of {len(keys)} patches: "
            "it takes more scenes, rows or patches, or a smaller gap"
        )
    return Division(
        protocol=protocol,
        how=how,
        parts={name: tuple(key for key in keys if part_of.get(key) == name) for name in names},
        left_out=tuple(key for key in keys if key not in part_of),
    )


def _order(part: str) -> tuple[int, str]:
    """Train, validation, test, and then the others by name."""
    known: tuple[str, ...] = SPLITS
    return known.index(part) if part in known else len(known), part.zfill(9)
