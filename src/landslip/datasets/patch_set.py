"""One labelled image of a data set, and how many of them are held together."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from landslip.errors import ChannelError, PatchesError


@dataclass(frozen=True, slots=True)
class Patch:
    """A small labelled image with its place in a scene, where that is known."""

    id: int
    scene: str
    """Name of the scene it was cut from; ``unknown`` where the data set does not say."""
    row: int | None
    col: int | None
    """Place in the scene, counted in patches from its upper left corner."""
    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(C, H, W), in DN, degrees and metres."""
    mask: NDArray[np.uint8]
    """(H, W): landslide 1, not landslide 0, not observed 255."""

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[0] != len(self.channels):
            raise PatchesError(
                f"patch {self.id} has values of shape {self.values.shape} for channels {', '.join(self.channels)}: "
                "give one (H, W) layer a channel"
            )
        if self.mask.shape != self.values.shape[1:]:
            raise PatchesError(
                f"patch {self.id} has a mask of shape {self.mask.shape} for an image of {self.values.shape[1:]}: "
                "both must have one height and width"
            )

    def select(self, channels: Sequence[str]) -> NDArray[np.float32]:
        """Return some channels (C, H, W), in the order given.

        Raises:
            ChannelError: the patch lacks a channel.
        """
        missing = [name for name in channels if name not in self.channels]
        if missing:
            raise ChannelError(
                f"patch {self.id} lacks channel {', '.join(missing)}: it has {', '.join(self.channels)}",
                parameter="channels",
            )
        return self.values[[self.channels.index(name) for name in channels]]


@dataclass(frozen=True, slots=True)
class PatchStack:
    """Patches of one size held in memory together, for training."""

    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(N, C, H, W), in DN, degrees and metres."""
    masks: NDArray[np.uint8]
    """(N, H, W): landslide 1, not landslide 0, not observed 255."""

    def __len__(self) -> int:
        return len(self.values)


def stack_patches(patches: Iterable[Patch]) -> PatchStack:
    """Hold patches together.

    Raises:
        PatchesError: there is none, or they differ in channels or size.
    """
    held = tuple(patches)
    if not held:
        raise PatchesError("no patch was left to stack: choose scenes and rows that the data set has")
    kinds = {(patch.channels, patch.values.shape) for patch in held}
    if len(kinds) > 1:
        shapes = "; ".join(sorted(f"{','.join(channels)} {shape}" for channels, shape in kinds))
        raise PatchesError(f"the patches differ in channels or size ({shapes}): stack patches of one kind")
    return PatchStack(
        channels=held[0].channels,
        values=np.stack([patch.values for patch in held]),
        masks=np.stack([patch.mask for patch in held]),
    )


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
