"""Which patches a recipe learns from, chooses by and reports: by scene and rows, or by a division of the set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from landslip.datasets import protocols
from landslip.datasets.patch_set import Entry, PatchSet
from landslip.datasets.splits import Division, Part, divided, key_of, read_division
from landslip.errors import RecipeError
from landslip.files.model import Frozen

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class SplitRecipe(Frozen):
    """How the set is divided: by a protocol, or as a file of ``landslip`` says; its parts are then called by name."""

    protocol: Literal["paper", "official", "blocks", "scene-out", "k-fold"] | None = None
    """paper (leaks), official, blocks, scene-out or k-fold; parts: train, validation, and test but for paper."""
    file: str | None = None
    """Instead of a protocol, the JSON file of a division, with parts by its own names."""
    scene: str | None = None
    """scene-out: the scene that is tested on."""
    folds: int = Field(default=5, ge=3)
    """k-fold: how many folds."""
    fold: int = Field(default=1, ge=1)
    """k-fold: the one that is tested on; the next one is validation."""
    seed: int = Field(default=42, ge=0)
    """paper: of the random draw."""
    gap_rows: int = Field(default=1, ge=1)
    """blocks, k-fold, and validation in scene-out: rows of patches left out between two blocks."""
    validation_fraction: float = Field(default=0.15, gt=0, lt=1)
    """blocks and scene-out: share of the rows of each scene (that is trained on) for validation."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.protocol is None) == (self.file is None):
            raise ValueError("a division has a protocol or a file: give one of them")
        if (self.protocol == "scene-out") != (self.scene is not None):
            raise ValueError("scene is for the protocol scene-out, which needs it")
        if self.protocol == "k-fold" and self.fold > self.folds:
            raise ValueError(f"there is no fold {self.fold} of {self.folds}")
        return self


@dataclass(frozen=True, slots=True)
class Parts:
    """The patches of a recipe; none is in train and in another part."""

    train: PatchSet[Any]
    validation: PatchSet[Any]
    test: tuple[tuple[Part, PatchSet[Any]], ...]
    split: Division | None


def divide(recipe: SplitRecipe, entries: Sequence[Entry]) -> Division:
    """Divide a set as a recipe says.

    Raises:
        PatchesError: the set does not allow the protocol, or the file is no division.
    """
    if recipe.file is not None:
        return read_division(Path(recipe.file))
    share = recipe.validation_fraction
    if recipe.protocol == "paper":
        return protocols.paper(entries, seed=recipe.seed)
    if recipe.protocol == "official":
        return protocols.official(entries)
    if recipe.protocol == "blocks":
        shares = {TRAIN: 1 - 2 * share, VALIDATION: share, TEST: share} if share < 0.5 else {}
        if not shares:
            raise RecipeError(f"split.validation_fraction {share} leaves no rows to learn from: give less than 0.5")
        return protocols.blocks(entries, shares=shares, gap_rows=recipe.gap_rows)
    if recipe.protocol == "scene-out":
        return _scene_out(recipe, entries)
    return _fold_out(recipe, entries)


def division_for(recipe: SplitRecipe | None, patches: PatchSet[Any]) -> Division | None:
    """The division of a set that a recipe asks for, if it asks for one."""
    return None if recipe is None else divide(recipe, patches.entries)


def _scene_out(recipe: SplitRecipe, entries: Sequence[Entry]) -> Division:
    """A scene for testing; of every other one the last rows for validation."""
    outer = protocols.scene_out(entries, recipe.scene or "")
    inside = [entry for entry in entries if outer.part_of(entry) == TRAIN]
    shares = {TRAIN: 1 - recipe.validation_fraction, VALIDATION: recipe.validation_fraction}
    inner = protocols.blocks(inside, shares=shares, gap_rows=recipe.gap_rows)
    part_of = {key: part for part, keys in inner.parts.items() for key in keys} | dict.fromkeys(outer.parts[TEST], TEST)
    return divided("scene-out", f"{outer.how}; of those, {inner.how}", entries, part_of)


def _fold_out(recipe: SplitRecipe, entries: Sequence[Entry]) -> Division:
    """A fold for testing, the next one for validation, the others for training."""
    folds = protocols.k_fold(entries, folds=recipe.folds, gap_rows=recipe.gap_rows)
    names = {f"fold-{recipe.fold}": TEST, f"fold-{recipe.fold % recipe.folds + 1}": VALIDATION}
    part_of = {key: names.get(fold, TRAIN) for fold, keys in folds.parts.items() for key in keys}
    how = f"{folds.how}; fold {recipe.fold} for testing, the next for validation, the others for training"
    return divided("k-fold", how, entries, part_of)


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
    learned = {key_of(entry) for entry in found[train].entries}
    for part in (choose, *report):
        both = [key for entry in found[part].entries if (key := key_of(entry)) in learned]
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
    chosen = patches.where(lambda entry: part.holds(entry, part_of.get(key_of(entry))))
    if not len(chosen):
        scenes = sorted({entry.scene for entry in patches.entries})
        raise RecipeError(
            f"the set has no patch of {part}: it has {len(patches)} patches of the scenes {', '.join(scenes)}"
        )
    return chosen
