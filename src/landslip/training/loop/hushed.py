"""Keeps what Lightning says to its own users away from ours: notes, tips, and warnings about what is meant so."""

import logging
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
