"""One training run, from patches to a sealed detector with measured scores, and the files that come with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landslip.datasets.formats import attribution, open_patches
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Division, key_of
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.training.assembly.assemble import assemble, patches_of
from landslip.training.assembly.threshold_evidence import unseen_ground
from landslip.training.data.feeding import LoadedPart, join, load_part
from landslip.training.data.parts import Parts, division_for, find_parts
from landslip.training.distillation.soft_labels import distillation, note_of
from landslip.training.loop.module import Teacher
from landslip.training.loop.trainer import Fitted, draw_run, fit
from landslip.training.networks.run_weights import save_weights
from landslip.training.recipe.recipe import Recipe
from landslip.training.run_folder import check_free, start_run


@dataclass(frozen=True, slots=True)
class Made:
    """What training leaves: the detector and where its files lie."""

    detector: Detector
    detector_path: Path
    weights_path: Path
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class Extra:
    """Patches to learn from beside those of the recipe's set."""

    part: LoadedPart
    note: str
    """Where they and their truth come from, a sentence for the card."""


def make_once(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    progress: bool = True,
    resume: bool = False,
    division: Division | None = None,
    extra: Extra | None = None,
) -> Made:
    """Train, calibrate, export, measure and seal a detector, without self-training.

    Args:
        recipe: what to do.
        data: a set of patches of any kind.
        folder: for the results; made if need be.
        progress: show bars on stderr.
        resume: go on with the run in the folder, which must have the same recipe and patches, if there is one.
        division: of the set, instead of the recipe's own.
        extra: patches to learn from as well.

    Raises:
        ChannelError: the patches lack a channel of the recipe, or of a teacher.
        DetectorError: a teacher cannot be opened.
        OutputError: the folder holds a run.
        PatchesError: the data are damaged or cannot be divided, or there is no landslide to choose by.
        PredictionsError: what was said of unseen ground cannot be read.
        RecipeError: a part of the recipe is empty, or two share patches; the run in the folder is another one.
        RunError: training or export failed.
    """
    if not resume:
        check_free(folder, recipe.name)
    parts = parts_of(recipe, open_patches(data), division)
    reported = {key_of(entry) for part in recipe.test for entry in patches_of(part, recipe, parts).entries}
    unseen = unseen_ground(recipe.calibration.cross_scene_predictions, reported)
    threads = recipe.machine.read_threads
    taught = recipe.distillation is not None and recipe.distillation.weight > 0
    train = load_part(
        parts.train, recipe.channels, str(recipe.train), threads=threads, progress=progress, keep_unknown=taught
    )
    choose = load_part(parts.validation, recipe.channels, str(recipe.validation), threads=threads, progress=progress)
    if not choose.landslide_share.any():
        raise PatchesError(
            f"there is no landslide in the {len(choose)} patches of {recipe.validation}: epoch and threshold can be chosen "
            "only where there are some"
        )
    teacher, notes = _teacher(recipe, parts.train, train.keys, progress=progress)
    if extra is not None:
        train = join(train, extra.part)
        notes = [*notes, extra.note]
    start_run(folder, recipe, {"train": train.keys, "validation": choose.keys}, parts.split, resume=resume)
    fitted = fit(recipe, train, choose, folder, progress=progress, resume=resume, teacher=teacher)
    draw_run(
        fitted,
        choose,
        folder,
        title=f"{recipe.name}: learned from {recipe.train}, chosen by {recipe.validation}",
        source=attribution(data),
        pixel_size_m=recipe.detector.pixel_size_m,
    )
    weights_path = folder / "weights.safetensors"
    save_weights(weights_path, fitted.network.state_dict(), network=str(fitted.built.words), channels=recipe.inputs)
    detector = assemble(recipe, fitted, parts, train, choose.stack(), unseen=unseen, notes=notes, progress=progress)
    detector_path = folder / f"{recipe.name}.onnx"
    detector.save(detector_path)
    return Made(detector, detector_path, weights_path, fitted)


def parts_of(recipe: Recipe, patches: PatchSet[Any], division: Division | None) -> Parts:
    """The parts of a recipe: what is learned from, chosen by and reported, none of the first among the others."""
    if division is None:
        division = division_for(recipe.split, patches)
    scored = tuple(dict.fromkeys((*recipe.test, *recipe.calibration.parts)))
    return find_parts(patches, recipe.train, recipe.validation, scored, division)


def _teacher(
    recipe: Recipe, patches: PatchSet[Any], keys: Sequence[str], *, progress: bool
) -> tuple[Teacher | None, list[str]]:
    """Who softens the targets, and what the card says of it."""
    if recipe.distillation is None:
        return None, []
    return distillation(recipe.distillation, patches, keys, progress=progress), [note_of(recipe.distillation)]
