"""One training run: from patches to a detector with measured scores, and the files of its folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchSet, attribution
from landslip.datasets.splits import Division, patch_key
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.files.progress import Progress, no_progress
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA
from landslip.synthetic.pair_set import RECORD as MADE_PAIRS
from landslip.training.assembly.assemble import assemble
from landslip.training.assembly.description import DataFacts, PartFacts
from landslip.training.assembly.threshold_evidence import histograms_of_unseen_scenes
from landslip.training.data.feeding import LoadedPart, join_parts, load_part
from landslip.training.data.negatives import load_negatives
from landslip.training.data.parts import Parts, find_part_leaks, find_recipe_parts, part_patches
from landslip.training.distillation.soft_labels import build_soft_labels, describe_distillation
from landslip.training.loop.callback import CHECKPOINTS, LAST, History
from landslip.training.loop.module import TargetChange
from landslip.training.loop.run_pictures import draw_pictures
from landslip.training.loop.trainer import fit
from landslip.training.networks.build import DetectorNetwork, build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.run_weights import read_weights, save_weights
from landslip.training.recipe.recipe import Recipe
from landslip.training.run_folder import (
    FAILED_EXPORT,
    WEIGHTS,
    check_folder_free,
    free_after_failed_start,
    start_run,
)


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A finished training run: its detector, its history and its files."""

    folder: Path
    recipe: Recipe
    detector: Detector
    history: History
    leaks: str
    """Sentence on patches of different parts that touch on the ground."""

    @property
    def detector_path(self) -> Path:
        """Path of the detector (ONNX)."""
        return self.folder / f"{self.recipe.name}.onnx"

    @property
    def weights_path(self) -> Path:
        """Path of the network's float32 weights."""
        return self.folder / WEIGHTS

    def network(self) -> DetectorNetwork:
        """Build the network and load the trained weights strictly.

        Returns:
            The ``nn.Module`` in evaluation mode: values (N, C, H, W) in DN, degrees and metres to logits (N, 1, H, W),
            before temperature scaling.

        Raises:
            RecipeError: the weights cannot be read.
        """
        settings = self.recipe.network.model_copy(update={"weights": "none"})
        unknown = torch.ones(len(self.recipe.channels))
        normalise = Normalise(settings.normalisation, mean=unknown, deviation=unknown, channels=self.recipe.channels)
        network = build_network(settings, self.recipe.channels, normalise).network
        tensors, _ = read_weights(self.weights_path)
        network.load_state_dict(tensors, strict=True)
        return network.eval()

    def __repr__(self) -> str:
        return f"TrainingRun({self.recipe.name!r}, {str(self.folder)!r}, {self.history})"


@dataclass(frozen=True, slots=True)
class ExtraPatches:
    """Additional training patches with pseudo-labels."""

    part: LoadedPart
    note: str
    """Sentence for the card: where patches and labels come from."""


