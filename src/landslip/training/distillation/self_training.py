"""Self-training: a detector labels unlabelled patches where it is confident, and a student is trained on both.

Noisy student (Xie et al. 2020, arXiv 1911.04252): the teacher predicts unaugmented images, the student is trained from
scratch on strongly augmented ones and then becomes the teacher. The best entries of the Landslide4Sense competition
used it (Ghorbanzadeh et al. 2022, doi 10.1109/JSTARS.2022.3220845).
"""

import csv
import hashlib
import io
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Division, patch_key
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, RecipeError, RunError
from landslip.files.atomic import write_text
from landslip.files.progress import Progress, no_progress, track
from landslip.post_training.calibration import update_card
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.training.data.feeding import load_part
from landslip.training.data.parts import find_recipe_parts
from landslip.training.distillation.soft_labels import predict_soft_labels
from landslip.training.loop.callback import CHECKPOINTS, LAST, LOG
from landslip.training.loop.run_pictures import CURVES_FILE, SAMPLES_FILE
from landslip.training.recipe.recipe import Recipe
from landslip.training.recipe.sections import SelfTrainingRecipe
from landslip.training.run_folder import WEIGHTS, check_folder_free, free_after_failed_start, start_run
from landslip.training.single_run import ExtraPatches, TrainingRun, train_once

ROUNDS_LOG: Final = "self_training.csv"


@dataclass(frozen=True, slots=True)
class PseudoLabelCounts:
    """How many pixels received a pseudo-label."""

    patches: int
    used: int
    """Patches with at least one pseudo-label."""
    landslide_px: int
    background_px: int
    nodata_px: int

    @classmethod
    def of(cls, masks: NDArray[np.uint8]) -> "PseudoLabelCounts":
        """Count masks (N, H, W)."""
        pixels = (int(np.count_nonzero(masks == kind)) for kind in (LANDSLIDE, BACKGROUND, NODATA))
        return cls(len(masks), int((masks != NODATA).any(axis=(1, 2)).sum()), *pixels)

    def __str__(self) -> str:
        total = max(self.landslide_px + self.background_px + self.nodata_px, 1)
        return (
            f"{self.used} of {self.patches} patches ({self.landslide_px:,} landslide pixels, {self.background_px:,} "
            f"background pixels, {self.nodata_px / total:.0%} without a label)"
        )


