"""Self-training: a detector labels patches without truth where it is sure, and a new one learns from these too.

The way of noisy students (Xie et al. 2020, arXiv 1911.04252): the teacher looks at plain images and is exact in what it
says; the student starts anew and learns from strongly augmented ones, so that it must find what the teacher found under
worse conditions; then it becomes the teacher. The best entries on Landslide4Sense used it (Ghorbanzadeh et al. 2022,
doi 10.1109/JSTARS.2022.3220845).
"""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Division, key_of
from landslip.detector.detector import Detector
from landslip.errors import RecipeError, RunError
from landslip.post_training.calibration import with_card
from landslip.training.data.feeding import load_part
from landslip.training.distillation.pseudo_labels import Taken, draw, sure_masks, without
from landslip.training.distillation.soft_labels import opinions
from landslip.training.loop.log import LOG as COURSE
from landslip.training.loop.run_pictures import CURVES_FILE, SAMPLES_FILE
from landslip.training.recipe.recipe import Recipe
from landslip.training.recipe.sections import SelfTrainingRecipe
from landslip.training.run_folder import check_free, start_run
from landslip.training.single_run import Extra, Made, make_once, parts_of

LOG: Final = "self_training.csv"


def self_train(
    recipe: Recipe,
    data: Path,
    folder: Path,
    unlabelled: Path | None,
    *,
    progress: bool = True,
    resume: bool = False,
    division: Division | None = None,
) -> Made:
    """Train a teacher, then students, each in a folder of its own: ``round-0``, ``round-1`` ...

    Of the patches without truth, those that are also chosen by or reported are left out.

    Args:
        recipe: with a section ``self_training``.
        data: patches with truth.
        folder: for the results; made if need be.
        unlabelled: the patches without truth, instead of the recipe's.
        progress: show bars on stderr.
        resume: go on with the rounds in the folder.
        division: of the patches with truth, instead of the recipe's own.

    Raises:
        RecipeError: there are patches but no section, or the other way round.
        RunError: a teacher was sure of no landslide at all.
    """
    section, where = _section(recipe, unlabelled)
    if not resume:
        check_free(folder, recipe.name)
    parts = parts_of(recipe, open_patches(data), division)
    held_back = [parts.validation, *(patches for _, patches in parts.test)]
    given, doubles = without(open_patches(where), held_back, progress=progress)
    sets = {"train": parts.train, "unlabelled": given}
    keys = {name: [key_of(entry) for entry in patches.entries] for name, patches in sets.items()}
    start_run(folder, recipe, keys, parts.split, resume=resume)
    plain = recipe.model_copy(update={"self_training": None})
    made = make_once(plain, data, folder / "round-0", progress=progress, resume=resume, division=division)
    student = plain.model_copy(update={"augmentation": section.augmentation or plain.augmentation})
    most = round(section.max_fraction / (1 - section.max_fraction) * len(parts.train))
    rows: list[dict[str, int]] = []
    for number in range(1, section.rounds + 1):
        asked = draw(given, most, np.random.default_rng((recipe.seed, number)))
        extra, taken = _labelled(made.detector, asked, student, section, where, progress=progress)
        rows.append({"round": number, **asdict(taken), "also_chosen_by_or_reported": doubles})
        _write_log(folder / LOG, rows)
        made = make_once(
            student,
            data,
            folder / f"round-{number}",
            progress=progress,
            resume=resume,
            division=division,
            extra=extra,
        )
    return _brought_up(made, recipe, folder)


def _section(recipe: Recipe, unlabelled: Path | None) -> tuple[SelfTrainingRecipe, Path]:
    if recipe.self_training is None:
        raise RecipeError(
            "there are patches to learn from without truth, but the recipe has no self_training: add the section, "
            "such as  self_training: {rounds: 1}"
        )
    if unlabelled is None and recipe.self_training.data is None:
        raise RecipeError("self_training has no patches: name their folder in self_training.data or by --unlabelled")
    return recipe.self_training, unlabelled or Path(recipe.self_training.data or "")


def _labelled(
    teacher: Detector,
    patches: PatchSet[Any],
    recipe: Recipe,
    section: SelfTrainingRecipe,
    where: Path,
    *,
    progress: bool,
) -> tuple[Extra, Taken]:
    """What a teacher is sure of in some patches, as patches to learn from."""
    said = opinions([teacher], patches, progress=progress)
    masks = sure_masks(said, section.background_below, section.landslide_above)
    taken = Taken.of(masks)
    if not taken.landslide_px:
        raise RunError(
            f"the teacher is sure of no landslide in {len(patches)} patches of {where}: lower "
            f"self_training.landslide_above ({section.landslide_above:g}), or give patches with landslides"
        )
    part = load_part(
        patches,
        recipe.channels,
        "patches without truth",
        threads=recipe.machine.read_threads,
        progress=progress,
        masks=masks,
    )
    # Numbers of two sets may be the same.
    part = replace(part, keys=tuple(f"unlabelled/{key}" for key in part.keys))
    note = f"Self-training: learned also from {taken} of {where.resolve().name}, as its teacher said."
    return Extra(part, note), taken


def _brought_up(made: Made, recipe: Recipe, folder: Path) -> Made:
    """The last round's detector, weights, log and pictures in the folder itself; its card knows the whole recipe."""
    detector = with_card(made.detector, recipe=recipe.model_dump(mode="json"))
    for name in (made.weights_path.name, COURSE, CURVES_FILE, SAMPLES_FILE):
        shutil.copyfile(made.weights_path.with_name(name), folder / name)
    path = folder / made.detector_path.name
    detector.save(path)
    return Made(detector, path, folder / made.weights_path.name, made.fitted)


def _write_log(path: Path, rows: Sequence[dict[str, int]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        log = csv.DictWriter(file, list(rows[0]))
        log.writeheader()
        log.writerows(rows)
