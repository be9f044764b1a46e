"""The stresses, as the choosing of a threshold takes them: one image at a time, without torch in sight."""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from landslip.datasets.splits import key_of
from landslip.errors import RecipeError
from landslip.evaluation.predictions import Predictions, load_predictions
from landslip.metrics.counts import LevelCounts
from landslip.post_training.calibration import Light
from landslip.training.augmentation.perturbations import PERTURBATIONS, Perturbation
from landslip.training.loop.validation import wavelengths


def lights_for(channels: Sequence[str]) -> Mapping[str, Light]:
    """Every stress for values (C, H, W) of some channels; none where no channel has a wavelength."""
    wavelengths_nm = wavelengths(channels)
    if not bool(wavelengths_nm.isfinite().any()):
        return {}

    def light(change: Perturbation) -> Light:
        def changed(values: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(change(torch.from_numpy(values)[None], wavelengths_nm)[0].numpy(), np.float32)

        return changed

    return {name: light(change) for name, change in PERTURBATIONS.items()}


def unseen_ground(files: Sequence[str], reported: Set[str]) -> Mapping[str, Sequence[LevelCounts]]:
    """Pixels by what was said of them and what they are, scene by scene, by who said it of which scenes.

    Args:
        files: of predictions.
        reported: keys of patches that will be reported, such as ``train/42``: they choose nothing.

    Raises:
        PredictionsError: a file cannot be read, or is no such file.
        RecipeError: a file is not of a protocol that leaves scenes out, or a scene is left without a landslide.
    """
    found: dict[str, Sequence[LevelCounts]] = {}
    for name in files:
        said = load_predictions(Path(name))
        if not said.protocol.startswith("scene-out"):
            raise RecipeError(
                f"calibration.cross_scene_predictions names {name}, predictions of the protocol '{said.protocol}': give those of landslip "
                "evaluate --protocol scene-out, where each scene is seen by networks that had not learned from it"
            )
        free = said.where(lambda entry: key_of(entry) not in reported)
        counts = [_counts(free, scene) for scene in said.scenes]
        if missing := [scene for scene, one in zip(said.scenes, counts, strict=True) if not one.landslide.any()]:
            raise RecipeError(f"{name} holds no landslide of scene {missing[0]} beside what is reported: leave it out")
        scenes, seeds = ", ".join(said.scenes), ", ".join(map(str, said.seeds))
        title = (
            f"the scenes {scenes} as networks of {said.detector} saw them that learned from the others (seed {seeds})"
        )
        found[title] = counts
    return found


def _counts(said: Predictions, scene: str) -> LevelCounts:
    here = said.where(lambda entry: entry.scene == scene)
    return LevelCounts.of_levels(here.levels, here.masks)
