"""The progress protocol: how a long function reports progress to whoever called it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Progress(Protocol):
    """A callable that is told the current stage, the units done and the total number of units."""

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Report progress."""


def no_progress(stage: str, done: int, total: int, /) -> None:
    """Report nothing: the default of library functions."""


def track(items: Iterable[Item], progress: Progress, stage: str, total: int | None = None) -> Iterator[Item]:
    """Iterate over items and report each one that is finished.

    Args:
        items: what to iterate over.
        progress: told ``(stage, done, total)`` before the first item and after each.
        stage: a short noun phrase, such as ``"mapping"``.
        total: number of items; taken from ``items`` where None.

    Example:
        >>> list(track("ab", lambda *told: print(told), "reading"))
        ('reading', 0, 2)
        ('reading', 1, 2)
        ('reading', 2, 2)
        ['a', 'b']
    """
    count = total if total is not None else len(items) if isinstance(items, Collection) else 0
    progress(stage, 0, count)
    for done, item in enumerate(items, 1):
        yield item
        progress(stage, done, count)
