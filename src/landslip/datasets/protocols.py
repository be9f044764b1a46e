"""Protocols: how a data set is divided into train, validation and test.

``paper`` and ``official`` reproduce published splits. ``blocks``, ``scene-out`` and ``k-fold`` keep patches that touch
on the ground in one part; they need the positions of the patches (``manifest.csv``, or ``landslip data mosaic``).
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from pydantic import Field, model_validator

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry, PatchSet
from landslip.datasets.splits import Division, ProtocolName, make_division, patch_key, read_division
from landslip.errors import PatchesError, RecipeError
from landslip.files.model import Frozen

TRAIN: Final = "train"
VALIDATION: Final = "validation"
TEST: Final = "test"
DEFAULT_FRACTIONS: Final[Mapping[str, float]] = MappingProxyType({TRAIN: 0.7, VALIDATION: 0.15, TEST: 0.15})


class SplitRecipe(Frozen):
    """How the data set is divided: by a protocol or by a division file; recipes then name its parts."""

    protocol: ProtocolName | None = None
    """paper (leaks), official, blocks, scene-out or k-fold; parts: train, validation and, except for paper, test."""
    file: str | None = None
    """Instead of a protocol: the JSON file of a division, whose parts may have any names."""
    scene: str | None = None
    """scene-out: the scene to test on."""
    folds: int = Field(default=5, ge=3)
    """k-fold: number of folds."""
    fold: int = Field(default=1, ge=1)
    """k-fold: number of the fold to test on; the next one is validation."""
    seed: int = Field(default=42, ge=0)
    """paper: seed of the random split."""
    gap_rows: int = Field(default=1, ge=1)
    """blocks, k-fold, and validation in scene-out: rows of patches left out between two blocks."""
    validation_fraction: float = Field(default=0.15, gt=0, lt=1)
    """blocks and scene-out: fraction of the rows of each (training) scene for validation."""

    @model_validator(mode="after")
    def _check_consistent(self) -> Self:
        if (self.protocol is None) == (self.file is None):
            raise ValueError("a split needs a protocol or a file: give one of them")
        if (self.protocol == "scene-out") != (self.scene is not None):
            raise ValueError("scene is for the protocol scene-out, which needs it")
        if self.protocol == "k-fold" and self.fold > self.folds:
            raise ValueError(f"fold must be 1 to {self.folds}, got {self.fold}")
        return self


def divide(recipe: SplitRecipe, entries: Sequence[Entry]) -> Division:
    """Divide a data set into train, validation and test by a recipe.

    Args:
        recipe: the protocol and its settings.
        entries: the patches of the set, with their positions.

    Raises:
        PatchesError: the set does not allow the protocol, or the division file cannot be read.
        RecipeError: the validation fraction leaves nothing for training.

    Example:
        >>> from landslip.datasets.l4s import L4sEntry
        >>> patches = [L4sEntry(n, "train", "A", n, 0, Path(), None) for n in range(20)]
        >>> print(divide(SplitRecipe(protocol="k-fold", folds=3), patches))
        k-fold: 6 train, 6 validation, 6 test, 2 left out
    """
    if recipe.file is not None:
        return read_division(Path(recipe.file))
    fraction = recipe.validation_fraction
    if recipe.protocol == "paper":
        return paper_split(entries, seed=recipe.seed)
    if recipe.protocol == "official":
        return official_split(entries)
    if recipe.protocol == "blocks":
        if fraction >= 0.5:
            raise RecipeError(f"split.validation_fraction must be below 0.5 for blocks, got {fraction}")
        fractions = {TRAIN: 1 - 2 * fraction, VALIDATION: fraction, TEST: fraction}
        return block_split(entries, fractions=fractions, gap_rows=recipe.gap_rows)
    if recipe.protocol == "scene-out":
        return _scene_out_with_validation(recipe, entries)
    return _fold_out(recipe, entries)


def division_for(recipe: SplitRecipe | None, patches: PatchSet[Any]) -> Division | None:
    """Divide a set by a recipe, if the recipe has a split."""
    return None if recipe is None else divide(recipe, patches.entries)


def paper_split(entries: Sequence[Entry], *, train_fraction: float = 0.8, seed: int = 42) -> Division:
    """Split at random into 80 % training and 20 % validation, as in arXiv 2507.01123.

    This split leaks: neighbouring patches get into different parts. The random generator of the paper is not
    published, so its exact split cannot be reproduced. Here patches are sorted by the SHA-256 of ``seed/split/id``,
    which gives the same split on every machine and with every version.

    Args:
        entries: the patches of the set.
        train_fraction: fraction of the patches for training.
        seed: another seed gives another split.
    """
    if not 0 < train_fraction < 1:
        raise PatchesError(f"train_fraction must be between 0 and 1, got {train_fraction}", parameter="train_fraction")
    keys = sorted(
        (patch_key(entry) for entry in entries), key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest()
    )
    count = round(train_fraction * len(keys))
    how = (
        f"{train_fraction:.0%} at random for training: the first by SHA-256 of '{seed}/split/id'; neighbouring patches "
        "are in different parts"
    )
    return make_division("paper", how, entries, {key: TRAIN if n < count else VALIDATION for n, key in enumerate(keys)})


def official_split(entries: Sequence[Entry]) -> Division:
    """Use the train, validation and test splits that were published with the data set."""
    return make_division(
        "official", "as published with the data set", entries, {patch_key(entry): entry.split for entry in entries}
    )


def block_split(
    entries: Sequence[Entry], *, fractions: Mapping[str, float] = DEFAULT_FRACTIONS, gap_rows: int = 1
) -> Division:
    """Split each scene into blocks of rows, one for each part, with rows left out between them.

    A scene with too few rows goes as a whole to the part that is furthest below its fraction.

    Args:
        entries: the patches of the set, with their positions.
        fractions: fraction of each scene for each part, from its first row on; scaled to a sum of 1.
        gap_rows: rows of patches left out between two blocks, at least 1.

    Example:
        >>> from landslip.datasets.l4s import L4sEntry
        >>> rows = [L4sEntry(n, "train", "A", n, 0, Path(), None) for n in range(12)]
        >>> print(block_split(rows))
        blocks: 7 train, 2 validation, 1 test, 2 left out
    """
    _check_gap(gap_rows)
    total = sum(fractions.values())
    if len(fractions) < 2 or min(fractions.values()) <= 0:
        raise PatchesError(
            f"fractions must name two or more parts with positive numbers, got {dict(fractions)}",
            parameter="fractions",
        )
    part_of = _deal(entries, {part: fraction / total for part, fraction in fractions.items()}, gap_rows)
    text = ", ".join(f"{fraction / total:.0%} {part}" for part, fraction in fractions.items())
    how = f"the rows of each scene in blocks, from the first on {text}, {_gap_text(gap_rows)}"
    return make_division("blocks", how, entries, part_of)


def scene_out_split(entries: Sequence[Entry], scene: str) -> Division:
    """Use one scene for testing and all others for training.

    Raises:
        PatchesError: the set does not have the scene, or has only this one.

    Example:
        >>> from landslip.datasets.l4s import L4sEntry
        >>> patches = [L4sEntry(n, "train", "AAB"[n], 0, n, Path(), None) for n in range(3)]
        >>> scene_out_split(patches, "B").parts["test"]
        ('train/2',)
    """
    placed = [entry for members in _by_scene(entries).values() for entry in members]
    scenes = sorted({entry.scene for entry in placed})
    if scene not in scenes:
        raise PatchesError(f"the set has no scene {scene}: it has {', '.join(scenes)}", parameter="scene")
    part_of = {patch_key(entry): TEST if entry.scene == scene else TRAIN for entry in placed}
    return make_division("scene-out", f"scene {scene} for testing, all others for training", entries, part_of)


def k_fold_split(entries: Sequence[Entry], *, folds: int = 5, gap_rows: int = 1) -> Division:
    """Split each scene into blocks of rows, one for each fold, with rows left out between them.

    A scene with too few rows goes as a whole to the smallest fold.

    Args:
        entries: the patches of the set, with their positions.
        folds: number of folds, at least 2.
        gap_rows: rows of patches left out between two blocks, at least 1.

    Example:
        >>> from landslip.datasets.l4s import L4sEntry
        >>> patches = [L4sEntry(n, "train", "A", n, 0, Path(), None) for n in range(11)]
        >>> print(k_fold_split(patches, folds=2))
        k-fold: 5 fold-1, 5 fold-2, 1 left out
    """
    _check_gap(gap_rows)
    if folds < 2:
        raise PatchesError(f"folds must be 2 or more, got {folds}", parameter="folds")
    part_of = _deal(entries, {f"fold-{number}": 1 / folds for number in range(1, folds + 1)}, gap_rows)
    how = f"the rows of each scene in {folds} blocks, {_gap_text(gap_rows)}"
    return make_division("k-fold", how, entries, part_of)


def _scene_out_with_validation(recipe: SplitRecipe, entries: Sequence[Entry]) -> Division:
    """Test on one scene, validate on the last rows of every other."""
    outer = scene_out_split(entries, recipe.scene or "")
    inside = [entry for entry in entries if outer.part_of(entry) == TRAIN]
    fractions = {TRAIN: 1 - recipe.validation_fraction, VALIDATION: recipe.validation_fraction}
    inner = block_split(inside, fractions=fractions, gap_rows=recipe.gap_rows)
    part_of = {key: part for part, keys in inner.parts.items() for key in keys} | dict.fromkeys(outer.parts[TEST], TEST)
    return make_division("scene-out", f"{outer.how}; of those, {inner.how}", entries, part_of)


def _fold_out(recipe: SplitRecipe, entries: Sequence[Entry]) -> Division:
    """Test on one fold, validate on the next, train on the others."""
    folds = k_fold_split(entries, folds=recipe.folds, gap_rows=recipe.gap_rows)
    names = {f"fold-{recipe.fold}": TEST, f"fold-{recipe.fold % recipe.folds + 1}": VALIDATION}
    part_of = {key: names.get(fold, TRAIN) for fold, keys in folds.parts.items() for key in keys}
    how = f"{folds.how}; fold {recipe.fold} for testing, the next for validation, the others for training"
    return make_division("k-fold", how, entries, part_of)


def _by_scene(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Group the patches with a known position by scene."""
    scenes: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None:
            scenes[entry.scene].append(entry)
    if not scenes:
        raise PatchesError(
            "the positions of the patches are unknown: recover them with  landslip data mosaic , and copy its "
            "positions.csv to the folder of the patches as manifest.csv"
        )
    return dict(scenes)


