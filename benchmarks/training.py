"""Compare the speed of training with that of a plain PyTorch script, with the same network, in patches per second.

    python benchmarks/training.py FOLDER_OF_THE_RGB_PATCHES [--patches 96] [--epochs 2] [--rounds 3] [--threads 2]

The plain script uses float32, channels first, a DataLoader with two workers and the network of
segmentation-models-pytorch. landslip runs ``fit``, from loading to the checkpoint. Both train the network of the
default recipe from the same random weights, with the same loss, learning rates and number of steps, without
augmentation; "landslip, everything" adds the augmentation of the default recipe (except crops) and the EMA of the
weights. Each round has another seed. Scores are those of the last weights on patches that were not used for training:
mean and standard deviation over the rounds.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchStack
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.data.feeding import LoadedPart, load_part
from landslip.training.data.target import Target
from landslip.training.loop.devices import precision_for
from landslip.training.loop.seeding import reproducible
from landslip.training.loop.trainer import build_normalisation, fit
from landslip.training.losses import build_loss
from landslip.training.networks.catalogue import find_network, smp_encoder_name
from landslip.training.recipe.recipe import Recipe, read_recipe


class Result(NamedTuple):
    wall_s: float
    """Median wall time of a step."""
    cpu_s: float
    """Median CPU time of the process in a step, which depends less on other load."""
    cross_entropy: float
    f1: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patches", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # No crops: every step processes whole patches.
    settings = ("network.weights=none", "augmentation.crop_px=null", "log.tensorboard=false", "fit.batch_size=16")
    whole = read_recipe("default", (*settings, f"fit.epochs={options.epochs}"))
    fitting = {"encoder_lr_multiplier": 1.0, "monitor": "f1", "validate_every": options.epochs}
    everything = whole.model_copy(update={"fit": whole.fit.model_copy(update=fitting)})
    bare = everything.model_copy(
        update={
            "augmentation": AugmentationRecipe.disabled(),
            "fit": everything.fit.model_copy(update={"ema_decay": 0.0}),
        }
    )
    train, held = two_parts(options.folder, bare, options.patches)
    sources: dict[str, Callable[[int], Result]] = {
        "plain script": lambda seed: train_plain(seeded(bare, seed), train.stack(), held, train),
        "landslip": lambda seed: train_landslip(seeded(bare, seed), train, held),
        "landslip, everything": lambda seed: train_landslip(seeded(everything, seed), train, held),
    }
    # Alternating rounds, so that other load on the machine affects all sources alike.
    rounds = [
        {name: train_and_score(seed) for name, train_and_score in sources.items()}
        for seed in range(1, options.rounds + 1)
    ]
    print(
        f"{find_network(bare.network.name, bare.network.architecture, bare.network.encoder)}, {len(train)} patches of "
        f"{train.source.shape}, {options.epochs} epochs, batch {bare.fit.batch_size}, {options.threads} threads, "
        f"landslip in {precision_for(bare.machine)}; medians of {options.rounds} rounds"
    )
    heads = ("patches/s", "to plain", "CPU ms/patch", "to plain", "cross-entropy", "F1")
    print(f"{'':20}" + "".join(f"{head:>16}" for head in heads))
    for name in sources:
        speed = median(bare.fit.batch_size / results[name].wall_s for results in rounds)
        cpu_ms = median(1e3 * results[name].cpu_s / bare.fit.batch_size for results in rounds)
        wall, cpu = (
            median(getattr(results["plain script"], clock) / getattr(results[name], clock) for results in rounds)
            for clock in ("wall_s", "cpu_s")
        )
        entropy, f1 = (
            f"{mean(scores):.3f} ({stdev(scores) if len(scores) > 1 else 0:.3f})"
            for scores in ([getattr(results[name], score) for results in rounds] for score in ("cross_entropy", "f1"))
        )
        numbers = (f"{speed:.1f}", f"{wall:.2f}x", f"{cpu_ms:.1f}", f"{cpu:.2f}x", entropy, f1)
        print(f"{name:20}" + "".join(f"{number:>16}" for number in numbers))


def seeded(recipe: Recipe, seed: int) -> Recipe:
    return recipe.model_copy(update={"seed": seed})


def two_parts(folder: Path, recipe: Recipe, count: int) -> tuple[LoadedPart, LoadedPart]:
    """The first patches of the set for training, and a third as many for scoring after a gap of a sixth."""
    patches = open_patches(folder)
    numbers = [entry.id for entry in patches.entries]
    first_scored = count + count // 6
    trained, scored = set(numbers[:count]), set(numbers[first_scored : first_scored + count // 3])
    return (
        load_part(patches.where(lambda entry: entry.id in trained), recipe.channels, "train"),
        load_part(patches.where(lambda entry: entry.id in scored), recipe.channels, "held"),
    )


def train_landslip(recipe: Recipe, train: LoadedPart, held: LoadedPart) -> Result:
    starts: list[tuple[float, float]] = []

    def clock(positions: Tensor, target: Target) -> Target:
        starts.append((time.perf_counter(), time.process_time()))
        return target

    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(recipe, train, held, Path(folder), change_target=clock)
    return Result(*step_times(starts, train, recipe), *score(fitted.network, held))


def step_times(starts: Sequence[tuple[float, float]], train: LoadedPart, recipe: Recipe) -> tuple[float, float]:
    """Median wall and CPU time from one step to the next, without the first step of each epoch."""
    steps = -(-len(train) // recipe.fit.batch_size)
    epochs = [np.array(starts[first : first + steps][1:]) for first in range(0, len(starts), steps)]
    wall_s, cpu_s = np.median(np.concatenate([np.diff(epoch, axis=0) for epoch in epochs]), axis=0).tolist()
    return wall_s, cpu_s


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """Patches in memory, as a plain script holds them."""

    def __init__(self, stack: PatchStack) -> None:
        self.values, self.masks = torch.from_numpy(stack.values), torch.from_numpy(stack.masks)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.values[index], self.masks[index]


def train_plain(recipe: Recipe, stack: PatchStack, held: LoadedPart, train: LoadedPart) -> Result:
    # Only after landslip.training, which declares the operators that torchvision may lack.
    import segmentation_models_pytorch as smp  # noqa: PLC0415

    network_recipe, fitting = recipe.network, recipe.fit
    words = find_network(network_recipe.name, network_recipe.architecture, network_recipe.encoder)
    options: dict[str, Any] = {}
    if network_recipe.decoder_channels:
        options = {"decoder_channels": network_recipe.decoder_channels}
    with reproducible(recipe.seed):
        body = smp.create_model(
            words.architecture,
            smp_encoder_name(words),
            encoder_weights=None,
            in_channels=len(recipe.channels),
            **options,
        )
        network = nn.Sequential(build_normalisation(recipe, train), body)
        loss_of = build_loss(recipe.loss, recipe.channels)
        loader = DataLoader(Pictures(stack), fitting.batch_size, shuffle=True, num_workers=2)
        optimiser = torch.optim.AdamW(network.parameters(), lr=fitting.learning_rate, weight_decay=fitting.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, fitting.learning_rate, total_steps=fitting.epochs * len(loader), pct_start=0.15
        )
    starts: list[tuple[float, float]] = []
    network.train()
    for _ in range(fitting.epochs):
        for values, masks in loader:
            starts.append((time.perf_counter(), time.process_time()))
            optimiser.zero_grad()
            loss = loss_of(network(values).squeeze(1), Target.of_masks(masks), values)
            loss.backward()
            optimiser.step()
            schedule.step()
    return Result(*step_times(starts, train, recipe), *score(network.eval(), held))


def score(network: nn.Module, held: LoadedPart) -> tuple[float, float]:
    """Mean cross-entropy, and F1 pooled over all pixels at its best threshold."""
    stack = held.stack()
    with torch.inference_mode():
        logits = torch.cat([network(part).squeeze(1) for part in torch.from_numpy(stack.values).split(16)])
    target = Target.of_masks(torch.from_numpy(stack.masks))
    entropy = functional.binary_cross_entropy_with_logits(logits, target.landslide)
    counts = ProbabilityHistogram.of(logits.sigmoid().numpy(), stack.masks)
    return float(entropy), counts.at(best_threshold([counts])).f1


if __name__ == "__main__":
    main()
