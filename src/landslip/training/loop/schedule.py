"""Optimiser and schedule of the learning rate, as a recipe says."""

import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from landslip.training.recipe.fit_sections import Cosine, FitRecipe, OneCycle, Schedule, Steps


def build_optimiser(
    network: nn.Module, recipe: FitRecipe, steps_per_epoch: int
) -> tuple[torch.optim.Optimizer, LRScheduler]:
    """Set up what moves the weights of a network; the schedule is to be moved on after every step.

    Args:
        network: with its encoder under ``body.encoder``, if it has one.
        recipe: how fast to learn.
        steps_per_epoch: on each device.
    """
    rates: Mapping[str, float] = {"encoder": recipe.encoder_share * recipe.learning_rate, "rest": recipe.learning_rate}
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
        return optimiser, OneCycleLR(optimiser, highest, total_steps=steps, pct_start=recipe.schedule.rise_share)
    schedule = recipe.schedule
    return optimiser, LambdaLR(optimiser, lambda step: rate_share(schedule, step, steps, steps_per_epoch))


def rate_share(schedule: Schedule, step: int, steps: int, steps_per_epoch: int) -> float:
    """The learning rate at a step, counted from 0, as a share of the highest; for all schedules but one-cycle."""
    if isinstance(schedule, Steps):
        return float(schedule.factor ** (step // (schedule.every_epochs * steps_per_epoch)))
    if isinstance(schedule, Cosine):
        rise = schedule.rise_share * steps
        if step < rise:
            return (step + 1) / (rise + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, steps - rise))))
    return 1.0
