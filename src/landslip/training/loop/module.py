"""One optimisation step as a LightningModule: augmentation, forward pass, loss, moving average of the weights."""

import copy
from collections.abc import Callable
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation import Augmentation
from landslip.training.augmentation.two_dates import PairAugmentation
from landslip.training.data.feeding import TensorBatch
from landslip.training.data.target import Target
from landslip.training.loop.optimisation import build_optimiser, update_ema
from landslip.training.loop.seeding import derive_seed, make_generator
from landslip.training.losses import build_loss
from landslip.training.networks.build import DetectorNetwork
from landslip.training.recipe.recipe import Recipe

TargetChange = Callable[[Tensor, Target], Target]
"""Changes the target of a batch, given the positions (N,) of its patches in the training part; called before
augmentation, so that soft labels are augmented with the patch."""
AugmentedBatch = tuple[Tensor, Target, Tensor]
"""Values, target and positions."""


class DivergenceError(Exception):
    """The loss or a weight became NaN or infinite; the trainer turns it into a RunError."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(f"epoch {epoch}, step {step}")
        self.epoch = epoch
        self.step = step


class SegmentationModule(LightningModule):
    """A network in training, the average of its weights, and the difficulty of each patch."""

    def __init__(
        self,
        network: DetectorNetwork,
        recipe: Recipe,
        patches: int,
        steps_per_epoch: int,
        change_target: TargetChange | None,
    ) -> None:
        """Set up.

        Args:
            network: with its initial weights.
            recipe: of the run.
            patches: size of the training part.
            steps_per_epoch: on each device.
            change_target: applied to the target of every batch, for distillation.
        """
        super().__init__()
        self.recipe = recipe
        self.change_target = change_target
        self.steps_per_epoch = steps_per_epoch
        self.network = network
        self.averaged = copy.deepcopy(network).eval().requires_grad_(False)
        self.loss = build_loss(recipe.loss, recipe.channels)
        self.augmentation = (
            Augmentation(recipe.augmentation, recipe.channels, network.normalise.mean.flatten())
            if recipe.dates is None
            else PairAugmentation(recipe.augmentation, recipe.dates, recipe.channels)
        )
        # Not buffers: Lightning's strategies synchronise buffers across devices, and each device sees its own patches.
        self.difficulty = torch.full((patches,), float("nan"))
        self.seen = torch.zeros(patches, dtype=torch.bool)
        self.totals: dict[str, Tensor] = {}
        self.counted = 0

    @property
    def epoch(self) -> int:
        """The current epoch, counted from 1."""
        return self.current_epoch + 1

    def configure_optimizers(self) -> Any:
        """Build optimiser and schedule; the schedule advances after each step."""
        optimiser, schedule = build_optimiser(self.network, self.recipe.fit, self.steps_per_epoch)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store the difficulty of each patch."""
        checkpoint["difficulty"] = self.difficulty.cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the difficulty of each patch."""
        self.difficulty = checkpoint["difficulty"]

    def on_fit_start(self) -> None:
        """Move tensors that are not buffers to the device."""
        self.difficulty, self.seen = self.difficulty.to(self.device), self.seen.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Seed the epoch, for what the network itself draws (dropout), and reset the sums."""
        torch.manual_seed(derive_seed(self.recipe.seed, self.epoch, self.global_rank))
        self.network.train()
        self.averaged.eval()
        self.seen.zero_()
        self.totals, self.counted = {}, 0

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> AugmentedBatch:
        """Augment on the device, in full precision; random numbers depend on seed, epoch, step and device only."""
        loaded = cast(TensorBatch, batch)
        generator = make_generator(self.recipe.seed, self.epoch, loaded.step, self.global_rank)
        with torch.no_grad():
            target = Target.of_masks(loaded.masks)
            if self.change_target is not None:
                target = self.change_target(loaded.positions, target)
            values, target = self.augmentation(loaded.values, target, generator)
        return values, target, loaded.positions

    def training_step(self, batch: AugmentedBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        values, target, positions = batch
        logits = self.network(values.contiguous(memory_format=torch.channels_last)).squeeze(1).float()
        terms = self.loss.compute_terms(logits, target, values)
        loss = self.loss.weigh(terms)
        if not torch.isfinite(loss.detach()):
            raise DivergenceError(self.epoch, batch_idx + 1)
        self._record(loss.detach(), terms, logits.detach(), target, positions)
        return loss

    def _record(
        self, loss: Tensor, terms: dict[str, Tensor], logits: Tensor, target: Target, positions: Tensor
    ) -> None:
        """Add a batch to the epoch's sums, and store the difficulty of its patches: their mean cross-entropy."""
        with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
            entropy = functional.binary_cross_entropy_with_logits(logits, target.landslide, reduction="none")
            valid = target.valid.sum(dim=(1, 2))
            mean = (entropy * target.valid).sum(dim=(1, 2)) / valid
            # A patch without a valid pixel keeps its difficulty.
            self.difficulty[positions] = torch.where(valid > 0, mean, self.difficulty[positions])
            self.seen[positions] = True
            size = len(positions)
            losses = {"loss": loss, **{f"loss_{kind}": term.detach() for kind, term in terms.items()}}
            for name, value in losses.items():
                self.totals[name] = self.totals.get(name, torch.zeros_like(value)) + size * value
            self.counted += size

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the moving average of the weights."""
        if self.recipe.fit.swa_start is None:
            update_ema(self.averaged, self.network, self.recipe.fit.ema_decay, self.global_step)

    def mean_losses(self) -> dict[str, float]:
        """Return the epoch's mean loss and the mean of each term, over all devices."""
        counted = self._sum_over_devices(torch.tensor(float(self.counted), device=self.device))
        return {name: float(self._sum_over_devices(total) / counted) for name, total in self.totals.items()}

    def reduce_difficulty(self) -> None:
        """Average the difficulty of each patch over the devices that drew it."""
        if self.trainer.world_size == 1:
            return
        own = torch.where(self.seen, torch.nan_to_num(self.difficulty), 0.0)
        times = self._sum_over_devices(self.seen.float())
        total = self._sum_over_devices(own)
        self.difficulty = torch.where(times > 0, total / times.clamp_min(1), self.difficulty)

    def _sum_over_devices(self, number: Tensor) -> Tensor:
        return cast(Tensor, self.trainer.strategy.reduce(number, reduce_op="sum"))
