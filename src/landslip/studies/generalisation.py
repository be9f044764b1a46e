"""A recipe judged on ground it was not trained on: each scene left out in turn, with several seeds."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import Part
from landslip.detector.detector import Detector
from landslip.errors import SettingsError
from landslip.evaluation.generalisation.judge import Ground, Judgement, judge
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.studies.cross_validation import cross_validate
from landslip.studies.folds import make_folds
from landslip.studies.trials import RUNS
from landslip.training.recipe.recipe import Recipe


def judge_recipe(
    recipe: Recipe,
    ground: Ground,
    folder: str | Path,
    *,
    seeds: Sequence[int] = (1,),
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> list[Judgement]:
    """Train a recipe by ``scene-out`` and judge the detector of every fold and seed.

    Each detector is scored in the region that it was not trained on, and on the quiet ground and the real scenes. An
    interrupted run resumes.

    Args:
        recipe: its split is replaced by that of each fold.
        ground: needs patches; its regions are replaced by the scenes left out.
        folder: for the runs, as that of ``cross_validate``.
        seeds: each fold is trained once with each.
        options: engine, precision and threads.
        progress: told of training runs, patches and chips.

    Raises:
        SettingsError: there are no patches, or no seed.
        PatchesError: the patches are of one scene.
        LandslipError: a training run failed.
    """
    if ground.patches is None:
        raise SettingsError("a recipe needs labelled patches to be trained on: give patches", parameter="patches")
    cross_validate(recipe, ground.patches, folder, "scene-out", seeds=seeds, progress=progress)
    judged = []
    for fold in make_folds("scene-out", tuple(open_patches(ground.patches).entries)):
        scene = str(fold.split.scene)
        for seed in seeds:
            path = Path(folder) / RUNS / fold.name / f"seed-{seed}" / f"{recipe.name}.onnx"
            one = judge(
                Detector.open(str(path)),
                replace(ground, regions=(Part(scenes=(scene,)),)),
                options=options,
                progress=progress,
            )
            judged.append(replace(one, detector=f"{recipe.name}, without {scene}, seed {seed}"))
    return judged
