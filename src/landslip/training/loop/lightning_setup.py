"""How Lightning talks to its surroundings: progress reports, silent loggers, keyboard interrupts."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from lightning.pytorch import Callback, LightningModule, Trainer

from landslip.files.progress import Progress
from landslip.training.loop.module import SegmentationModule

STAGE: Final = "training"
_LOGGERS: Final = ("lightning", "lightning.pytorch", "lightning.fabric")


class ProgressCallback(Callback):
    """Reports the optimisation steps of a run to a ``Progress`` function."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.done = self.total = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report the steps that a resumed run has done already."""
        module = cast(SegmentationModule, pl_module)
        self.total = module.recipe.fit.epochs * module.steps_per_epoch
        self.done = trainer.current_epoch * module.steps_per_epoch
        self._report(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report one more step."""
        self.done += 1
        self._report(trainer)

    def _report(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            self.progress(STAGE, self.done, self.total)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Show only errors of Lightning inside the block."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # Lightning's warnings are attributed to its own modules or to torch's.
        for module in (r"lightning\b", r"torch\b"):
            warnings.filterwarnings("ignore", module=module)
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


@contextmanager
def restore_sigint() -> Iterator[None]:
    """Restore the handler of keyboard interrupts, which Lightning replaces after an interruption."""
    if threading.current_thread() is not threading.main_thread():
        # Signal handlers can be set by the main thread only.
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
