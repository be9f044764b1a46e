"""Data for the choice of a threshold beside the calibration parts: perturbed images and unseen scenes."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from landslip.datasets.splits import patch_key
from landslip.errors import RecipeError
from landslip.evaluation.predictions import Predictions, load_predictions
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.post_training.calibration import ImageChange
from landslip.training.augmentation.perturbations import PERTURBATIONS, Perturbation
from landslip.training.loop.validation import channel_wavelengths


def perturbations_for(channels: Sequence[str]) -> Mapping[str, ImageChange]:
    """Return every photometric perturbation for values (C, H, W); none where no channel has a wavelength."""
    wavelengths_nm = channel_wavelengths(channels)
    if not bool(wavelengths_nm.isfinite().any()):
        return {}

    def image_change(perturb: Perturbation) -> ImageChange:
        def change(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(perturb(torch.from_numpy(values)[None], wavelengths_nm)[0].numpy(), np.float32)

        return change

    return {name: image_change(perturb) for name, perturb in PERTURBATIONS.items()}


def histograms_of_unseen_scenes(files: Sequence[str], tested: Set[str]) -> Mapping[str, Sequence[ProbabilityHistogram]]:
    """Read predictions of scenes by networks that were not trained on them.

    Args:
        files: predictions (.npz) of cross-validation by scene-out.
        tested: keys of the test patches, such as ``train/42``; they are left out.

    Returns:
        Histograms of the scenes of each file, by a title for the card.

    Raises:
        PredictionsError: a file cannot be read.
        RecipeError: a file has another protocol, or a scene holds no landslide outside the test patches.
    """
    found: dict[str, Sequence[ProbabilityHistogram]] = {}
    for name in files:
        predictions = load_predictions(Path(name))
        if not predictions.protocol.startswith("scene-out"):
            raise RecipeError(
                f"calibration.cross_scene_predictions needs predictions of cross-validation by scene-out, but {name} "
                f"has the protocol '{predictions.protocol}'"
            )
        usable = predictions.where(lambda entry: patch_key(entry) not in tested)
        histograms = [_histogram(usable, scene) for scene in predictions.scenes]
        empty = [scene for scene, one in zip(predictions.scenes, histograms, strict=True) if not one.landslide.any()]
        if empty:
            raise RecipeError(
                f"{name} holds no landslide of scene {empty[0]} outside the test part: remove it from "
                "calibration.cross_scene_predictions"
            )
        scenes, seeds = ", ".join(predictions.scenes), ", ".join(map(str, predictions.seeds))
        title = f"scenes {scenes}, each predicted by {predictions.detector} trained on the others (seed {seeds})"
        found[title] = histograms
    return found


def _histogram(predictions: Predictions, scene: str) -> ProbabilityHistogram:
    here = predictions.where(lambda entry: entry.scene == scene)
    return ProbabilityHistogram.of_encoded(here.encoded, here.masks)
