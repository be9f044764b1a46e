"""The folds of a protocol: how the data are split for each training run, and which part is scored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.datasets.protocols import TEST, TRAIN, VALIDATION, SplitRecipe, divide
from landslip.datasets.splits import Division, Part, ProtocolName
from landslip.errors import PredictionsError, RecipeError, SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.probability import NODATA
from landslip.training.recipe.recipe import Recipe
from landslip.training.recipe.sections import RUN_WEIGHTS_SUFFIX

PROTOCOLS: Final[tuple[ProtocolName, ...]] = ("scene-out", "blocks", "k-fold", "paper", "official")
PROTOCOL_TEXTS: Final = {
    "scene-out": "each scene tested by a detector trained on the others",
    "blocks": "the last rows of each scene tested, with a gap of rows between training and test",
    "k-fold": "blocks of rows tested in turn, with gaps of rows between them",
    "paper": "a random 20 % tested, on which the epoch was also chosen, as in arXiv 2507.01123; neighbouring patches "
    "are split, so the scores are optimistic",
    "official": "the splits published with the data",
}
"""What each protocol tests, in words."""
FOLD: Final = "{fold}"
SEED: Final = "{seed}"
"""Placeholders in a path of a recipe for the name of the fold and the training seed."""
_MIN_FOLDS: Final = 3


@dataclass(frozen=True, slots=True)
class Fold:
    """One split of a protocol."""

    name: str
    """Also the name of its folder: letters, digits and dashes."""
    split: SplitRecipe
    scored: str
    """Part that is scored."""
    division: Division


def make_folds(protocol: ProtocolName, entries: Sequence[Entry], *, folds: int = 5) -> tuple[Fold, ...]:
    """Make the folds of a protocol.

    Args:
        protocol: its name.
        entries: of the data set.
        folds: number of folds of k-fold, at least 3: one for test, one for validation, the others for training.

    Raises:
        SettingsError: there are fewer than 3 folds.
        PatchesError: the data set does not allow the protocol.
    """
    if protocol == "scene-out":
        scenes = sorted({one.scene for one in entries if one.scene != UNKNOWN_SCENE and one.row is not None})
        splits = {f"scene-{scene}": SplitRecipe(protocol="scene-out", scene=scene) for scene in scenes}
    elif protocol == "k-fold":
        if folds < _MIN_FOLDS:
            raise SettingsError(
                f"folds must be at least {_MIN_FOLDS} (test, validation, training), got {folds}", parameter="folds"
            )
        splits = {f"fold-{n}": SplitRecipe(protocol="k-fold", folds=folds, fold=n) for n in range(1, folds + 1)}
    else:
        splits = {protocol: SplitRecipe(protocol=protocol)}
    made: list[Fold] = []
    for number, (name, split) in enumerate(splits.items(), 1):
        division = divide(split, entries)
        scored = TEST if TEST in division.parts else VALIDATION
        plain = _folder_name(name, number)
        taken = plain.lower() in {one.name.lower() for one in made}
        made.append(Fold(f"{plain}-{number}" if taken else plain, split, scored, division))
    return tuple(made)


def recipe_for_fold(recipe: Recipe, fold: Fold, seed: int) -> Recipe:
    """Return a recipe with the split of a fold, and with tensors stored in full precision.

    If the recipe uses other runs, ``{fold}`` and ``{seed}`` in their paths are replaced. A chain of recipes is
    cross-validated by running each of them with the same protocol, one after the other.

    Raises:
        RecipeError: the recipe uses a run that is the same for every fold: it may have been trained on the test part.
    """
    for path in list_source_runs(recipe):
        if FOLD not in path:
            raise RecipeError(
                f"the recipe uses {path} in every fold, which may have been trained on the test part: cross-validate "
                f"its recipe with the same protocol first, and give its path with {FOLD} for the fold, such as "
                f"OUT/runs/{FOLD}/seed-{SEED}/{Path(path).name}"
            )

    def fill_in(path: str) -> str:
        return path.replace(FOLD, fold.name).replace(SEED, str(seed))

    changes = {
        "seed": seed,
        "split": fold.split.model_dump(mode="json"),
        "train": Part(parts=(TRAIN,)).model_dump(mode="json"),
        "validation": Part(parts=(VALIDATION,)).model_dump(mode="json"),
        "test": (),
    }
    written = recipe.model_dump(mode="json") | changes
    # Studies do not need small files, and the check of half precision could stop one.
    written["detector"] |= {"half_precision_storage": False}
    written["network"]["weights"] = fill_in(recipe.network.weights)
    # Predictions on held-out scenes are about the patches that are tested.
    written["calibration"]["cross_scene_predictions"] = ()
    if recipe.distillation is not None:
        written["distillation"]["teachers"] = [fill_in(path) for path in recipe.distillation.teachers]
    return Recipe.model_validate(written)


def list_source_runs(recipe: Recipe) -> tuple[str, ...]:
    """List the runs that a recipe uses beside its data: its teachers, and the run its weights come from."""
    weights = recipe.network.weights
    teachers = () if recipe.distillation is None else recipe.distillation.teachers
    return (*teachers, weights) if weights.endswith(RUN_WEIGHTS_SUFFIX) else teachers


def _folder_name(name: str, number: int) -> str:
    """A name fit for a folder, with a number if something had to be changed."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return plain if plain == name else f"{plain}-{number}"


