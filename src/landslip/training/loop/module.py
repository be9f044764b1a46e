"""One step of learning, as Lightning takes it: augment, run the network, take the loss, follow with the mean."""

import copy
from collections.abc import Callable
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation import Augmentation
from landslip.training.data.feeding import Fed
from landslip.training.data.target import Target
from landslip.training.loop.optimisation import build_optimiser, follow
from landslip.training.loop.seeding import generator_of, seed_of
from landslip.training.losses import build_loss
from landslip.training.networks.build import DetectingNetwork
from landslip.training.recipe.recipe import Recipe

Teacher = Callable[[Tensor, Target], Target]
"""Gives the target of a batch, perhaps a soft one, for the positions (N,) of its patches and the target so far, before
both are augmented: what a teacher says then moves with the patch."""
Augmented = tuple[Tensor, Target, Tensor]


class Diverged(Exception):  # noqa: N818 - it says what happened; the loop turns it into an error with a remedy
    """The loss or the weights stopped being numbers."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(f"epoch {epoch}, step {step}")
        self.epoch = epoch
        self.step = step


class Learning(LightningModule):
    """A network that learns by a recipe, the mean of its weights over time, and how hard each patch was."""

    def __init__(
        self, network: DetectingNetwork, recipe: Recipe, patches: int, steps_per_epoch: int, teacher: Teacher | None
    ) -> None:
        """Set up learning.

        Args:
            network: as it starts.
            recipe: what to do.
            patches: how many there are to learn from.
            steps_per_epoch: on each device.
            teacher: softens the target of every batch.
        """
        super().__init__()
        self.recipe = recipe
        self.teacher = teacher
        self.steps_per_epoch = steps_per_epoch
        self.network = network
        self.averaged = copy.deepcopy(network).eval().requires_grad_(False)
        self.loss = build_loss(recipe.loss, recipe.channels)
        self.augmentation = Augmentation(recipe.augmentation, recipe.channels, network.normalise.mean.flatten())
        # No buffers: Lightning's strategies make buffers the same on every device, and each sees patches of its own.
        self.difficulty = torch.full((patches,), float("nan"))
        self.seen = torch.zeros(patches, dtype=torch.bool)
        self.totals: dict[str, Tensor] = {}
        self.counted = 0

    @property
    def epoch(self) -> int:
        """The epoch that is running, counted from 1."""
        return self.current_epoch + 1

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule of the recipe; the schedule moves after each step."""
        optimiser, schedule = build_optimiser(self.network, self.recipe.fit, self.steps_per_epoch)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep how hard each patch was."""
        checkpoint["difficulty"] = self.difficulty.cpu()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up how hard each patch was."""
        self.difficulty = checkpoint["difficulty"]

    def on_fit_start(self) -> None:
        """Move to the device what does not move by itself."""
        self.difficulty, self.seen = self.difficulty.to(self.device), self.seen.to(self.device)

    def on_train_epoch_start(self) -> None:
        """Begin an epoch with chance of its own, for what a network itself draws."""
        torch.manual_seed(seed_of(self.recipe.seed, self.epoch, self.global_rank))
        self.network.train()
        self.averaged.eval()
        self.seen.zero_()
        self.totals, self.counted = {}, 0

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Augmented:
        """Augment on the device, outside reduced precision; the same chance for the same place in the run."""
        fed = cast(Fed, batch)
        chance = generator_of(self.recipe.seed, self.epoch, fed.step, self.global_rank)
        with torch.no_grad():
            target = Target.of_masks(fed.masks)
            if self.teacher is not None:
                target = self.teacher(fed.positions, target)
            values, target = self.augmentation(fed.values, target, chance)
        return values, target, fed.positions

    def training_step(self, batch: Augmented, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        values, target, positions = batch
        logits = self.network(values.contiguous(memory_format=torch.channels_last)).squeeze(1).float()
        parts = self.loss.parts(logits, target, values)
        loss = self.loss.weigh(parts)
        if not torch.isfinite(loss.detach()):
            raise Diverged(self.epoch, batch_idx + 1)
        self._remember(loss.detach(), parts, logits.detach(), target, positions)
        return loss

    def _remember(
        self, loss: Tensor, parts: dict[str, Tensor], logits: Tensor, target: Target, positions: Tensor
    ) -> None:
        """Add a batch to the epoch's means, and note how hard each of its patches was: mean cross-entropy."""
        with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
            entropy = functional.binary_cross_entropy_with_logits(logits, target.landslide, reduction="none")
            observed = target.observed.sum(dim=(1, 2))
            hard = (entropy * target.observed).sum(dim=(1, 2)) / observed
            # A patch of which nothing was observed this time says nothing.
            self.difficulty[positions] = torch.where(observed > 0, hard, self.difficulty[positions])
            self.seen[positions] = True
            size = len(positions)
            for name, part in {"loss": loss, **{f"loss_{kind}": part.detach() for kind, part in parts.items()}}.items():
                self.totals[name] = self.totals.get(name, torch.zeros_like(part)) + size * part
            self.counted += size

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the mean of the weights on."""
        if self.recipe.fit.swa_start is None:
            follow(self.averaged, self.network, self.recipe.fit.ema_decay, self.global_step)

    def means(self) -> dict[str, float]:
        """The epoch's mean loss and its parts, over all devices."""
        counted = self._added(torch.tensor(float(self.counted), device=self.device))
        return {name: float(self._added(total) / counted) for name, total in self.totals.items()}

    def share_difficulty(self) -> None:
        """Let every device know how hard the patches were that others saw."""
        if self.trainer.world_size == 1:
            return
        mine = torch.where(self.seen, torch.nan_to_num(self.difficulty), 0.0)
        times = self._added(self.seen.float())
        total = self._added(mine)
        self.difficulty = torch.where(times > 0, total / times.clamp_min(1), self.difficulty)

    def _added(self, number: Tensor) -> Tensor:
        return cast(Tensor, self.trainer.strategy.reduce(number, reduce_op="sum"))
