"""Fit a network by a recipe: set up Lightning, run it, return the best epoch."""

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from numpy.typing import NDArray
from torch import nn

from landslip.errors import RunError
from landslip.files.progress import Progress, no_progress
from landslip.training.data.feeding import EpochLoader, LoadedPart
from landslip.training.data.negatives import Negatives, add_negatives, count_per_batch, mix_in_negatives
from landslip.training.data.sampling import PatchStatistics, sample_order
from landslip.training.loop.callback import BEST, CHECKPOINTS, LAST, History, TrainingCallback, build_loggers
from landslip.training.loop.devices import exit_other_ranks, precision_for
from landslip.training.loop.lightning_setup import ProgressCallback, quiet_lightning, restore_sigint
from landslip.training.loop.module import DivergenceError, SegmentationModule, TargetChange
from landslip.training.loop.seeding import reproducible
from landslip.training.loop.validation import Validation
from landslip.training.networks.build import BuiltNetwork, DetectorNetwork, build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.run_weights import read_weights
from landslip.training.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class FitResult:
    """A trained network and its history."""

    network: DetectorNetwork
    """In evaluation mode on the CPU, with the averaged weights of the best epoch."""
    built: BuiltNetwork
    """Name of the network and origin of its initial weights."""
    best: Validation
    history: History


def fit(
    recipe: Recipe,
    train: LoadedPart,
    validation: LoadedPart,
    folder: Path,
    *,
    progress: Progress = no_progress,
    resume: bool = False,
    change_target: TargetChange | None = None,
    negatives: Negatives | None = None,
) -> FitResult:
    """Fit a network; leaves ``log.csv``, ``checkpoints/`` and the files of the recipe's loggers in the folder.

    On a CPU the same recipe, data, number of threads and package versions give the same weights, also after an
    interruption and resume.

    Args:
        recipe: of the run.
        train: training part.
        validation: part that selects the epoch.
        folder: of the run; must exist.
        progress: told of optimisation steps.
        resume: continue from the last checkpoint in the folder, if there is one.
        change_target: applied to the target of every batch, for distillation.
        negatives: chips in every batch, as many as the recipe says.

    Raises:
        RecipeError: network, loss or augmentation do not fit the channels or each other.
        RunError: the loss became NaN or infinite, the run was interrupted, or its checkpoint is damaged.
        MissingExtraError: a logger of the recipe is not installed.
    """
    last = folder / CHECKPOINTS / LAST
    resumed = resume and last.exists()
    if resumed:
        check_checkpoint(last)
    with reproducible(recipe.seed), quiet_lightning(), restore_sigint():
        built = build_network(recipe.network, recipe.channels, build_normalisation(recipe, train))
        _to_channels_last(built.network)
        callback = TrainingCallback(validation, folder, str(built.name), recipe.inputs)
        trainer = Trainer(
            accelerator=recipe.machine.accelerator,
            devices=recipe.machine.devices,
            num_nodes=recipe.machine.nodes,
            strategy=recipe.machine.strategy,
            precision=precision_for(recipe.machine),
            max_epochs=recipe.fit.epochs,
            gradient_clip_val=recipe.fit.gradient_clip_norm,
            logger=build_loggers(recipe, folder),
            callbacks=[callback, ProgressCallback(progress)],
            default_root_dir=folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
        )
        statistics = PatchStatistics(train.landslide_fraction, train.scenes, np.full(len(train), np.nan))
        patches_per_step = recipe.fit.batch_size * trainer.world_size
        quiet = 0
        if recipe.negatives is not None and negatives is not None:
            quiet = count_per_batch(recipe.negatives.fraction, patches_per_step)
        source = train if negatives is None else add_negatives(train, negatives)
        steps = -(-len(sample_order(recipe.sampling, statistics, recipe.seed, 1)) // (patches_per_step - quiet))
        module = SegmentationModule(built.network, recipe, len(source), steps, change_target)

        def order() -> NDArray[np.intp]:
            difficulty = module.difficulty.cpu().numpy()[: len(train)]
            current = PatchStatistics(train.landslide_fraction, train.scenes, difficulty)
            positions = sample_order(recipe.sampling, current, recipe.seed, module.epoch)
            if quiet and negatives is not None:
                positions = mix_in_negatives(
                    positions, len(train), len(negatives), quiet, patches_per_step, recipe.seed, module.epoch
                )
            return split_among_devices(positions, trainer.global_rank, trainer.world_size)

        try:
            trainer.fit(
                module,
                EpochLoader(source, recipe.fit.batch_size, steps, order),
                ckpt_path=last if resumed else None,
                weights_only=True,
            )
        except DivergenceError as error:
            raise RunError(_divergence_message(error, last)) from error
        except SystemExit as error:
            # Lightning turns a keyboard interrupt into SystemExit.
            how = f"set resume to continue from {last}" if last.exists() else "there is no checkpoint to resume from"
            raise RunError(f"training was interrupted in epoch {module.epoch}: {how}", parameter="resume") from error
    exit_other_ranks()
    best = callback.history.best
    if best is None:
        raise RunError("training ended without a validation: set fit.epochs to 1 or more")
    network = module.averaged.cpu()
    tensors, _ = read_weights(folder / CHECKPOINTS / BEST)
    network.load_state_dict(tensors, strict=True)
    return FitResult(network, built, best, callback.history)


def split_among_devices(positions: NDArray[np.intp], rank: int, devices: int) -> NDArray[np.intp]:
    """Return the positions of one device; all get the same number, for which the first positions are repeated."""
    whole = np.resize(positions, -(-len(positions) // devices) * devices)
    return whole[rank::devices]


def build_normalisation(recipe: Recipe, train: LoadedPart) -> Normalise:
    """Build the recipe's normalisation from the statistics of the training part."""
    return Normalise(
        recipe.network.normalisation,
        mean=torch.from_numpy(train.mean),
        deviation=torch.from_numpy(train.deviation),
        channels=recipe.channels,
    )


def check_checkpoint(path: Path) -> None:
    """Check that a checkpoint is complete and holds only tensors and plain values; none of its code is run.

    Raises:
        RunError: it is damaged.
    """
    try:
        # Only tensors and plain values are read, no pickled code; torch reports a damaged file by any of these errors.
        torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        raise RunError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}): train again in another folder"
        ) from error


def _to_channels_last(network: nn.Module) -> None:
    """Store convolution weights channels-last, the faster layout on a CPU."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _divergence_message(error: DivergenceError, last: Path) -> str:
    kept = f"the last checkpoint is {last}" if last.exists() else "there is no checkpoint"
    return (
        f"the loss became NaN or infinite at epoch {error.epoch}, step {error.step} ({kept}): "
        "lower fit.learning_rate, or set fit.gradient_clip_norm"
    )
