"""A look at the choosing part: how good the network is by now, in its own light and under every stress."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from landslip.channels import CHANNELS
from landslip.metrics.counts import LevelCounts, best_threshold
from landslip.training.augmentation.perturbations import PERTURBATIONS
from landslip.training.data.feeding import Fed
from landslip.training.recipe.sections import FitRecipe

F1_ONLY = "f1"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the choosing part found; F1 pooled over all its pixels."""

    epoch: int
    f1_at_half: float
    f1_best: float
    threshold_best: float
    f1_stressed_mean: float
    """Mean over the stresses, each at ``threshold_best``; as in its own light where no stress was asked for."""
    f1_stressed_worst: float

    def merit(self, choose_by: str) -> float:
        """What the epoch is chosen by: F1, or as good at home as in another light."""
        return self.f1_best if choose_by == F1_ONLY else 0.5 * self.f1_best + 0.5 * self.f1_stressed_mean


def wavelengths(channels: Iterable[str]) -> Tensor:
    """Wavelength of each channel in nm, (C,); NaN for terrain."""
    return torch.tensor([CHANNELS[name].wavelength_nm or float("nan") for name in channels])


def count_lights(
    network: nn.Module,
    batches: Iterable[Fed],
    recipe: FitRecipe,
    wavelengths_nm: Tensor,
    device: torch.device,
    precision: Callable[[], AbstractContextManager[None]],
) -> Tensor:
    """Count the pixels of each level of probability, in its own light and in each stress that the recipe asks for.

    Args:
        network: in evaluation mode, on the device.
        batches: of the choosing part.
        recipe: what the epoch is chosen by.
        wavelengths_nm: (C,).
        device: that computes.
        precision: the context to run the network in.

    Returns:
        (lights, 2, levels) whole numbers: landslide and not landslide.
    """
    changes = [] if recipe.monitor == F1_ONLY else list(PERTURBATIONS.values())
    if not bool(wavelengths_nm.isfinite().any()):
        # Slope and elevation do not depend on light.
        changes = []
    total: list[LevelCounts | None] = [None] * (1 + len(changes))
    for fed in batches:
        values, masks = fed.values.to(device), fed.masks.numpy()
        for place, light in enumerate([values, *(change(values, wavelengths_nm) for change in changes)]):
            with torch.inference_mode(), precision():
                logits = network(light.contiguous(memory_format=torch.channels_last)).squeeze(1)
            counts = LevelCounts.of(logits.float().sigmoid().cpu().numpy(), masks)
            so_far = total[place]
            total[place] = counts if so_far is None else so_far + counts
    empty = LevelCounts.of(np.zeros(0, np.float32), np.zeros(0, np.uint8))
    counted = [counts or empty for counts in total]
    return torch.from_numpy(np.stack([np.stack([counts.landslide, counts.other]) for counts in counted]))


def look_from(counts: Tensor, epoch: int) -> Look:
    """Judge by the counts (lights, 2, levels), the first of which is the patches' own light."""
    plain, *stressed = [LevelCounts(*light) for light in counts.cpu().numpy()]
    threshold = best_threshold([plain])
    f1 = [light.at(threshold).f1 for light in stressed or [plain]]
    return Look(
        epoch=epoch,
        f1_at_half=plain.at(0.5).f1,
        f1_best=plain.at(threshold).f1,
        threshold_best=threshold,
        f1_stressed_mean=float(np.mean(f1)),
        f1_stressed_worst=float(np.min(f1)),
    )
