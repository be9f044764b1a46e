"""Which patches a recipe learns from, chooses by and reports: by scene and rows, or by a division of the set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Division, Part, patch_key
from landslip.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Parts:
    """The patches of a recipe; none is in train and in another part."""

    train: PatchSet[Any]
    validation: PatchSet[Any]
    test: tuple[tuple[Part, PatchSet[Any]], ...]
    split: Division | None










def find_parts(
    patches: PatchSet[Any],
    train: Part,
    choose: Part,
    report: Sequence[Part],
    division: Division | None,
) -> Parts:
    """Find the patches of each part.

    Raises:
        PatchesError: a part names parts of a division that has none of that name, or there is no division.
        RecipeError: a part is empty, or train shares patches with another.
    """
    part_of = {} if division is None else {key: name for name, keys in division.parts.items() for key in keys}
    found = {part: _patches_of(patches, part, division, part_of) for part in (train, choose, *report)}
    learned = {patch_key(entry) for entry in found[train].entries}
    for part in (choose, *report):
        both = [key for entry in found[part].entries if (key := patch_key(entry)) in learned]
        if both:
            raise RecipeError(
                f"the recipe trains on {train} and scores {part}, which share {len(both)} patches "
                f"(the first is {both[0]}): keep them apart"
            )
    return Parts(found[train], found[choose], tuple((part, found[part]) for part in report), division)


def _patches_of(
    patches: PatchSet[Any], part: Part, division: Division | None, part_of: Mapping[str, str]
) -> PatchSet[Any]:
    if part.parts and division is None:
        raise RecipeError(f"the recipe speaks of {part}, but has no division: give one, such as  protocol: blocks")
    unknown = [name for name in part.parts if division is not None and name not in division.parts]
    if unknown and division is not None:
        raise RecipeError(f"the division has no part {', '.join(unknown)}: it has {', '.join(division.parts)}")
    chosen = patches.where(lambda entry: part.holds(entry, part_of.get(patch_key(entry))))
    if not len(chosen):
        scenes = sorted({entry.scene for entry in patches.entries})
        raise RecipeError(
            f"the set has no patch of {part}: it has {len(patches)} patches of the scenes {', '.join(scenes)}"
        )
    return chosen