def _deal(entries: Iterable[Entry], fractions: Mapping[str, float], gap_rows: int) -> dict[str, str]:
    """Assign a block of rows of each scene to each part; return the part by patch key."""
    part_of: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    for members in sorted(_by_scene(entries).values(), key=len, reverse=True):
        if len({entry.row for entry in members}) >= 2 * len(fractions) + gap_rows * (len(fractions) - 1):
            rows = dict(zip(fractions, _cut(members, tuple(fractions.values()), gap_rows), strict=True))
        else:
            behind = max(fractions, key=lambda part: fractions[part] * (sizes.total() + len(members)) - sizes[part])
            rows = {behind: range(1 + max(entry.row or 0 for entry in members))}
        here = {patch_key(entry): part for part, block in rows.items() for entry in members if entry.row in block}
        sizes.update(here.values())
        part_of |= here
    return part_of


def _cut(members: Sequence[Entry], fractions: Sequence[float], gap_rows: int) -> list[range]:
    """Cut the rows of a scene into blocks by numbers of patches, with a gap before every block but the first."""
    counts = Counter(entry.row for entry in members if entry.row is not None)
    first, last = min(counts), max(counts)
    kept = 1 - gap_rows * (len(fractions) - 1) / (last + 1 - first)
    made, start, inside, promised = [], first, 0, 0.0
    for fraction in fractions[:-1]:
        promised += fraction * kept * len(members)
        end = start
        # A row belongs to the block that its middle patch falls into.
        while end <= last and inside + counts[end] / 2 <= promised:
            inside += counts[end]
            end += 1
        made.append(range(start, end))
        start = end + gap_rows
    return [*made, range(start, last + 1)]


def _check_gap(gap_rows: int) -> None:
    if gap_rows < 1:
        raise PatchesError(
            f"gap_rows must be 1 or more, because blocks without a gap touch, got {gap_rows}", parameter="gap_rows"
        )


def _gap_text(gap_rows: int) -> str:
    return f"{gap_rows} {'row' if gap_rows == 1 else 'rows'} of patches left out between them"