def pool_predictions(
    folds: Sequence[Predictions], *, protocol: str, recipe: dict[str, Any] | None = None
) -> Predictions:
    """Pool the predictions of folds; every patch keeps the threshold of its fold.

    Args:
        folds: of different patches, with one pixel size.
        protocol: in words.
        recipe: of all folds.

    Raises:
        PredictionsError: there are none, a patch is in two of them, or their pixel sizes differ.
    """
    if not folds:
        raise PredictionsError("there are no predictions to pool: run the folds first")
    entries = tuple(entry for one in folds for entry in one.entries)
    if len({(entry.split, entry.id) for entry in entries}) != len(entries):
        raise PredictionsError("a patch was predicted in two folds: pool folds with different test patches")
    first = folds[0]
    if len({one.pixel_size_m for one in folds}) > 1:
        raise PredictionsError("the folds differ in pixel size: pool predictions on one data set")
    height, width = (max(one.encoded.shape[axis] for one in folds) for axis in (1, 2))
    thresholds = np.concatenate([_thresholds(one) for one in folds])
    temperatures = {one.temperature for one in folds}
    stds = [one.tta_std for one in folds if one.tta_std is not None]
    return Predictions(
        detector=first.detector,
        threshold=float(thresholds.mean()),
        protocol=protocol,
        data=first.data,
        seeds=tuple(dict.fromkeys(seed for one in folds for seed in one.seeds)),
        entries=entries,
        encoded=_stack([one.encoded for one in folds], height, width),
        masks=_stack([one.masks for one in folds], height, width),
        tta_std=_stack(stds, height, width) if len(stds) == len(folds) else None,
        # Different temperatures cannot be undone by a single number.
        temperature=temperatures.pop() if len(temperatures) == 1 else 1.0,
        pixel_size_m=first.pixel_size_m,
        sha256=first.sha256 if len(folds) == 1 else "",
        recipe=recipe,
        thresholds=thresholds,
    )


def _thresholds(one: Predictions) -> NDArray[np.float64]:
    return np.full(len(one), one.threshold) if one.thresholds is None else one.thresholds


def _stack(layers: Sequence[NDArray[np.uint8]], height: int, width: int) -> NDArray[np.uint8]:
    return np.concatenate(
        [
            np.pad(
                layer,
                ((0, 0), (0, height - layer.shape[1]), (0, width - layer.shape[2])),
                constant_values=NODATA,
            )
            for layer in layers
        ]
    )
