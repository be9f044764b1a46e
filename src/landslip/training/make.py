"""From a recipe and its data to a detector: one run, or, where the recipe says so, several that teach each other."""

from pathlib import Path

from landslip.datasets.splits import Division
from landslip.training.distillation.self_training import self_train
from landslip.training.recipe.recipe import Recipe
from landslip.training.single_run import Made, make_once

__all__ = ["Made", "make_detector"]


def make_detector(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    progress: bool = True,
    resume: bool = False,
    division: Division | None = None,
    unlabelled: Path | None = None,
) -> Made:
    """Train, calibrate, export, measure and seal a detector.

    Leaves in the folder ``recipe.yaml`` (every setting, also those that were left out), ``run.json`` (versions and
    patches), ``log.csv``, ``checkpoints/``, ``curves.png``, ``samples.png``, ``weights.safetensors`` (float32, to go on
    from) and ``<name>.onnx``; with self-training one such folder a round, ``self_training.csv``, and the last round's
    weights and detector.

    Args:
        recipe: what to do.
        data: a set of patches of any kind.
        folder: for the results; made if need be.
        progress: show bars on stderr.
        resume: go on with the run in the folder, which must have the same recipe and patches, if there is one.
        division: of the set, instead of the recipe's own.
        unlabelled: patches for self-training, instead of the recipe's ``self_training.data``.

    Raises:
        ChannelError: the patches lack a channel of the recipe, or of a teacher.
        DetectorError: a teacher cannot be opened.
        OutputError: the folder holds a run.
        PatchesError: the data are damaged or cannot be divided.
        RecipeError: a part of the recipe is empty, or two share patches; the run in the folder is another one; there
            are patches for self-training but no such section, or the other way round.
        RunError: training or export failed.
    """
    if recipe.self_training is None and unlabelled is None:
        return make_once(recipe, data, folder, progress=progress, resume=resume, division=division)
    return self_train(recipe, data, folder, unlabelled, progress=progress, resume=resume, division=division)
