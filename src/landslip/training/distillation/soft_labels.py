"""Soft labels for knowledge distillation: teachers predict every training patch once, before training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import patch_key
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, RecipeError
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import FLOAT32
from landslip.inference.patch_prediction import predict_patches
from landslip.inference.tta import TTA
from landslip.post_training.ensemble import ensemble
from landslip.training.data.target import Target
from landslip.training.recipe.sections import DistillationRecipe


def predict_soft_labels(
    detectors: Sequence[Detector], patches: PatchSet[Any], *, tta: TTA = "none", progress: Progress = no_progress
) -> NDArray[np.float16]:
    """Predict the mean probability of some detectors for each patch; labels are not used.

    float16 is accurate to 0.0005 for a probability and takes 2 bytes per pixel.

    Args:
        detectors: one or more; they may use channels that the student does not.
        patches: all of one size.
        tta: test-time augmentation of the detectors.
        progress: told of patches.

    Returns:
        (N, H, W), NaN where the image is nodata.

    Raises:
        ChannelError: the patches lack a channel of a detector.
        DetectorError: the detectors do not fit together.
        PatchesError: the patches differ in size.
    """
    detector = detectors[0] if len(detectors) == 1 and tta == "none" else ensemble(detectors, "teacher", tta=tta)
    maps = predict_patches(detector, patches, FLOAT32, progress=progress, stage="predicting soft labels")
    probabilities = [probability.astype(np.float16) for _, probability in maps]
    sizes = {probability.shape for probability in probabilities}
    if len(sizes) != 1:
        raise PatchesError(f"soft labels need patches of one size, got {len(sizes)} sizes")
    return np.stack(probabilities)


class SoftLabels:
    """Mixes the target of a batch with stored soft labels.

    Args:
        probabilities: (N, H, W) for every patch of the training part; NaN where there is none.
        weight: of the soft labels in the target, 0 to 1.

    Raises:
        RecipeError: the weight is out of range.
    """

    def __init__(self, probabilities: NDArray[np.floating], weight: float) -> None:
        if not 0 <= weight <= 1:
            raise RecipeError(f"weight must be between 0 and 1, got {weight}", parameter="weight")
        self._probabilities = torch.from_numpy(np.ascontiguousarray(probabilities))
        self.weight = weight

    def __call__(self, positions: Tensor, target: Target) -> Target:
        """Return the mixed target of the patches at some positions (N,), before augmentation.

        Labelled pixels become (1 - weight) * label + weight * soft label. Unlabelled pixels take the soft label alone,
        unless the weight is 0. Without a soft label nothing changes.
        """
        soft = self._probabilities[positions.to(self._probabilities.device)].to(target.landslide.device, torch.float32)
        known = soft.isfinite()
        soft = torch.nan_to_num(soft)
        mixed = (1 - self.weight) * target.landslide + self.weight * soft
        landslide = torch.where(target.valid & known, mixed, target.landslide)
        if self.weight == 0:
            return Target(landslide, target.valid)
        return Target(torch.where(~target.valid & known, soft, landslide), target.valid | known)


def build_soft_labels(
    recipe: DistillationRecipe, patches: PatchSet[Any], keys: Sequence[str], *, progress: Progress = no_progress
) -> SoftLabels:
    """Predict the soft labels of a recipe's teachers.

    Args:
        recipe: section ``distillation``.
        patches: hold the training patches, in their order.
        keys: of the training patches, such as ``train/42``.
        progress: told of patches.

    Raises:
        ChannelError: the patches lack a channel of a teacher.
        DetectorError: a teacher cannot be opened, or the teachers do not fit together.
    """
    wanted = set(keys)
    trained = patches.where(lambda entry: patch_key(entry) in wanted)
    teachers = [Detector.open(name) for name in recipe.teachers]
    return SoftLabels(predict_soft_labels(teachers, trained, tta=recipe.tta, progress=progress), recipe.weight)


def describe_distillation(recipe: DistillationRecipe) -> str:
    """Return a sentence on the teachers for the card."""
    teachers = (Detector.open(name) for name in recipe.teachers)
    names = " and ".join(f"`{teacher.card.name}` (sha256 {teacher.sha256[:12]})" for teacher in teachers)
    augmented = "" if recipe.tta == "none" else f", test-time augmentation {recipe.tta}"
    return f"Distilled from {names}: soft labels, weight {recipe.weight:g}{augmented}."
