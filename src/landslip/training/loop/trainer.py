"""Learns by a recipe: sets the loop up, lets Lightning run it, gives the epoch that did best."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import Tensor, nn

from landslip.errors import RunError
from landslip.training.data.feeding import Feeding, LoadedPart
from landslip.training.data.sampling import PatchFacts, sample_order
from landslip.training.loop.callback import BEST, CHECKPOINTS, LAST, Course, Standing
from landslip.training.loop.devices import leave_to_first, precision_for
from landslip.training.loop.log import build_loggers
from landslip.training.loop.module import Diverged, Learning, Teacher
from landslip.training.loop.progress import Bar, hushed, interruptible
from landslip.training.loop.run_pictures import CURVES_FILE, SAMPLES_FILE, draw_curves, draw_samples
from landslip.training.loop.seeding import reproducible
from landslip.training.loop.validation import Look
from landslip.training.networks.build import BuiltNetwork, DetectingNetwork, build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.run_weights import read_weights
from landslip.training.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network and how it came about."""

    network: DetectingNetwork
    """In evaluation mode, on the CPU: the mean of the weights after the chosen epoch."""
    built: BuiltNetwork
    """The network's words and where its weights started."""
    chosen: Look
    standing: Standing

    @property
    def looks(self) -> tuple[Look, ...]:
        """All looks at the choosing part."""
        return self.standing.looks


def fit(
    recipe: Recipe,
    train: LoadedPart,
    choose: LoadedPart,
    folder: Path,
    *,
    progress: bool = True,
    resume: bool = False,
    teacher: Teacher | None = None,
) -> Fitted:
    """Train by a recipe; leaves ``log.csv`` and ``checkpoints/`` in the folder, and what the recipe's loggers write.

    The same recipe, data, number of threads and package versions give the same weights on a CPU, also where the run
    was cut off and resumed.

    Args:
        recipe: what to do.
        train: what is learned from.
        choose: what the epoch is chosen by.
        folder: of the run; exists.
        progress: show a bar on stderr.
        resume: go on from the last checkpoint in the folder, if there is one.
        teacher: softens the target of every batch.

    Raises:
        RecipeError: network, loss or augmentation do not go with the channels or with each other.
        RunError: the loss stopped being a number, the run was interrupted, or its checkpoint is damaged.
        MissingExtraError: a logger of the recipe is not installed.
    """
    last = folder / CHECKPOINTS / LAST
    goes_on = resume and last.exists()
    if goes_on:
        check_checkpoint(last)
    with reproducible(recipe.seed), hushed(), interruptible():
        built = build_network(recipe.network, recipe.channels, normalisation_for(recipe, train))
        _lay_channels_last(built.network)
        course = Course(choose, folder, str(built.words), recipe.inputs)
        trainer = Trainer(
            accelerator=recipe.machine.accelerator,
            devices=recipe.machine.devices,
            num_nodes=recipe.machine.nodes,
            strategy=recipe.machine.strategy,
            precision=precision_for(recipe.machine),
            max_epochs=recipe.fit.epochs,
            gradient_clip_val=recipe.fit.gradient_clip_norm,
            logger=build_loggers(recipe, folder),
            callbacks=[course, *([Bar(course)] if progress else [])],
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        facts = PatchFacts(train.landslide_share, train.scenes, np.full(len(train), np.nan))
        share = recipe.fit.batch_size * trainer.world_size
        steps = -(-len(sample_order(recipe.sampling, facts, recipe.seed, 1)) // share)
        module = Learning(built.network, recipe, len(train), steps, teacher)

        def order() -> NDArray[np.intp]:
            difficulty = module.difficulty.cpu().numpy()
            now = PatchFacts(train.landslide_share, train.scenes, difficulty)
            positions = sample_order(recipe.sampling, now, recipe.seed, module.epoch)
            return share_of(positions, trainer.global_rank, trainer.world_size)

        try:
            trainer.fit(
                module,
                Feeding(train, recipe.fit.batch_size, steps, order),
                ckpt_path=last if goes_on else None,
                weights_only=True,
            )
        except Diverged as what:
            raise RunError(_diverged(what, last)) from what
        except SystemExit as left:
            # What Lightning makes of an interruption by the user.
            raise RunError(f"stopped in epoch {module.epoch}: {_go_on(last)}") from left
    leave_to_first()
    best = course.standing.best
    if best is None:
        raise RunError("training ended without a look at the choosing part: give fit.epochs of 1 at least")
    network = module.averaged.cpu()
    tensors, _ = read_weights(folder / CHECKPOINTS / BEST)
    network.load_state_dict(tensors, strict=True)
    return Fitted(network, built, best, course.standing)


def draw_run(fitted: Fitted, part: LoadedPart, folder: Path, *, title: str, source: str, pixel_size_m: float) -> None:
    """Draw the learning curves and a few patches of the part that the epoch was chosen by, into the run's folder.

    Args:
        fitted: the run.
        part: that the epoch was chosen by.
        folder: of the run.
        title: of both pictures.
        source: where the patches come from, in a sentence.
        pixel_size_m: side of a pixel on the ground.
    """
    note = f"F1 of the landslide class, counts pooled over all pixels of {len(part)} patches. {source}"
    draw_curves(fitted.standing, title, note, folder / CURVES_FILE)
    threshold = fitted.chosen.threshold_best
    draw_samples(
        fitted.network, part, threshold, folder / SAMPLES_FILE, title=title, source=source, pixel_size_m=pixel_size_m
    )


def share_of(positions: NDArray[np.intp], rank: int, devices: int) -> NDArray[np.intp]:
    """The positions that one of several devices takes; all take as many, for which the first ones come again."""
    whole = np.resize(positions, -(-len(positions) // devices) * devices)
    return whole[rank::devices]


def normalisation_for(recipe: Recipe, train: LoadedPart) -> Normalise:
    """The recipe's normalisation, with numbers from the training part."""
    return Normalise(
        recipe.network.normalisation,
        mean=torch.from_numpy(train.mean),
        deviation=torch.from_numpy(train.deviation),
        channels=recipe.channels,
    )


def logits_of(network: nn.Module, values: Tensor, *, batch: int = 32) -> Tensor:
    """Logits (N, H, W) for values (N, C, H, W), in float32."""
    parts = []
    with torch.inference_mode():
        for part in values.split(batch):
            parts.append(network(part.contiguous(memory_format=torch.channels_last)).squeeze(1).float())
    return torch.cat(parts)


def check_checkpoint(path: Path) -> None:
    """Make sure that a checkpoint holds tensors and plain values alone, and all of them; no code of it is ever run.

    Raises:
        RunError: it does not.
    """
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise RunError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): start anew in another folder"
        ) from error


def _lay_channels_last(network: nn.Module) -> None:
    """Keep convolution weights channels-last in memory: the faster order on a CPU."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _diverged(what: Diverged, last: Path) -> str:
    kept = f"the last good checkpoint is {last}" if last.exists() else "there is no checkpoint yet"
    return (
        f"the loss is no number any more in epoch {what.epoch}, step {what.step}; {kept}: "
        "lower fit.learning_rate, or set fit.gradient_clip_norm"
    )


def _go_on(last: Path) -> str:
    return f"go on from {last} with --resume" if last.exists() else "there is no checkpoint to go on from yet"
