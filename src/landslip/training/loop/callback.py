"""The end of each epoch: validation, model selection, log, checkpoint and early stopping."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger

from landslip.errors import MissingExtraError
from landslip.files.atomic import write_text
from landslip.training.data.feeding import LoadedPart, iterate_batches
from landslip.training.loop.module import DivergenceError, SegmentationModule
from landslip.training.loop.optimisation import update_swa
from landslip.training.loop.validation import Validation, channel_wavelengths, count_validation, validation_of
from landslip.training.networks.run_weights import save_weights
from landslip.training.recipe.recipe import Recipe

LOG: Final = "log.csv"
CHECKPOINTS: Final = "checkpoints"
LAST: Final = "last.ckpt"
BEST: Final = "best.safetensors"
Row = Mapping[str, float]
"""One epoch by column name; columns of a validation are missing where there was none."""


@dataclass(frozen=True, slots=True)
class History:
    """The course of a run: one row per epoch, and the best validation so far. Checkpoints store it."""

    rows: tuple[Row, ...] = ()
    best: Validation | None = None
    since_best: int = 0
    """Validations since the best one."""
    seconds: float = 0.0

    @property
    def validations(self) -> tuple[Validation, ...]:
        """All validations in order."""
        return tuple(one for row in self.rows if (one := validation_in_row(row)) is not None)

    def append(self, row: Row, validation: Validation | None, monitor: str) -> "History":
        """Return the history after one more epoch; of equal scores the later epoch is the better."""
        best, since = self.best, self.since_best
        if validation is not None:
            better = best is None or validation.score(monitor) >= best.score(monitor)
            best, since = (validation, 0) if better else (best, since + 1)
        return History((*self.rows, row), best, since, row["seconds"])

    def __repr__(self) -> str:
        best = "" if self.best is None else f", best epoch {self.best.epoch} with F1 {self.best.f1_best:.3f}"
        return f"History({len(self.rows)} epochs{best})"


def validation_in_row(row: Row) -> Validation | None:
    """Return the validation that a row of the log describes, if there was one."""
    names = [field.name for field in fields(Validation)]
    if "f1_best" not in row:
        return None
    return Validation(**cast(Any, {name: row[name] for name in names} | {"epoch": int(row["epoch"])}))


def log_row(
    epoch: int, seconds: float, learning_rate: float, losses: Row, validation: Validation | None
) -> dict[str, float]:
    """Build the row of an epoch."""
    row = {"epoch": epoch, "seconds": round(seconds, 3), "learning_rate": learning_rate, **losses}
    return row | (asdict(validation) if validation is not None else {})


def write_log(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows as CSV, atomically."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def build_loggers(recipe: Recipe, folder: Path) -> list[Logger]:
    """Build the loggers of a recipe.

    Raises:
        MissingExtraError: the recipe asks for MLflow, which is not installed.
    """
    loggers: list[Logger] = []
    if recipe.log.tensorboard:
        loggers.append(TensorBoardLogger(folder, name="tensorboard", version=""))
    if recipe.log.mlflow is not None:
        try:
            loggers.append(MLFlowLogger("landslip", run_name=recipe.name, tracking_uri=recipe.log.mlflow))
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "log.mlflow needs the package mlflow-skinny: install it with  pip install mlflow-skinny , "
                "or remove log.mlflow from the recipe"
            ) from error
    return loggers


class TrainingCallback(Callback):
    """Validates, selects, logs, stores a checkpoint and stops early; keeps the history of the run."""

    def __init__(self, validation: LoadedPart, folder: Path, network: str, inputs: Sequence[str]) -> None:
        """Set up.

        Args:
            validation: the validation part.
            folder: of the run.
            network: name of the network, stored with the best weights.
            inputs: names of the inputs of the first convolution, stored with them too.
        """
        self.validation = validation
        self.folder = folder
        self.network_name = network
        self.inputs = tuple(inputs)
        self.history = History()
        self.started = time.monotonic()
        self.wavelengths_nm = channel_wavelengths(validation.channels)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Continue the clock of a resumed run."""
        self.started = time.monotonic() - self.history.seconds
        self._stop_early(trainer, cast(SegmentationModule, pl_module))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close an epoch; all devices get the same result, the first one writes it."""
        module = cast(SegmentationModule, pl_module)
        fit = module.recipe.fit
        if not all(bool(torch.isfinite(value).all()) for value in module.network.state_dict().values()):
            raise DivergenceError(module.epoch, module.steps_per_epoch)
        module.reduce_difficulty()
        update_swa(module.averaged, module.network, fit, module.epoch)
        due = module.epoch % fit.validate_every == 0 or module.epoch == fit.epochs
        validation = self._validate(trainer, module) if due else None
        rate = max(group["lr"] for group in trainer.optimizers[0].param_groups)
        row = log_row(module.epoch, time.monotonic() - self.started, rate, module.mean_losses(), validation)
        self.history = self.history.append(row, validation, fit.monitor)
        for logger in trainer.loggers:
            logger.log_metrics(dict(row), step=module.epoch)
        self._store(trainer, module, is_best=validation is not None and self.history.best is validation)
        self._stop_early(trainer, module)

    def _validate(self, trainer: Trainer, module: SegmentationModule) -> Validation:
        """Validate; each device takes patches of its own and the counts are added."""
        own = np.arange(trainer.global_rank, len(self.validation), trainer.world_size)
        counts = count_validation(
            module.averaged,
            iterate_batches(self.validation, own),
            module.recipe.fit,
            self.wavelengths_nm,
            module.device,
            trainer.precision_plugin.forward_context,
        )
        total = trainer.strategy.reduce(counts.to(module.device), reduce_op="sum")
        return validation_of(cast(torch.Tensor, total), module.epoch)

    def _store(self, trainer: Trainer, module: SegmentationModule, *, is_best: bool) -> None:
        """Write log, best weights and checkpoint, in this order, so that an interruption between them loses nothing."""
        folder = self.folder / CHECKPOINTS
        unfinished, last = folder / f".{LAST}.unfinished", folder / LAST
        if trainer.is_global_zero:
            folder.mkdir(parents=True, exist_ok=True)
            write_log(self.folder / LOG, self.history.rows)
            if is_best:
                tensors = module.averaged.state_dict()
                save_weights(folder / BEST, tensors, network=self.network_name, channels=self.inputs)
        trainer.save_checkpoint(unfinished, weights_only=False)
        if trainer.is_global_zero:
            unfinished.replace(last)
        trainer.strategy.barrier("checkpoint")

    def _stop_early(self, trainer: Trainer, module: SegmentationModule) -> None:
        patience = module.recipe.fit.patience
        if patience is not None and self.history.since_best >= patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Return plain values only, so that a checkpoint is read without running code."""
        return {
            "rows": [dict(row) for row in self.history.rows],
            "best_epoch": None if self.history.best is None else self.history.best.epoch,
            "since_best": self.history.since_best,
            "seconds": self.history.seconds,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the history of a run."""
        rows = tuple(state_dict["rows"])
        best = next((row for row in rows if row["epoch"] == state_dict["best_epoch"]), None)
        self.history = History(
            rows, None if best is None else validation_in_row(best), state_dict["since_best"], state_dict["seconds"]
        )
