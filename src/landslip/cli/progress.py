"""Progress on stderr: one line that updates in a terminal, and a plain line every ten seconds elsewhere."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final, TextIO

from landslip.files.progress import Progress, no_progress

DELAY_S: Final = 2.0
"""Shorter work shows no progress."""
TERMINAL_INTERVAL_S: Final = 0.2
LOG_INTERVAL_S: Final = 10.0
_UNITS: Final = {"mapping": "px", "downloading": "B"}
"""Stages that count in the thousands and millions, with their unit; other stages count items."""


class ProgressLine:
    """Prints the progress of the running stage, as the ``Progress`` protocol of the library reports it.

    Args:
        stream: where to print; a terminal gets one line that is overwritten, any other stream a line every ten seconds.
        clock: seconds since any fixed moment.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._began = clock()
        self._printed: float | None = None
        self._shown = 0  # characters of the line on the terminal
        self._stages: dict[str, tuple[float, int]] = {}  # when each stage began, and how much was done by then

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Note the progress of a stage, and print it if it is time to."""
        now = self._clock()
        if stage not in self._stages or done < self._stages[stage][1]:
            self._stages[stage] = now, done
        interval = TERMINAL_INTERVAL_S if self._terminal else LOG_INTERVAL_S
        if now - self._began < DELAY_S or (self._printed is not None and now - self._printed < interval):
            return
        self._printed = now
        began, before = self._stages[stage]
        self._print(progress_text(stage, done, total, before=before, elapsed_s=now - began))

    def close(self) -> None:
        """Remove the line from the terminal."""
        if self._shown:
            self._stream.write(f"\r{' ' * self._shown}\r")
            self._stream.flush()
            self._shown = 0

    def _print(self, text: str) -> None:
        if self._terminal:
            text = text[: shutil.get_terminal_size().columns - 1]
            self._stream.write(f"\r{text:<{self._shown}}")
            self._shown = len(text)
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()


@contextlib.contextmanager
def progress_line(*, quiet: bool) -> Iterator[Progress]:
    """Give a progress function that prints on stderr; one that prints nothing where ``quiet``."""
    if quiet:
        yield no_progress
        return
    line = ProgressLine(sys.stderr)
    try:
        yield line
    finally:
        line.close()


def progress_text(stage: str, done: int, total: int, *, before: int = 0, elapsed_s: float = 0.0) -> str:
    """Describe the progress of a stage in one line.

    Args:
        stage: what is being done.
        done: units done.
        total: units to do; 0 where that is unknown.
        before: units that were done when the clock started, as in a resumed run.
        elapsed_s: seconds since then.

    Example:
        >>> progress_text("mapping", 1_200_000, 3_000_000, elapsed_s=8)
        'mapping: 40 % (1.2 of 3.0 Mpx), 12 s left'
        >>> progress_text("checking", 12, 0)
        'checking: 12 done'
    """
    if total <= 0:
        return f"{stage}: {done:,} done"
    text = f"{stage}: {100 * done // total} % ({_counts(done, total, _UNITS.get(stage))})"
    if before < done < total and elapsed_s > 0:
        text += f", {_duration(elapsed_s * (total - done) / (done - before))} left"
    return text


def _counts(done: int, total: int, unit: str | None) -> str:
    if unit is None:
        return f"{done:,} of {total:,}"
    power = min(3, (len(str(total)) - 1) // 3)
    if power == 0:
        return f"{done} of {total} {unit}"
    return f"{done / 1000**power:.1f} of {total / 1000**power:.1f} {'kMG'[power - 1]}{unit}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
