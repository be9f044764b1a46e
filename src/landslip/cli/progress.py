"""Progress on stderr: bars with speed and time left, none where they would only clutter."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Final, Never

from tqdm import tqdm

_SCALED_UNITS: Final = {"mapping": "px", "comparing": "px", "downloading": "B"}
"""What is counted in thousands and millions ..."""
_UNITS: Final = {
    "importing": " step",
    "timing": " round",
    "training": " run",
    "mapping variants": " patch",
    "writing the report": " section",
}
"""... and what is not; all else is counted in files."""


@contextlib.contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function to be told (what is being done, how much of it is done, how much there is).

    A bar appears once something takes over a second; where stderr is no terminal, a line every ten seconds.
    """
    bars: dict[str, tqdm[Never]] = {}

    def watch(doing: str, done: int, total: int) -> None:
        if doing not in bars:
            close()
            bars[doing] = tqdm(
                total=total,
                desc=doing,
                unit=(_SCALED_UNITS | _UNITS).get(doing, " file"),
                unit_scale=doing in _SCALED_UNITS,
                initial=done,
                delay=1,
                mininterval=0.2 if sys.stderr.isatty() else 10,
                disable=quiet,
                file=sys.stderr,
                dynamic_ncols=True,
            )
        bars[doing].update(done - bars[doing].n)

    def close() -> None:
        for bar in bars.values():
            bar.close()

    try:
        yield watch
    finally:
        close()
