"""One bar for a whole run, on stderr: batches done, loss, F1 and time left."""

import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Never, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from tqdm import tqdm

from landslip.training.loop.callback import Course
from landslip.training.loop.module import Learning

DELAY_S: Final = 2
"""A run that is over sooner needs no bar."""


class Bar(Callback):
    """Shows how far a run is; appears once it takes over two seconds."""

    def __init__(self, course: Course) -> None:
        """Set up.

        Args:
            course: that knows the F1.
        """
        self.course = course
        self.shown: tqdm[Never] | None = None
        self.loss = float("nan")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start where the run starts, which is not 0 for one that goes on."""
        module = cast(Learning, pl_module)
        steps, epochs = module.steps_per_epoch, module.recipe.fit.epochs
        self.shown = tqdm(
            total=epochs * steps,
            initial=trainer.current_epoch * steps,
            desc=module.recipe.name,
            unit="batch",
            delay=DELAY_S,
            mininterval=0.2 if sys.stderr.isatty() else 30,
            disable=not trainer.is_global_zero,
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count a batch; the loss shown is a running mean."""
        if self.shown is None:
            return
        module = cast(Learning, pl_module)
        loss = float(outputs["loss"])
        self.loss = loss if batch_idx == 0 and self.loss != self.loss else 0.95 * self.loss + 0.05 * loss
        words = {"epoch": f"{module.epoch}/{module.recipe.fit.epochs}", "loss": f"{self.loss:.3f}"}
        looks = self.course.standing.looks
        if looks:
            words["F1"] = f"{looks[-1].f1_best:.3f}"
        self.shown.set_postfix(words, refresh=False)
        self.shown.update()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar, however the run ends."""
        if self.shown is not None:
            self.shown.close()


_LOGGERS: Final = ("lightning", "lightning.pytorch", "lightning.fabric")


@contextmanager
def hushed() -> Iterator[None]:
    """Hear only errors of Lightning inside, and leave the process as it was."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        # Lightning's warnings carry the place they are about: its own code, or torch's beneath it.
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
def interruptible() -> Iterator[None]:
    """Let the user interrupt afterwards as before: on an interruption Lightning makes the process deaf to the next."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread hears the keyboard, or may change who does.
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
