"""Optimiser, learning rate schedule and weight averaging."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from landslip.training.recipe.sections import Cosine, FitRecipe, OneCycle, Schedule, Steps


def build_optimiser(
    network: nn.Module, recipe: FitRecipe, steps_per_epoch: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Build the optimiser of a network and its schedule, which advances after every step.

    Args:
        network: with its encoder at ``body.encoder``, if it has one.
        recipe: section ``fit``.
        steps_per_epoch: on each device.
    """
    rates: Mapping[str, float] = {
        "encoder": recipe.encoder_lr_multiplier * recipe.learning_rate,
        "rest": recipe.learning_rate,
    }
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in rates}
    for name, parameter in network.named_parameters():
        groups["encoder" if name.startswith("body.encoder.") else "rest"].append(parameter)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    optimiser = kind(
        [{"params": groups[name], "lr": rate} for name, rate in rates.items() if groups[name]],
        weight_decay=recipe.weight_decay,
    )
    steps = recipe.epochs * steps_per_epoch
    schedule = recipe.schedule
    if isinstance(schedule, OneCycle):
        peaks = [rates[name] for name in rates if groups[name]]
        return optimiser, OneCycleLR(optimiser, peaks, total_steps=steps, pct_start=schedule.warmup_fraction)
    return optimiser, LambdaLR(optimiser, lambda step: rate_multiplier(schedule, step, steps, steps_per_epoch))


def rate_multiplier(schedule: Schedule, step: int, steps: int, steps_per_epoch: int) -> float:
    """Return the learning rate at a step (from 0) as a multiple of the peak, for all schedules but one-cycle."""
    if isinstance(schedule, Steps):
        return float(schedule.factor ** (step // (schedule.step_epochs * steps_per_epoch)))
    if isinstance(schedule, Cosine):
        warmup = schedule.warmup_fraction * steps
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1.0, steps - warmup))))
    return 1.0


def update_ema(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average (EMA) of the weights and of the running batch-norm statistics.

    Args:
        averaged: holds the average; changed in place.
        network: in training.
        decay: the limit; the decay starts lower, so that the initial weights are forgotten.
        step: counted from 1.
    """
    _average(averaged, network, min(decay, step / (step + 10)))


def update_swa(averaged: nn.Module, network: nn.Module, recipe: FitRecipe, epoch: int) -> None:
    """Add the weights at the end of an epoch to the equal average (SWA) from ``swa_start`` on.

    Before that the average is a copy of the weights. Batch-norm statistics are averaged like weights, which saves the
    usual extra pass over the data.

    Args:
        averaged: holds the average; changed in place.
        network: in training.
        recipe: section ``fit``.
        epoch: counted from 1.
    """
    if recipe.swa_start is None:
        return
    before = epoch - 1 - int(recipe.swa_start * recipe.epochs)
    _average(averaged, network, before / (before + 1) if before > 0 else 0.0)


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    means: list[Tensor] = []
    values: list[Tensor] = []
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            means.append(mean)
            values.append(value)
        else:
            mean.copy_(value)
    # One call for all tensors: hundreds of small calls cost a GPU more than the arithmetic.
    torch._foreach_lerp_(means, values, 1 - decay)
