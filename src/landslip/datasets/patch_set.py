"""What every set of patches offers, wherever it keeps them: an order, channels, parts, and patches one at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, Literal, Protocol, Self, TypeVar

from landslip.datasets.patch import Patch
from landslip.errors import PatchesError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""The parts that the makers of a data set gave out, in their order."""

UNKNOWN_SCENE = "unknown"


def split_named(text: str) -> Split:
    """Find a split by its name.

    Raises:
        PatchesError: there is no such split.
    """
    for split in SPLITS:
        if text == split:
            return split
    raise PatchesError(f"'{text}' is not a split: allowed are {', '.join(SPLITS)}")


class Entry(Protocol):
    """Which patch this is and where it lies, without its pixels."""

    @property
    def id(self) -> int:
        """Number of the patch; one number may stand in several splits."""

    @property
    def split(self) -> Split:
        """The part that the makers of the data set put it in."""

    @property
    def scene(self) -> str:
        """Name of the scene it was cut from; ``unknown`` where nothing says so."""

    @property
    def row(self) -> int | None:
        """Row in the scene, counted in patches."""

    @property
    def col(self) -> int | None:
        """Column in the scene, counted in patches."""


E = TypeVar("E", bound=Entry)


class PatchSet(Protocol[E]):
    """Patches in a fixed order, all of the same channels, read one at a time."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""

    @property
    def entries(self) -> tuple[E, ...]:
        """The patches without their pixels, in order."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Patch]: ...

    def where(self, wanted: Callable[[E], bool]) -> Self:
        """Keep the patches that are wanted."""

    def read(self, entry: E) -> Patch:
        """Read one patch, its values in DN, degrees and metres; all of its mask not observed where none is known."""


class EntrySet(ABC, Generic[E]):
    """What sets of patches share: all of it follows from their entries and from reading one. They are dataclasses."""

    __slots__ = ()
    entries: tuple[E, ...]

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scenes that the patches come from."""
        return tuple(sorted({entry.scene for entry in self.entries}))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Patch]:
        return (self.read(entry) for entry in self.entries)

    def where(self, wanted: Callable[[E], bool]) -> Self:
        """Keep the patches that are wanted."""
        kept = tuple(entry for entry in self.entries if wanted(entry))
        return replace(self, entries=kept)  # type: ignore[type-var]  # every set is a dataclass, this base is not

    @abstractmethod
    def read(self, entry: E) -> Patch:
        """Read one patch, its values in DN, degrees and metres; all of its mask not observed where none is known."""