def pseudo_labels(probabilities: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Return masks for probabilities (N, H, W): background up to ``low``, landslide from ``high``, else nodata."""
    masks = np.full(probabilities.shape, NODATA, np.uint8)
    # The bounds are rounded to float16 like the probabilities, so that 0.8 reaches 0.8.
    masks[probabilities <= probabilities.dtype.type(low)] = BACKGROUND
    masks[probabilities >= probabilities.dtype.type(high)] = LANDSLIDE
    return masks


def exclude_duplicates(
    unlabelled: PatchSet[Any], held_out: Iterable[PatchSet[Any]], *, progress: Progress = no_progress
) -> tuple[PatchSet[Any], int]:
    """Remove patches whose image is also among those held out; returns the rest and the number removed.

    Images are compared, not ids, because another folder may number the same images differently.

    Raises:
        PatchesError: nothing is left.
    """
    known = {digest for patches in held_out for digest in _digests(patches, progress).values()}
    digests = _digests(unlabelled, progress)
    rest = unlabelled.where(lambda entry: digests[patch_key(entry)] not in known)
    if not len(rest):
        raise PatchesError(
            f"all {len(unlabelled)} unlabelled patches are also validation or test patches: give others",
            parameter="unlabelled",
        )
    return rest, len(unlabelled) - len(rest)


def _digests(patches: PatchSet[Any], progress: Progress) -> dict[str, bytes]:
    return {
        patch_key(entry): hashlib.sha256(np.ascontiguousarray(patches.read(entry).values).tobytes()).digest()
        for entry in track(patches.entries, progress, "comparing patches")
    }


def sample_patches(patches: PatchSet[Any], count: int, rng: np.random.Generator) -> PatchSet[Any]:
    """Draw patches at random, in the order of the set; all of them where there are no more."""
    if len(patches) <= count:
        return patches
    picked = {patch_key(patches.entries[index]) for index in rng.permutation(len(patches))[:count]}
    return patches.where(lambda entry: patch_key(entry) in picked)


def self_train(
    recipe: Recipe,
    data: Path,
    folder: Path,
    unlabelled: Path,
    *,
    progress: Progress = no_progress,
    resume: bool = False,
    division: Division | None = None,
) -> TrainingRun:
    """Train a teacher and then students, each in a folder of its own: ``round-0``, ``round-1`` ...

    Unlabelled patches that are also validation or test patches are left out.

    Args:
        recipe: with a section ``self_training``.
        data: labelled patches.
        folder: for the results; created if missing.
        unlabelled: unlabelled patches.
        progress: told of patches and optimisation steps.
        resume: continue the rounds in the folder.
        division: of the labelled patches; replaces the split of the recipe.

    Raises:
        RunError: a teacher predicts no landslide with enough confidence.
    """
    section = recipe.self_training
    if section is None:
        raise RecipeError("self-training needs the section self_training in the recipe", parameter="recipe")
    if not resume:
        check_folder_free(folder, recipe.name)
    parts = find_recipe_parts(recipe, open_patches(data), division)
    held_out = [parts.validation, *(patches for _, patches in parts.test)]
    candidates, duplicates = exclude_duplicates(open_patches(unlabelled), held_out, progress=progress)
    sets = {"train": parts.train, "unlabelled": candidates}
    keys = {name: [patch_key(entry) for entry in patches.entries] for name, patches in sets.items()}
    teacher = recipe.model_copy(update={"self_training": None})
    student = teacher.model_copy(update={"augmentation": section.augmentation or teacher.augmentation})
    first = folder / "round-0"
    with free_after_failed_start(folder, first / CHECKPOINTS / LAST):
        start_run(folder, recipe, keys, parts.division, resume=resume)
        run = train_once(teacher, data, first, progress=progress, resume=resume, division=division)
    count = round(section.max_fraction / (1 - section.max_fraction) * len(parts.train))
    rows: list[dict[str, int]] = []
    for number in range(1, section.rounds + 1):
        drawn = sample_patches(candidates, count, np.random.default_rng((recipe.seed, number)))
        extra, counts = _label(run.detector, drawn, student, section, unlabelled, progress)
        rows.append({"round": number, **asdict(counts), "duplicates_left_out": duplicates})
        _write_log(folder / ROUNDS_LOG, rows)
        run = train_once(
            student,
            data,
            folder / f"round-{number}",
            progress=progress,
            resume=resume,
            division=division,
            extra=extra,
        )
    return _publish(run, recipe, folder)


def _label(
    teacher: Detector,
    patches: PatchSet[Any],
    recipe: Recipe,
    section: SelfTrainingRecipe,
    folder: Path,
    progress: Progress,
) -> tuple[ExtraPatches, PseudoLabelCounts]:
    """Label patches by a teacher."""
    probabilities = predict_soft_labels([teacher], patches, progress=progress)
    masks = pseudo_labels(probabilities, section.background_below, section.landslide_above)
    counts = PseudoLabelCounts.of(masks)
    if not counts.landslide_px:
        raise RunError(
            f"the teacher predicts no landslide of probability {section.landslide_above:g} or more in {len(patches)} "
            f"patches of {folder}: lower self_training.landslide_above, or give patches with landslides"
        )
    threads = recipe.machine.read_threads
    part = load_part(patches, recipe.channels, "unlabelled", threads=threads, progress=progress, masks=masks)
    # Both sets may use the same ids.
    part = replace(part, keys=tuple(f"unlabelled/{key}" for key in part.keys))
    return ExtraPatches(part, f"Self-training: pseudo-labels on {counts} of {folder.resolve().name}."), counts


def _publish(run: TrainingRun, recipe: Recipe, folder: Path) -> TrainingRun:
    """Copy the last round's results to the folder; the card of the detector holds the whole recipe."""
    for name in (WEIGHTS, LOG, CURVES_FILE, SAMPLES_FILE):
        shutil.copyfile(run.folder / name, folder / name)
    detector = update_card(run.detector, recipe=recipe.model_dump(mode="json"))
    published = TrainingRun(folder, recipe, detector, run.history, run.leaks)
    detector.save(published.detector_path)
    return published


def _write_log(path: Path, rows: list[dict[str, int]]) -> None:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())
