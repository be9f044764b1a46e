"""The patches of a recipe's train, validation and test parts, and leaks between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landslip.datasets.leakage import Leaks, find_leaks_between
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.protocols import division_for
from landslip.datasets.splits import Division, Part, patch_key
from landslip.errors import RecipeError
from landslip.training.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Parts:
    """The patches of a recipe's parts; those of ``train`` are in no other part."""

    train: PatchSet[Any]
    validation: PatchSet[Any]
    test: tuple[tuple[Part, PatchSet[Any]], ...]
    """Test and calibration parts."""
    division: Division | None


def find_recipe_parts(recipe: Recipe, patches: PatchSet[Any], division: Division | None = None) -> Parts:
    """Find the patches of every part of a recipe.

    Args:
        recipe: of the run.
        patches: the whole set.
        division: replaces the split of the recipe.

    Raises:
        PatchesError: the set does not allow the split.
        RecipeError: a part is empty, or train shares patches with another part.
    """
    if division is None:
        division = division_for(recipe.split, patches)
    scored = tuple(dict.fromkeys((*recipe.test, *recipe.calibration.parts)))
    return find_parts(patches, recipe.train, recipe.validation, scored, division)


def find_parts(
    patches: PatchSet[Any], train: Part, validation: Part, test: Sequence[Part], division: Division | None
) -> Parts:
    """Find the patches of each part.

    Raises:
        RecipeError: a part is empty or names a part that the split lacks, or train shares patches with another part.
    """
    part_of = {} if division is None else {key: name for name, keys in division.parts.items() for key in keys}
    found = {part: _select(patches, part, division, part_of) for part in (train, validation, *test)}
    trained = {patch_key(entry) for entry in found[train].entries}
    for part in (validation, *test):
        shared = [key for entry in found[part].entries if (key := patch_key(entry)) in trained]
        if shared:
            raise RecipeError(
                f"{train} is for training and {part} for scoring, but they share {len(shared)} patches, such as "
                f"{shared[0]}: use separate parts"
            )
    return Parts(found[train], found[validation], tuple((part, found[part]) for part in test), division)


def _select(patches: PatchSet[Any], part: Part, division: Division | None, part_of: Mapping[str, str]) -> PatchSet[Any]:
    if part.parts and division is None:
        raise RecipeError(f"'{part}' needs a split: add one to the recipe, such as  split: {{protocol: blocks}}")
    unknown = [name for name in part.parts if division is not None and name not in division.parts]
    if unknown and division is not None:
        raise RecipeError(f"the division has no part {', '.join(unknown)}: it has {', '.join(division.parts)}")
    selected = patches.where(lambda entry: part.contains(entry, part_of.get(patch_key(entry))))
    if not len(selected):
        scenes = sorted({entry.scene for entry in patches.entries})
        raise RecipeError(
            f"there is no patch in {part}: the set has {len(patches)} patches of the scenes {', '.join(scenes)}"
        )
    return selected


def part_patches(part: Part, recipe: Recipe, parts: Parts) -> PatchSet[Any]:
    """Return the patches of a validation, calibration or test part."""
    return {recipe.validation: parts.validation, **dict(parts.test)}[part]


def find_part_leaks(parts: Parts, patches: PatchSet[Any]) -> Leaks:
    """Find patches of train, validation and test that touch each other on the ground.

    Args:
        parts: of the recipe.
        patches: the whole set.
    """
    part_of: dict[str, str] = {}
    sets = (("train", parts.train), ("validation", parts.validation), *(("test", one) for _, one in parts.test))
    for name, some in sets:
        for entry in some.entries:
            part_of.setdefault(patch_key(entry), name)
    keys = {
        name: tuple(key for key, part in part_of.items() if part == name) for name in dict.fromkeys(part_of.values())
    }
    return find_leaks_between(
        keys, patches.entries, "scenes and rows" if parts.division is None else parts.division.protocol
    )
