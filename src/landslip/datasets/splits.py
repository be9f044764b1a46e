"""Parts of a patch set: by scene, by rows of a scene, or by name in a division.

Neighbouring patches touch on the ground, so a random split leaks. Parts are therefore whole scenes, or blocks of rows
with a gap between them.
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
    """A selection of patches: by scenes, by a block of rows and by parts of a division; all given conditions apply.

    Example:
        >>> str(Part(scenes=("A",), rows=(50, 57)))
        'scene A rows 50-57'
    """

    scenes: tuple[str, ...] = ()
    """Names of the scenes; empty for all."""
    rows: tuple[int, int] | None = None
    """First and last row of patches, both included; null for all."""
    parts: tuple[str, ...] = ()
    """Names of parts of a division; empty for all, or without a division."""

    @model_validator(mode="after")
    def _rows_in_order(self) -> "Part":
        if self.rows is not None and not 0 <= self.rows[0] <= self.rows[1]:
            raise ValueError(f"rows {self.rows[0]}-{self.rows[1]} are not a block: give the first, then the last row")
        return self

    def contains(self, entry: Entry, part: str | None = None) -> bool:
        """Return whether a patch belongs to this part; without a known row it does not belong to any block of rows.

        Args:
            entry: the patch.
            part: name of its part in the division, if there is a division.
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
        PatchesError: the text is not a block of rows.

    Example:
        >>> rows_from_text("50-57")
        (50, 57)
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", text)
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise PatchesError(f"'{text}' is not a block of rows: write the first and the last row, such as 50-57")
    return int(match[1]), int(match[2] or match[1])


ProtocolName = Literal["paper", "official", "blocks", "scene-out", "k-fold"]
_KEY: Final = re.compile(rf"({'|'.join(SPLITS)})/\d+")


class Division(Frozen):
    """The parts of a data set, such as train, validation and test; they do not overlap."""

    format: Literal["landslip division"] = "landslip division"
    version: Literal[1] = 1
    protocol: ProtocolName
    how: str
    """Description with which the division can be reproduced."""
    parts: Mapping[str, tuple[str, ...]]
    """Keys of the patches of each part, such as ``train/42``, in the order of the set."""
    left_out: tuple[str, ...] = ()
    """Keys of the other patches: those in a gap, and those with an unknown position."""

    @field_validator("parts")
    @classmethod
    def _named(cls, parts: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        empty = sorted(name for name, patches in parts.items() if not patches)
        if len(parts) < 2 or empty:
            problem = f"empty: {', '.join(empty)}" if empty else "only one part"
            raise ValueError(f"a division needs two or more parts that are not empty ({problem})")
        return parts

    @model_validator(mode="after")
    def _each_once(self) -> "Division":
        counts = Counter(key for keys in (*self.parts.values(), self.left_out) for key in keys)
        unnamed = next((key for key in counts if not _KEY.fullmatch(key)), None)
        if unnamed is not None:
            raise ValueError(f"'{unnamed}' is not the key of a patch: give its split and number, such as train/42")
        twice = next((key for key, count in counts.items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"patch {twice} is listed twice: a patch belongs to one part")
        return self

    def part_of(self, entry: Entry) -> str | None:
        """Return the part of a patch; None if it was left out or is unknown."""
        name = patch_key(entry)
        return next((part for part, keys in self.parts.items() if name in keys), None)

    def choose(self, patches: PatchSet[Any], *parts: str) -> PatchSet[Any]:
        """Select the patches of some parts.

        Raises:
            PatchesError: a part does not exist, or the set lacks one of its patches.
        """
        unknown = sorted(set(parts) - set(self.parts))
        if unknown:
            raise PatchesError(f"the division has no part {', '.join(unknown)}: it has {', '.join(self.parts)}")
        wanted = {key for part in parts for key in self.parts[part]}
        chosen = patches.where(lambda entry: patch_key(entry) in wanted)
        if len(chosen) != len(wanted):
            missing = sorted(wanted - {patch_key(entry) for entry in chosen.entries})
            raise PatchesError(
                f"the set lacks {len(missing)} patches of the division, such as {missing[0]}: give the set that was "
                "divided, or divide this one"
            )
        return chosen

    def write(self, path: str | Path) -> None:
        """Write the division to a JSON file, atomically.

        Raises:
            OutputError: the file cannot be written.
        """
        write_text(path, self.model_dump_json(indent=1) + "\n")

    def __repr__(self) -> str:
        return f"Division({self})"

    def __str__(self) -> str:
        sizes = ", ".join(f"{len(keys)} {part}" for part, keys in self.parts.items())
        return f"{self.protocol}: {sizes}" + (f", {len(self.left_out)} left out" if self.left_out else "")


def read_division(path: Path) -> Division:
    """Read a division from a JSON file.

    Raises:
        PatchesError: the file cannot be read, or is not a division.
    """
    try:
        return Division.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PatchesError(f"{path} cannot be read ({error}): give the JSON file of a division") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise PatchesError(f"{path} is not a division of patches, at {where}: {first['msg']}") from error


def patch_key(entry: Entry) -> str:
    """Return the key of a patch in a division, such as ``train/42``."""
    return f"{entry.split}/{entry.id}"


def make_division(protocol: ProtocolName, how: str, entries: Iterable[Entry], part_of: Mapping[str, str]) -> Division:
    """Make a division of a data set.

    Args:
        protocol: its name.
        how: description with which the division can be reproduced.
        entries: the patches of the set.
        part_of: part by patch key; other patches are left out.

    Raises:
        PatchesError: fewer than two parts have a patch.
    """
    keys = [patch_key(entry) for entry in entries]
    names = sorted(set(part_of.values()), key=_order)
    if len(names) < 2:
        raise PatchesError(
            f"the protocol '{protocol}' makes {'only the part ' + names[0] if names else 'no part'} of {len(keys)} "
            "patches: it needs more scenes, rows or patches, or a smaller gap"
        )
    return Division(
        protocol=protocol,
        how=how,
        parts={name: tuple(key for key in keys if part_of.get(key) == name) for name in names},
        left_out=tuple(key for key in keys if key not in part_of),
    )


def _order(part: str) -> tuple[int, str]:
    # Train, validation and test, then the others by name.
    known: tuple[str, ...] = SPLITS
    return known.index(part) if part in known else len(known), part.zfill(9)
