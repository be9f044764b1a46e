"""Overfitting test: a network must be able to fit a handful of patches before it is trained on more.

The second experiment of arXiv 2507.01123. Training and scoring use the same patches: the F1 is not an accuracy.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import attribution
from landslip.datasets.protocols import division_for
from landslip.errors import RecipeError
from landslip.files.progress import Progress, no_progress
from landslip.training.assembly.description import DataFacts
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.data.feeding import LoadedPart, load_part
from landslip.training.data.parts import find_parts
from landslip.training.data.sampling import SamplingRecipe
from landslip.training.loop.callback import CHECKPOINTS, LAST
from landslip.training.loop.run_pictures import draw_pictures
from landslip.training.loop.trainer import fit
from landslip.training.recipe.recipe import Recipe
from landslip.training.run_folder import check_folder_free, free_after_failed_start, start_run

PASS_F1: Final = 0.9
"""F1 of a passed test; hand-drawn borders cannot be fitted exactly."""
_STEPS_PER_EPOCH: Final = 16


@dataclass(frozen=True, slots=True)
class OverfitResult:
    """The result of an overfitting test."""

    patches: int
    epochs: int
    """The best epoch."""
    f1: float
    """Pooled over all pixels of the training patches, at the best threshold."""
    keys: tuple[str, ...]
    """The patches, such as ``train/42``."""

    @property
    def passed(self) -> bool:
        """Whether the network can fit the patches."""
        return self.f1 >= PASS_F1

    def as_dict(self) -> dict[str, Any]:
        """Return all values by name, for JSON."""
        note = "trained and scored on the same patches: not an accuracy"
        return {"note": note, **asdict(self), "passed": self.passed}


def overfit(
    recipe: Recipe,
    data: str | Path,
    folder: str | Path,
    count: int,
    *,
    progress: Progress = no_progress,
    resume: bool = False,
) -> OverfitResult:
    """Train on a few patches of the training part and score on the same ones, without augmentation.

    Args:
        recipe: of the run; augmentation, sampling and weight averaging are switched off.
        data: folder of labelled patches.
        folder: for the results; created if missing.
        count: number of patches, distributed evenly over those of the training part that hold a landslide.
        progress: told of patches and optimisation steps.
        resume: continue the run in the folder.

    Raises:
        RecipeError: the training part has fewer patches with a landslide.
        OutputError: the folder holds a run.
        RunError: training diverged or was interrupted.
    """
    data, folder = Path(data), Path(folder)
    plain = _without_regularisation(recipe, count)
    if not resume:
        check_folder_free(folder, plain.name)
    patches = open_patches(data)
    division = division_for(recipe.split, patches)
    parts = find_parts(patches, recipe.train, recipe.validation, (), division)
    few = _pick(load_part(parts.train, recipe.channels, str(recipe.train), progress=progress), count)
    repeats = -(-_STEPS_PER_EPOCH * plain.fit.batch_size // count)
    about = DataFacts.of(data, recipe, few, leaks=False)
    with free_after_failed_start(folder, folder / CHECKPOINTS / LAST):
        start_run(folder, plain, {"train": few.keys, "validation": few.keys}, division, resume=resume)
        fitted = fit(plain, few.subset(tuple(range(count)) * repeats), few, folder, progress=progress, resume=resume)
    title = f"Overfitting test, not an accuracy: {recipe.name} trained and scored on the same {count} patches"
    draw_pictures(fitted, few, folder, title=title, source=attribution(data), pixel_size_m=about.pixel_size_m)
    return OverfitResult(count, fitted.best.epoch, fitted.best.f1_best, few.keys)


def _without_regularisation(recipe: Recipe, count: int) -> Recipe:
    """The recipe without what keeps a network from overfitting."""
    plain = {"batch_size": min(recipe.fit.batch_size, count), "ema_decay": 0.0, "swa_start": None, "monitor": "f1"}
    return recipe.model_copy(
        update={
            "name": f"{recipe.name}-overfit",
            "augmentation": AugmentationRecipe.disabled(),
            "sampling": SamplingRecipe(),
            "fit": recipe.fit.model_copy(update=plain),
        }
    )


def _pick(part: LoadedPart, count: int) -> LoadedPart:
    holding = np.flatnonzero(part.landslide_fraction > 0)
    if len(holding) < count:
        raise RecipeError(
            f"the number of patches must be at most {len(holding)}, the training patches with a landslide, got {count}",
            parameter="count",
        )
    return part.subset(holding[np.linspace(0, len(holding) - 1, count).round().astype(np.intp)].tolist())
