"""Validation during training: F1 of the validation part, on its images as they are and under fixed perturbations."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from landslip.channels import DETECTOR_INPUTS
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.training.augmentation.perturbations import PERTURBATIONS
from landslip.training.data.feeding import TensorBatch
from landslip.training.recipe.sections import FitRecipe

F1_ONLY: Final = "f1"


@dataclass(frozen=True, slots=True)
class Validation:
    """Scores of one validation; F1 is pooled over all pixels of the validation part."""

    epoch: int
    f1_at_half: float
    """F1 at threshold 0.5."""
    f1_best: float
    threshold_best: float
    f1_perturbed_mean: float
    """Mean F1 over the perturbations at ``threshold_best``; equal to ``f1_best`` where none were evaluated."""
    f1_perturbed_worst: float

    def score(self, monitor: str) -> float:
        """Return the score that selects the epoch (``fit.monitor`` of the recipe)."""
        return self.f1_best if monitor == F1_ONLY else 0.5 * self.f1_best + 0.5 * self.f1_perturbed_mean


def channel_wavelengths(channels: Iterable[str]) -> Tensor:
    """Return the wavelength of each channel in nm, (C,); NaN for slope and elevation."""
    return torch.tensor([DETECTOR_INPUTS[name].wavelength_nm or float("nan") for name in channels])


def count_validation(
    network: nn.Module,
    batches: Iterable[TensorBatch],
    recipe: FitRecipe,
    wavelengths_nm: Tensor,
    device: torch.device,
    precision: Callable[[], AbstractContextManager[None]],
) -> Tensor:
    """Count pixels by encoded probability, for the original images and each perturbation that the monitor needs.

    Args:
        network: in evaluation mode, on the device.
        batches: of the validation part.
        recipe: decides by its monitor whether perturbations are evaluated.
        wavelengths_nm: (C,).
        device: runs the network.
        precision: context in which the network runs.

    Returns:
        Integers (1 + perturbations, 2, 251): landslide and background pixels at each encoded probability.
    """
    perturbations = [] if recipe.monitor == F1_ONLY else list(PERTURBATIONS.values())
    if not bool(wavelengths_nm.isfinite().any()):
        # Slope and elevation do not depend on light.
        perturbations = []
    totals = [_histogram_of_nothing() for _ in range(1 + len(perturbations))]
    for batch in batches:
        values, masks = batch.values.to(device), batch.masks.numpy()
        for index, image in enumerate([values, *(change(values, wavelengths_nm) for change in perturbations)]):
            with torch.inference_mode(), precision():
                logits = network(image.contiguous(memory_format=torch.channels_last)).squeeze(1)
            totals[index] += ProbabilityHistogram.of(logits.float().sigmoid().cpu().numpy(), masks)
    return torch.from_numpy(np.stack([np.stack([one.landslide, one.background]) for one in totals]))


def _histogram_of_nothing() -> ProbabilityHistogram:
    return ProbabilityHistogram.of(np.zeros(0, np.float32), np.zeros(0, np.uint8))


def validation_of(counts: Tensor, epoch: int) -> Validation:
    """Compute the scores from the counts of ``count_validation``."""
    original, *perturbed = [ProbabilityHistogram(*one) for one in counts.cpu().numpy()]
    threshold = best_threshold([original])
    f1 = [one.at(threshold).f1 for one in perturbed or [original]]
    return Validation(
        epoch=epoch,
        f1_at_half=original.at(0.5).f1,
        f1_best=original.at(threshold).f1,
        threshold_best=threshold,
        f1_perturbed_mean=float(np.mean(f1)),
        f1_perturbed_worst=float(np.min(f1)),
    )
