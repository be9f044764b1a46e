"""The training loop: learns from one part of the patches, keeps the epoch that does best on another."""

import copy
import csv
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from landslip.channels import CHANNELS
from landslip.errors import RunError
from landslip.evaluation.pixel import LevelCounts, best_threshold
from landslip.patches.patch import NOT_OBSERVED, PatchStack
from landslip.training.augmentation import Augmentation
from landslip.training.losses import CrossEntropyAndDice
from landslip.training.networks.build import BuiltNetwork, DetectingNetwork, build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe import FitRecipe, Recipe
from landslip.training.stress import STRESSES
from landslip.training.target import Target


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the choosing part found; F1 pooled over all its pixels."""

    epoch: int
    seconds: float
    loss: float
    f1_at_half: float
    f1_best: float
    threshold_best: float
    f1_stressed_mean: float
    """Mean over the stresses, each at ``threshold_best``."""
    f1_stressed_worst: float

    @property
    def merit(self) -> float:
        """What the epoch is chosen by: as good at home as in another light."""
        return 0.5 * self.f1_best + 0.5 * self.f1_stressed_mean


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network and how it came about."""

    network: DetectingNetwork
    built: BuiltNetwork
    """The network as it started: its words and where its weights came from."""
    chosen: Look
    looks: tuple[Look, ...]


def fit(recipe: Recipe, train: PatchStack, choose: PatchStack, folder: Path, *, progress: bool = True) -> Fitted:
    """Train by a recipe; the log goes to ``folder/log.csv``, a row each time it looks at the choosing part.

    The same recipe, data, number of threads and package versions give the same weights.

    Raises:
        RunError: the loss stopped being a number.
    """
    with reproducible(recipe.seed):
        built = build_network(recipe.network, recipe.channels, normalisation_for(recipe, train))
        network = built.network
        _lay_channels_last(network)
        averaged = copy.deepcopy(network).eval()
        wavelengths_nm = wavelengths(recipe.channels)
        looks: list[Look] = []
        best: Look | None = None
        best_weights = averaged.state_dict()
        started = time.monotonic()
        for epoch, loss in _epochs(network, averaged, recipe, train, progress=progress):
            if epoch % recipe.fit.check_every and epoch != recipe.fit.epochs:
                continue
            look = look_at(averaged, choose, wavelengths_nm, epoch, time.monotonic() - started, loss)
            looks.append(look)
            _write_log(folder / "log.csv", looks)
            if best is None or look.merit >= best.merit:
                best, best_weights = look, copy.deepcopy(averaged.state_dict())
        averaged.load_state_dict(best_weights, strict=True)
    if best is None:
        raise RunError("training ended without a look at the choosing part: give fit.epochs of 1 at least")
    return Fitted(averaged, built, best, tuple(looks))


