"""Which weights of a network are trained further, and the optimisation of these."""

from typing import Final, Literal

import numpy as np
import torch
from torch import nn

from landslip.errors import DetectorError, RunError
from landslip.files.progress import Progress, no_progress
from landslip.training.augmentation import Augmentation
from landslip.training.data.feeding import LoadedPart, iterate_batches
from landslip.training.data.negatives import Negatives, add_negatives, count_per_batch, mix_in_negatives
from landslip.training.data.sampling import PatchStatistics, SamplingRecipe, sample_order
from landslip.training.data.target import Target
from landslip.training.loop.devices import precision_for
from landslip.training.loop.optimisation import rate_multiplier
from landslip.training.loop.seeding import make_generator, reproducible
from landslip.training.losses import LossRecipe, build_loss
from landslip.training.networks.build import DetectorNetwork
from landslip.training.recipe.augmentation_section import AugmentationRecipe
from landslip.training.recipe.sections import Cosine, MachineRecipe

TrainedPart = Literal["head", "norms", "all"]
"""``head``: the last layer; ``norms``: also scale and shift of every batch normalisation; ``all``: every weight."""
LEARNING_RATES: Final[dict[TrainedPart, float]] = {"head": 1e-2, "norms": 2e-3, "all": 2e-4}
"""Peak learning rate of each."""
NEGATIVE_FRACTION: Final = 0.25
"""Of each batch, where quiet ground is given."""
_GEOMETRY: Final = AugmentationRecipe.disabled().model_copy(
    # Few labels: every orientation, slightly other sizes and light, but the light of this place.
    update={"dihedral": True, "zoom": 0.15, "rotation_deg": 180.0, "gain": 1.2, "channel_gain": 0.04, "noise": 0.02}
)


def optimise(
    network: DetectorNetwork,
    part: LoadedPart,
    *,
    temperature: float,
    trained: TrainedPart,
    epochs: int,
    batch_size: int,
    learning_rate: float | None = None,
    negatives: Negatives | None = None,
    seed: int = 1,
    progress: Progress = no_progress,
) -> None:
    """Train weights of a network further, in place; statistics of batch normalisation stay as they are.

    Runs on the CPU, in bfloat16 where it has instructions for it. The same arguments, number of threads, kind of CPU
    and package versions give the same weights.

    Args:
        network: of a detector.
        part: labelled patches.
        temperature: of the detector; the loss is that of its calibrated probability.
        trained: which weights.
        epochs: passes over the patches.
        batch_size: patches, and chips without landslides, in a batch.
        learning_rate: at its peak; that of ``LEARNING_RATES`` where None.
        negatives: chips without landslides.
        seed: of order and augmentation.
        progress: told of batches.

    Raises:
        DetectorError: the network has no such weights.
        RunError: the loss became NaN or infinite.
    """
    parameters = _choose(network, trained)
    loss = build_loss(LossRecipe(), part.channels)
    augmentation = Augmentation(_GEOMETRY, part.channels)
    source = part if negatives is None else add_negatives(part, negatives)
    quiet = 0 if negatives is None else count_per_batch(NEGATIVE_FRACTION, batch_size)
    per_epoch = -(-len(part) // (batch_size - quiet))
    total = epochs * per_epoch
    optimiser = torch.optim.AdamW(parameters, learning_rate or LEARNING_RATES[trained], weight_decay=0.0)
    schedule = Cosine(warmup_fraction=0.1)
    statistics = PatchStatistics(part.landslide_fraction, part.scenes, np.full(len(part), np.nan))
    # Evaluation mode: few patches are no basis for new statistics of batch normalisation.
    network.eval()
    short = precision_for(MachineRecipe(accelerator="cpu")) == "bf16-mixed"
    step = 0
    with reproducible(seed):
        for epoch in range(1, epochs + 1):
            order = sample_order(SamplingRecipe(), statistics, seed, epoch)
            if negatives is not None:
                order = mix_in_negatives(order, len(part), len(negatives), quiet, batch_size, seed, epoch)
            for batch in iterate_batches(source, order, batch_size):
                progress("fine-tuning", step, total)
                for group in optimiser.param_groups:
                    peak = learning_rate or LEARNING_RATES[trained]
                    group["lr"] = peak * rate_multiplier(schedule, step, total, per_epoch)
                generator = make_generator(seed, epoch, batch.step)
                values, target = augmentation(batch.values, Target.of_masks(batch.masks), generator)
                optimiser.zero_grad()
                with torch.autocast("cpu", torch.bfloat16, enabled=short):
                    logits = network(values.contiguous(memory_format=torch.channels_last)).squeeze(1).float()
                error = loss(logits / temperature, target, values)
                if not torch.isfinite(error.detach()):
                    raise RunError(
                        f"the loss became NaN or infinite in epoch {epoch}: give a lower learning_rate",
                        parameter="learning_rate",
                    )
                error.backward()
                optimiser.step()
                step += 1
    progress("fine-tuning", total, total)
    network.requires_grad_(True)


def _choose(network: DetectorNetwork, trained: TrainedPart) -> list[nn.Parameter]:
    """Return the weights to train; the others keep their values and get no gradient."""
    head = getattr(network.body, "segmentation_head", None) or getattr(network.body, "head", None)
    layers: list[nn.Module] = [network.body] if trained == "all" else [head] if head is not None else []
    if trained == "norms":
        layers += [one for one in network.body.modules() if isinstance(one, nn.BatchNorm2d)]
    parameters = list(dict.fromkeys(parameter for layer in layers for parameter in layer.parameters()))
    if not parameters or (trained == "norms" and len(layers) == 1):
        raise DetectorError(f"the network has no {trained} that can be trained: choose all", parameter="trained")
    network.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return parameters
