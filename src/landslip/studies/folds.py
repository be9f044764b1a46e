"""The folds of a protocol: how a set is divided for each training, and what each is scored on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.datasets.splits import Division, Part, ProtocolName
from landslip.errors import PredictionsError, RecipeError, SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.probability import NODATA
from landslip.training.data.parts import TEST, TRAIN, VALIDATION, SplitRecipe, divide
from landslip.training.recipe.recipe import Recipe
from landslip.training.recipe.sections import RUN_WEIGHTS_SUFFIX

PROTOCOLS: Final[tuple[ProtocolName, ...]] = ("scene-out", "blocks", "k-fold", "paper", "official")
SAYS: Final = {
    "scene-out": "each scene tested by a detector that learned from the others",
    "blocks": "the last rows of each scene tested, rows left out between what is learned from and what is tested",
    "k-fold": "blocks of rows tested in turn, rows left out between them",
    "paper": "a random 20 % tested on which the epoch was chosen too, as in arXiv 2507.01123; neighbours are parted, "
    "so it leaks and is no forecast",
    "official": "the splits that the makers of the data gave out",
}
"""What each protocol asks, in words."""
FOLD: Final = "{fold}"
SEED: Final = "{seed}"
"""Stand in a path of a recipe for the fold that is trained, and the seed that it is trained with."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One training of a protocol."""

    name: str
    """Also of its folder: letters, digits and dashes."""
    recipe: SplitRecipe
    tested: str
    """Part of the division that is scored."""
    division: Division


def folds_of(protocol: ProtocolName, entries: Sequence[Entry], *, folds: int = 5) -> tuple[Fold, ...]:
    """The folds of a protocol.

    Args:
        protocol: its name.
        entries: of the set.
        folds: of k-fold, at least 3: one is tested, the next chooses, the others are learned from.

    Raises:
        SettingsError: fewer folds than 3.
        PatchesError: the set does not allow the protocol.
    """
    if protocol == "scene-out":
        scenes = sorted({one.scene for one in entries if one.scene != UNKNOWN_SCENE and one.row is not None})
        recipes = {f"scene-{scene}": SplitRecipe(protocol="scene-out", scene=scene) for scene in scenes}
    elif protocol == "k-fold":
        if folds < 3:
            raise SettingsError(
                f"{folds} folds: give 3 or more, so that one tests, one chooses and one is learned from"
            )
        numbers = range(1, folds + 1)
        recipes = {f"fold-{n}": SplitRecipe(protocol="k-fold", folds=folds, fold=n) for n in numbers}
    else:
        recipes = {protocol: SplitRecipe(protocol=protocol)}
    made: list[Fold] = []
    for number, (name, recipe) in enumerate(recipes.items(), 1):
        division = divide(recipe, entries)
        tested = TEST if TEST in division.parts else VALIDATION
        plain = _plain(name, number)
        taken = plain.lower() in {one.name.lower() for one in made}
        made.append(Fold(f"{plain}-{number}" if taken else plain, recipe, tested, division))
    return tuple(made)


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse seeds that are none.

    Raises:
        SettingsError: there is none, or the same one twice.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise SettingsError(f"seeds {', '.join(map(str, seeds)) or 'none'}: give one or more, all different")