def train_once(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    progress: Progress = no_progress,
    resume: bool = False,
    division: Division | None = None,
    extra: ExtraPatches | None = None,
) -> TrainingRun:
    """Train, export, calibrate and score a detector, without self-training.

    Args:
        recipe: of the run.
        data: folder of labelled patches.
        folder: for the results; created if missing.
        progress: told of patches and optimisation steps.
        resume: continue the run in the folder, if there is one.
        division: replaces the split of the recipe.
        extra: additional training patches.
    """
    if not resume:
        check_folder_free(folder, recipe.name)
    patches = open_patches(data)
    parts = find_recipe_parts(recipe, patches, division)
    leaks = find_part_leaks(parts, patches)
    tested = {patch_key(entry) for part in recipe.test for entry in part_patches(part, recipe, parts).entries}
    unseen = histograms_of_unseen_scenes(recipe.calibration.cross_scene_predictions, tested)
    threads = recipe.machine.read_threads
    distilled = recipe.distillation is not None and recipe.distillation.weight > 0
    train = load_part(
        parts.train,
        recipe.channels,
        str(recipe.train),
        threads=threads,
        progress=progress,
        keep_unlabelled=distilled,
        ood=True,
    )
    validation = load_part(
        parts.validation, recipe.channels, str(recipe.validation), threads=threads, progress=progress
    )
    if not validation.landslide_fraction.any():
        raise PatchesError(
            f"the {len(validation)} validation patches ({recipe.validation}) hold no landslide: use a validation part "
            "with landslides"
        )
    _check_scored_parts(recipe, parts)
    about = DataFacts.of(data, recipe, train, leaks=bool(leaks.pairs))
    facts = [
        PartFacts.of(role, str(part), loaded.scenes, loaded.landslide_fraction.tolist())
        for role, part, loaded in (("train", recipe.train, train), ("validation", recipe.validation, validation))
    ]
    change_target, notes = _distil(recipe, parts.train, train.keys, progress)
    if (data / MADE_PAIRS).is_file():
        notes = [*notes, "The images before were made from those after (landslip data pairs): no pair is real."]
    if extra is not None:
        train = join_parts(train, extra.part)
        notes = [*notes, extra.note]
    if leaks.pairs:
        notes = [*notes, f"Warning: {leaks}."]
    keys = {"train": train.keys, "validation": validation.keys}
    negatives = None
    if recipe.negatives is not None:
        negatives = load_negatives(recipe.negatives, train, progress)
        keys["negatives"] = negatives.keys
        notes = [*notes, negatives.note]
    with free_after_failed_start(folder, folder / CHECKPOINTS / LAST):
        start_run(folder, recipe, keys, parts.division, resume=resume, leaks=str(leaks))
        fitted = fit(
            recipe,
            train,
            validation,
            folder,
            progress=progress,
            resume=resume,
            change_target=change_target,
            negatives=negatives,
        )
    title = f"{recipe.name}: trained on {recipe.train}, validated on {recipe.validation}"
    draw_pictures(fitted, validation, folder, title=title, source=attribution(data), pixel_size_m=about.pixel_size_m)
    network = fitted.network
    save_weights(folder / WEIGHTS, network.state_dict(), network=str(fitted.built.name), channels=recipe.inputs)
    detector = assemble(
        recipe,
        fitted,
        parts,
        train,
        validation.stack(),
        data=about,
        facts=facts,
        failed=folder / FAILED_EXPORT,
        unseen=unseen,
        notes=notes,
        progress=progress,
    )
    run = TrainingRun(folder, recipe, detector, fitted.history, str(leaks))
    detector.save(run.detector_path)
    (folder / FAILED_EXPORT).unlink(missing_ok=True)
    return run


def _check_scored_parts(recipe: Recipe, parts: Parts) -> None:
    """Check before training that each calibration part has both classes and each test part has labels.

    Raises:
        PatchesError: one of them has not.
    """
    for part, patches in parts.test:
        needed = {LANDSLIDE, BACKGROUND} if part in recipe.calibration.parts else set()
        labelled = False
        for patch in patches:
            classes = set(np.unique(patch.mask).tolist())
            needed -= classes
            labelled = labelled or bool(classes - {NODATA})
            if labelled and not needed:
                break
        if not labelled or needed:
            lack = "labels" if not labelled else "landslide" if LANDSLIDE in needed else "background"
            raise PatchesError(f"the patches of {part} have no {lack}: give others, or remove the part from the recipe")


def _distil(
    recipe: Recipe, patches: PatchSet[Any], keys: Sequence[str], progress: Progress
) -> tuple[TargetChange | None, list[str]]:
    """Return the soft labels of the recipe's teachers, and the note on them for the card."""
    if recipe.distillation is None:
        return None, []
    labels = build_soft_labels(recipe.distillation, patches, keys, progress=progress)
    return labels, [describe_distillation(recipe.distillation)]
