"""The public function of training: ``landslip.train``."""

from pathlib import Path
from typing import Any

from landslip.datasets.splits import Division
from landslip.errors import RecipeError
from landslip.files.progress import Progress, no_progress
from landslip.training.distillation.self_training import self_train
from landslip.training.recipe.recipe import Recipe, parse_recipe, read_recipe
from landslip.training.single_run import TrainingRun, train_once

__all__ = ["TrainingRun", "train"]


def train(
    recipe: Recipe | str | Path | dict[str, Any],
    data: str | Path,
    folder: str | Path,
    *,
    progress: Progress = no_progress,
    resume: bool = False,
    unlabelled: str | Path | None = None,
    division: Division | None = None,
) -> TrainingRun:
    """Train, export, calibrate and score a detector.

    The folder receives ``recipe.yaml`` (all settings), ``run.json`` (versions, patches, leaks), ``log.csv``,
    ``checkpoints/``, ``curves.png``, ``samples.png``, ``weights.safetensors`` (float32) and ``<name>.onnx``. With
    self-training there is one such folder per round, ``self_training.csv``, and the files of the last round.

    Args:
        recipe: a recipe, the name of a packaged one (``default``, ``paper``), the path of a YAML file, or a dict.
        data: folder of labelled patches, of any format that ``landslip.open_patches`` reads.
        folder: for the results; created if missing.
        progress: told of patches and optimisation steps.
        resume: continue the run in the folder, which must have the same recipe and patches; start one if there is none.
        unlabelled: patches for self-training; replaces ``self_training.data`` of the recipe.
        division: of the patches; replaces ``split`` of the recipe.

    Returns:
        The run, with ``detector``, ``detector_path``, ``weights_path``, ``history`` and ``network()``.

    Raises:
        RecipeError: the recipe is wrong, a part of it is empty, or the run in the folder has another recipe.
        PatchesError: the patches are damaged, cannot be split, or hold no landslide for validation.
        ChannelError: the patches lack a channel of the recipe or of a teacher.
        OutputError: the folder holds a run that is not to be resumed.
        RunError: training diverged or was interrupted, or the export differs from the network.

    Example:
        >>> run = train("default", "patches/", "run/")  # doctest: +SKIP
        >>> run.network()(torch.zeros(1, 3, 128, 128)).shape  # doctest: +SKIP
        torch.Size([1, 1, 128, 128])
    """
    if isinstance(recipe, dict):
        recipe = parse_recipe(recipe, "the recipe")
    elif not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe)
    data, folder = Path(data), Path(folder)
    if recipe.self_training is None and unlabelled is not None:
        raise RecipeError(
            "unlabelled patches need a section self_training in the recipe, such as  self_training: {rounds: 1}",
            parameter="unlabelled",
        )
    if recipe.self_training is None:
        return train_once(recipe, data, folder, progress=progress, resume=resume, division=division)
    more = unlabelled or recipe.self_training.data
    if more is None:
        raise RecipeError("self_training needs unlabelled patches: set self_training.data", parameter="unlabelled")
    return self_train(recipe, data, folder, Path(more), progress=progress, resume=resume, division=division)