def recipe_for(recipe: Recipe, fold: Fold, seed: int) -> Recipe:
    """A recipe with its parts replaced by those of a fold, its tensors stored whole.

    Where it learns from other runs, ``{fold}`` and ``{seed}`` in their paths become the fold's name and the seed: a
    chain of recipes is judged by running each of them by the protocol, one after the other.

    Raises:
        RecipeError: a run that it learns from is the same for every fold, so that it may know what a fold tests.
    """
    for path in learned_from(recipe):
        if FOLD not in path:
            raise RecipeError(
                f"the recipe learns from {path}, which may have seen what a fold tests: train that by the same "
                f"protocol first and name it as it lies there, with {FOLD} for the fold, such as "
                f"OUT/runs/{FOLD}/seed-{SEED}/{Path(path).name}"
            )

    def of_fold(path: str) -> str:
        return path.replace(FOLD, fold.name).replace(SEED, str(seed))

    changes = {
        "seed": seed,
        "split": fold.recipe.model_dump(mode="json"),
        "train": Part(parts=(TRAIN,)).model_dump(mode="json"),
        "validation": Part(parts=(VALIDATION,)).model_dump(mode="json"),
        "test": (),
    }
    written = recipe.model_dump(mode="json") | changes
    # Half the size on disk is nothing to an experiment, and its check could end one.
    written["detector"] |= {"half_precision_storage": False}
    written["network"]["weights"] = of_fold(recipe.network.weights)
    # What was said of scenes left out is about the very patches that are tested.
    written["calibration"]["cross_scene_predictions"] = ()
    if recipe.distillation is not None:
        written["distillation"]["teachers"] = [of_fold(path) for path in recipe.distillation.teachers]
    return Recipe.model_validate(written)


def learned_from(recipe: Recipe) -> tuple[str, ...]:
    """Names and paths of what a recipe learns from beside its data: its teachers, another run's weights."""
    weights = recipe.network.weights
    teachers = () if recipe.distillation is None else recipe.distillation.teachers
    return (*teachers, weights) if weights.endswith(RUN_WEIGHTS_SUFFIX) else teachers


def _plain(name: str, number: int) -> str:
    """A name fit for a folder; with its number where something had to be changed."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return plain if plain == name else f"{plain}-{number}"


def pooled(folds: Sequence[Predictions], *, protocol: str, recipe: dict[str, Any] | None = None) -> Predictions:
    """Put predictions of folds together; every patch keeps the threshold of its fold.

    Args:
        folds: of different patches, with pixels of one size.
        protocol: in words.
        recipe: by which all folds were trained, whatever each of them learned from.

    Raises:
        PredictionsError: there is none, a patch stands in two, or their pixels differ in size.
    """
    if not folds:
        raise PredictionsError("there are no predictions to pool: run the folds first")
    entries = tuple(entry for one in folds for entry in one.entries)
    if len({(entry.split, entry.id) for entry in entries}) != len(entries):
        raise PredictionsError("a patch was predicted in two folds: pool folds that test different patches")
    first = folds[0]
    if len({one.pixel_size_m for one in folds}) > 1:
        raise PredictionsError("the folds have pixels of different sizes: pool predictions of one set")
    height, width = (max(one.levels.shape[axis] for one in folds) for axis in (1, 2))
    thresholds = np.concatenate([_thresholds(one) for one in folds])
    temperatures = {one.temperature for one in folds}
    spreads = [one.spread for one in folds]
    known = [spread for spread in spreads if spread is not None]
    return Predictions(
        detector=first.detector,
        threshold=float(thresholds.mean()),
        protocol=protocol,
        data=first.data,
        seeds=tuple(dict.fromkeys(seed for one in folds for seed in one.seeds)),
        entries=entries,
        levels=_joined([one.levels for one in folds], height, width),
        masks=_joined([one.masks for one in folds], height, width),
        spread=_joined(known, height, width) if len(known) == len(folds) else None,
        # Several temperatures are no single number that could be undone.
        temperature=temperatures.pop() if len(temperatures) == 1 else 1.0,
        pixel_size_m=first.pixel_size_m,
        sha256=first.sha256 if len(folds) == 1 else "",
        recipe=recipe,
        thresholds=thresholds,
    )


def _thresholds(one: Predictions) -> NDArray[np.float64]:
    return np.full(len(one), one.threshold) if one.thresholds is None else one.thresholds


def _joined(layers: Sequence[NDArray[np.uint8]], height: int, width: int) -> NDArray[np.uint8]:
    """Layers (n, h, w) one after the other, smaller ones continued by what was not observed."""
    joined = np.full((sum(map(len, layers)), height, width), NODATA, np.uint8)
    start = 0
    for layer in layers:
        joined[start : start + len(layer), : layer.shape[1], : layer.shape[2]] = layer
        start += len(layer)
    return joined