def _epochs(
    network: DetectingNetwork,
    averaged: DetectingNetwork,
    recipe: Recipe,
    train: PatchStack,
    *,
    progress: bool,
) -> Iterator[tuple[int, float]]:
    """Learn, epoch by epoch; gives the number of each epoch and its mean loss."""
    means = network.normalise.mean.flatten()
    augmentation = Augmentation(recipe.augmentation, recipe.channels, means)
    chance = torch.Generator().manual_seed(recipe.seed)
    shuffle = torch.Generator().manual_seed(recipe.seed)
    steps = -(-len(train) // recipe.fit.batch)
    optimiser, schedule = _optimiser(network, recipe.fit, steps)
    loss_of = CrossEntropyAndDice(recipe.fit.dice_share)
    values, masks = torch.from_numpy(train.values), torch.from_numpy(train.masks)
    bar = tqdm(total=recipe.fit.epochs * steps, desc=recipe.name, unit="batch", disable=not progress, delay=2)
    for epoch in range(1, recipe.fit.epochs + 1):
        network.train()
        total = 0.0
        for chosen in torch.randperm(len(train), generator=shuffle).split(recipe.fit.batch):
            seen, target = augmentation(values[chosen], Target.of_masks(masks[chosen]), chance)
            truth = torch.where(target.observed, (target.landslide > 0.5).to(torch.uint8), NOT_OBSERVED)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(seen.contiguous(memory_format=torch.channels_last))
            loss = loss_of(logits, truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            follow(averaged, network, recipe.fit.memory, schedule.last_epoch)
            total += float(loss.detach()) * len(chosen)
            bar.update()
        if not math.isfinite(total):
            raise RunError(f"the loss is no number any more in epoch {epoch}: lower fit.learning_rate")
        bar.set_postfix(epoch=epoch, loss=f"{total / len(train):.3f}")
        yield epoch, total / len(train)
    bar.close()


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Draw and compute the same way each time inside, and leave the process as it was."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(mode=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_deterministic)


def wavelengths(channels: tuple[str, ...]) -> Tensor:
    """Wavelength of each channel in nm, (C,)."""
    return torch.tensor([CHANNELS[name].wavelength_nm or float("nan") for name in channels])


def normalisation_for(recipe: Recipe, train: PatchStack) -> Normalise:
    """The recipe's normalisation, with numbers from the training part."""
    values = torch.from_numpy(train.values)
    return Normalise(
        recipe.network.normalisation,
        mean=values.mean(dim=(0, 2, 3)),
        deviation=values.std(dim=(2, 3)).mean(dim=0),
        channels=recipe.channels,
    )


def logits_of(network: nn.Module, values: Tensor, *, batch: int = 32, quick: bool = False) -> Tensor:
    """Logits (N, H, W) for values (N, C, H, W), in float32 or, for looks during training, quick in bfloat16."""
    parts = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=quick):
        for part in values.split(batch):
            parts.append(network(part.contiguous(memory_format=torch.channels_last)).squeeze(1).float())
    return torch.cat(parts)


def _level_counts(network: nn.Module, values: Tensor, masks: NDArray[np.uint8]) -> LevelCounts:
    return LevelCounts.of(logits_of(network, values, quick=True).sigmoid().numpy(), masks)


def look_at(
    network: nn.Module, choose: PatchStack, wavelengths_nm: Tensor, epoch: int, seconds: float, loss: float
) -> Look:
    """Score a network on the choosing part, in its own light and under every stress."""
    values = torch.from_numpy(choose.values)
    plain = _level_counts(network, values, choose.masks)
    threshold = best_threshold([plain])
    stressed = [
        _level_counts(network, change(values, wavelengths_nm), choose.masks).at(threshold).f1
        for change in STRESSES.values()
    ]
    return Look(
        epoch=epoch,
        seconds=seconds,
        loss=loss,
        f1_at_half=plain.at(0.5).f1,
        f1_best=plain.at(threshold).f1,
        threshold_best=threshold,
        f1_stressed_mean=float(np.mean(stressed)),
        f1_stressed_worst=float(np.min(stressed)),
    )


def follow(averaged: nn.Module, network: nn.Module, memory: float, step: int) -> None:
    """Move a running mean of the weights one step on; the memory grows from nothing, so that the start is forgotten."""
    keep = min(memory, step / (step + 10))
    with torch.no_grad():
        pairs = zip(averaged.state_dict().values(), network.state_dict().values(), strict=True)
        for mean, now in pairs:
            if mean.is_floating_point():
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)


def _lay_channels_last(network: nn.Module) -> None:
    """Keep convolution weights channels-last in memory: the faster order on a CPU."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _optimiser(
    network: DetectingNetwork, recipe: FitRecipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    rates: Mapping[str, float] = {"encoder": recipe.encoder_share * recipe.learning_rate, "rest": recipe.learning_rate}
    groups: dict[str, list[nn.Parameter]] = {name: [] for name in rates}
    for name, parameter in network.named_parameters():
        groups["encoder" if name.startswith("body.encoder.") else "rest"].append(parameter)
    optimiser = torch.optim.AdamW(
        [{"params": groups[name], "lr": rate} for name, rate in rates.items()], weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=list(rates.values()), total_steps=recipe.epochs * steps, pct_start=0.15
    )
    return optimiser, schedule


def _write_log(path: Path, looks: list[Look]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, list(asdict(looks[0])))
        rows.writeheader()
        rows.writerows(asdict(look) for look in looks)
