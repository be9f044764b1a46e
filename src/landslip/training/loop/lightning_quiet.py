"""Keeps Lightning to itself: its notes, tips and warnings about what is meant so, and its hold on the keyboard."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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
