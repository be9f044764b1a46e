"""What happens between two epochs: look, choose, log, keep a checkpoint, stop if it is time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from landslip.training.data.feeding import LoadedPart, in_turn
from landslip.training.loop.log import LOG, look_of, row_of, write_log
from landslip.training.loop.module import Diverged, Learning
from landslip.training.loop.optimisation import end_epoch
from landslip.training.loop.validation import Look, count_lights, look_from, wavelengths
from landslip.training.networks.run_weights import save_weights

CHECKPOINTS: Final = "checkpoints"
LAST: Final = "last.ckpt"
BEST: Final = "best.safetensors"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands after some epochs; what a checkpoint must know beside the weights."""

    rows: tuple[Mapping[str, float], ...] = ()
    """One an epoch."""
    best: Look | None = None
    looks_since: int = 0
    """Looks after the best one."""
    seconds: float = 0.0

    @property
    def looks(self) -> tuple[Look, ...]:
        """All looks at the choosing part."""
        return tuple(look for row in self.rows if (look := look_of(row)) is not None)

    def and_then(self, row: Mapping[str, float], look: Look | None, choose_by: str) -> "Standing":
        """After one more epoch; of equals the later one is the better."""
        if look is None:
            best, since = self.best, self.looks_since
        elif self.best is None or look.merit(choose_by) >= self.best.merit(choose_by):
            best, since = look, 0
        else:
            best, since = self.best, self.looks_since + 1
        return Standing((*self.rows, row), best, since, row["seconds"])


class Course(Callback):
    """Follows a run from epoch to epoch."""

    def __init__(self, choose: LoadedPart, folder: Path, network: str, inputs: Sequence[str]) -> None:
        """Set up.

        Args:
            choose: what is looked at.
            folder: of the run.
            network: its words, for the file of the best weights.
            inputs: what its first convolution takes, by name, likewise.
        """
        self.validation = choose
        self.folder = folder
        self.words = network
        self.inputs = tuple(inputs)
        self.standing = Standing()
        self.started = time.monotonic()
        self.nm = wavelengths(choose.channels)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on from where a checkpoint left off, if there was one."""
        self.started = time.monotonic() - self.standing.seconds
        self._stop_in_time(trainer, cast(Learning, pl_module))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close an epoch; every device comes to the same result, the first one writes it down."""
        module = cast(Learning, pl_module)
        fit = module.recipe.fit
        if not all(bool(torch.isfinite(value).all()) for value in module.network.state_dict().values()):
            raise Diverged(module.epoch, module.steps_per_epoch)
        module.share_difficulty()
        end_epoch(module.averaged, module.network, fit, module.epoch)
        due = module.epoch % fit.validate_every == 0 or module.epoch == fit.epochs
        look = self._look(trainer, module) if due else None
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        row = row_of(module.epoch, time.monotonic() - self.started, rate, module.means(), look)
        self.standing = self.standing.and_then(row, look, fit.monitor)
        for logger in trainer.loggers:
            logger.log_metrics(dict(row), step=module.epoch)
        self._keep(trainer, module, is_best=look is not None and self.standing.best is look)
        self._stop_in_time(trainer, module)

    def _look(self, trainer: Trainer, module: Learning) -> Look:
        """Each device looks at patches of its own; the counts are added up."""
        mine = np.arange(trainer.global_rank, len(self.validation), trainer.world_size)
        counts = count_lights(
            module.averaged,
            in_turn(self.validation, mine),
            module.recipe.fit,
            self.nm,
            module.device,
            trainer.precision_plugin.forward_context,
        )
        total = trainer.strategy.reduce(counts.to(module.device), reduce_op="sum")
        return look_from(cast(torch.Tensor, total), module.epoch)

    def _keep(self, trainer: Trainer, module: Learning, *, is_best: bool) -> None:
        """Write the log, the best weights and the checkpoint, in this order: a kill between them loses nothing."""
        folder = self.folder / CHECKPOINTS
        unfinished, last = folder / f".{LAST}.unfinished", folder / LAST
        if trainer.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            write_log(self.folder / LOG, self.standing.rows)
            if is_best:
                tensors = module.averaged.state_dict()
                save_weights(folder / BEST, tensors, network=self.words, channels=self.inputs)
        trainer.save_checkpoint(unfinished, weights_only=False)
        if trainer.is_global_zero:
            unfinished.replace(last)
        trainer.strategy.barrier("kept")

    def _stop_in_time(self, trainer: Trainer, module: Learning) -> None:
        patience = module.recipe.fit.patience
        if patience is not None and self.standing.looks_since >= patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Plain values alone, so that a checkpoint can be read without running any code."""
        best = None if self.standing.best is None else self.standing.best.epoch
        return {
            "rows": [dict(row) for row in self.standing.rows],
            "best_epoch": best,
            "looks_since": self.standing.looks_since,
            "seconds": self.standing.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a run."""
        rows = tuple(state_dict["rows"])
        best = next((row for row in rows if row["epoch"] == state_dict["best_epoch"]), None)
        self.standing = Standing(
            rows, None if best is None else look_of(best), state_dict["looks_since"], state_dict["seconds"]
        )
