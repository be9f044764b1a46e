"""Optimiser and schedule of the learning rate, as a recipe says."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from landslip.training.recipe.sections import Cosine, FitRecipe, OneCycle, Schedule, Steps


def build_optimiser(
    network: nn.Module, recipe: FitRecipe, steps_per_epoch: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Set up what moves the weights of a network; the schedule is to be moved on after every step.

    Args:
        network: with its encoder under ``body.encoder``, if it has one.
        recipe: how fast to learn.
        steps_per_epoch: on each device.
    """
    rates: Mapping[str, float] = {"encoder": recipe.encoder_lr_multiplier * recipe.learning_rate, "rest": recipe.learning_rate}
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in rates}
    for name, parameter in network.named_parameters():
        groups["encoder" if name.startswith("body.encoder.") else "rest"].append(parameter)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    optimiser = kind(
        [{"params": groups[name], "lr": rate} for name, rate in rates.items() if groups[name]],
        weight_decay=recipe.weight_decay,
    )
    steps = recipe.epochs * steps_per_epoch
    if isinstance(recipe.schedule, OneCycle):
        highest = [rates[name] for name in rates if groups[name]]
        return optimiser, OneCycleLR(optimiser, highest, total_steps=steps, pct_start=recipe.schedule.warmup_fraction)
    schedule = recipe.schedule
    return optimiser, LambdaLR(optimiser, lambda step: rate_share(schedule, step, steps, steps_per_epoch))


def rate_share(schedule: Schedule, step: int, steps: int, steps_per_epoch: int) -> float:
    """The learning rate at a step, counted from 0, as a share of the highest; for all schedules but one-cycle."""
    if isinstance(schedule, Steps):
        return float(schedule.factor ** (step // (schedule.step_epochs * steps_per_epoch)))
    if isinstance(schedule, Cosine):
        rise = schedule.warmup_fraction * steps
        if step < rise:
            return (step + 1) / (rise + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, steps - rise))))
    return 1.0


def follow(averaged: nn.Module, network: nn.Module, memory: float, step: int) -> None:
    """Move a running mean of the weights one step on; the memory grows from nothing, so that the start is forgotten.

    Args:
        averaged: the mean; changed.
        network: whose weights are taken in, with the running statistics of its normalising layers.
        memory: share of the mean that is kept, in the long run.
        step: counted from 1.
    """
    _move(averaged, network, min(memory, step / (step + 10)))


def end_epoch(averaged: nn.Module, network: nn.Module, recipe: FitRecipe, epoch: int) -> None:
    """Take an epoch's last weights into the equal mean, from ``equal_from`` on; before, the mean is those weights.

    Statistics of normalising layers are averaged like weights, which spares a pass over the data to take them anew.

    Args:
        averaged: the mean; changed.
        network: whose weights are taken in.
        recipe: with ``equal_from``.
        epoch: counted from 1.
    """
    if recipe.swa_start is None:
        return
    before = epoch - 1 - int(recipe.swa_start * recipe.epochs)
    _move(averaged, network, before / (before + 1) if before > 0 else 0.0)


@torch.no_grad()
def _move(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    means: list[Tensor] = []
    news: list[Tensor] = []
    for mean, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            means.append(mean)
            news.append(new)
        else:
            mean.copy_(new)
    # One call for all tensors: hundreds of small ones cost a GPU more than the arithmetic.
    torch._foreach_lerp_(means, news, 1 - keep)
