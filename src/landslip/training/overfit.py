"""Can a network learn a handful of patches by heart? It must, before it is asked for more.

The second experiment of arXiv 2507.01123. Trained and scored on the same patches: no accuracy, and no detector.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from landslip.datasets.formats import attribution, open_patches
from landslip.errors import RecipeError
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.data.feeding import LoadedPart, load_part
from landslip.datasets.protocols import division_for
from landslip.training.data.parts import find_parts
from landslip.training.data.sampling import SamplingRecipe
from landslip.training.loop.trainer import draw_pictures, fit
from landslip.training.recipe.recipe import Recipe
from landslip.training.run_folder import check_folder_free, start_run

LEARNED_F1: Final = 0.9
"""From here on the patches count as learned; borders drawn by hand are not to be had exactly."""
_STEPS_PER_EPOCH: Final = 16


@dataclass(frozen=True, slots=True)
class OverfitResult:
    """What came of learning a few patches by heart."""

    patches: int
    epochs: int
    """After which it was best."""
    f1: float
    """Pooled over all pixels of the patches it was trained on, at its best threshold."""
    keys: tuple[str, ...]
    """Which patches, such as ``train/42``."""

    @property
    def learned(self) -> bool:
        """Whether the network can."""
        return self.f1 >= LEARNED_F1

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        note = "trained and scored on the same patches: no accuracy"
        return {"note": note, **asdict(self), "learned": self.learned}


def overfit(
    recipe: Recipe, data: Path, folder: Path, count: int, *, progress: bool = True, resume: bool = False
) -> OverfitResult:
    """Train on a few patches of the training part and score on the same ones, without augmentation.

    Args:
        recipe: what to do; augmentation and sampling are switched off, and the last weights are scored.
        data: a set of patches of any kind.
        folder: for the results; made if need be.
        count: how many patches; they are spread evenly over those of the training part that hold a landslide.
        progress: show a bar on stderr.
        resume: go on with the run in the folder.

    Raises:
        RecipeError: the training part has fewer patches with a landslide.
        OutputError: the folder holds a run.
        RunError: the loss stopped being a number.
    """
    by_heart = _by_heart(recipe, count)
    if not resume:
        check_folder_free(folder, by_heart.name)
    patches = open_patches(data)
    division = division_for(recipe.split, patches)
    parts = find_parts(patches, recipe.train, recipe.validation, (), division)
    whole = load_part(parts.train, recipe.channels, str(recipe.train), progress=progress)
    few = _some(whole, count)
    start_run(folder, by_heart, {"train": few.keys, "validation": few.keys}, division, resume=resume)
    times = -(-_STEPS_PER_EPOCH * by_heart.fit.batch_size // count)
    shown = few.only(tuple(range(count)) * times)
    fitted = fit(by_heart, shown, few, folder, progress=progress, resume=resume)
    title = f"Overfitting test, no accuracy: {recipe.name} trained and scored on the same {count} patches"
    size_m = recipe.detector.pixel_size_m
    draw_pictures(fitted, few, folder, title=title, source=attribution(data), pixel_size_m=size_m)
    return OverfitResult(count, fitted.chosen.epoch, fitted.chosen.f1_best, few.keys)


def _by_heart(recipe: Recipe, count: int) -> Recipe:
    """The recipe without all that keeps a network from learning by heart."""
    bare = {"batch_size": min(recipe.fit.batch_size, count), "ema_decay": 0.0, "swa_start": None, "monitor": "f1"}
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}-by-heart",
            "augmentation": AugmentationRecipe.disabled(),
            "sampling": SamplingRecipe(),
            "fit": recipe.fit.model_copy(update=bare),
        }
    )


def _some(part: LoadedPart, count: int) -> LoadedPart:
    holding = np.flatnonzero(part.landslide_fraction > 0)
    if len(holding) < count:
        raise RecipeError(f"the training part has {len(holding)} patches with a landslide, {count} were asked for")
    return part.only(holding[np.linspace(0, len(holding) - 1, count).round().astype(np.intp)].tolist())
