"""Labelled patches and sets of them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Literal, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from landslip.errors import ChannelError, PatchesError

if TYPE_CHECKING:
    from landslip.datasets.torch_dataset import TorchDataset
from pathlib import Path
from typing import Final

SENTINEL: Final = "Contains modified Copernicus Sentinel data."


SYNTHETIC: Final = "Synthetic data: not a real area, not measured."


MARK: Final = "synthetic.json"
"""File that marks synthetic patches, and a store that was packed from them."""


def attribution(patches: str | Path) -> str:
    """Return the attribution of pictures and rasters made from a folder of patches."""
    return SYNTHETIC if (Path(patches) / MARK).is_file() else SENTINEL


Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""The splits of a published data set, in order."""
UNKNOWN_SCENE = "unknown"


@dataclass(frozen=True, slots=True, repr=False)
class Patch:
    """A small labelled image, with its position in a scene if known."""

    id: int
    scene: str
    """Name of the scene it was cut from; ``unknown`` if the data set does not tell."""
    row: int | None
    col: int | None
    """Position in the scene, counted in patches from the upper left corner."""
    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(C, H, W), in DN, degrees and metres."""
    mask: NDArray[np.uint8]
    """(H, W): landslide 1, background 0, nodata 255."""

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[0] != len(self.channels):
            raise PatchesError(
                f"patch {self.id} has values of shape {self.values.shape} for channels {', '.join(self.channels)}: "
                "give one (H, W) layer for each channel"
            )
        if self.mask.shape != self.values.shape[1:]:
            raise PatchesError(
                f"patch {self.id} has a mask of shape {self.mask.shape} for an image of {self.values.shape[1:]}: "
                "both must have the same height and width"
            )

    def __repr__(self) -> str:
        height, width = self.mask.shape
        at = "" if self.row is None else f" row {self.row} column {self.col}"
        return f"Patch({self.id}, scene {self.scene}{at}, {len(self.channels)} channels, {height} x {width} px)"

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


@dataclass(frozen=True, slots=True, repr=False)
class PatchStack:
    """Patches of one size in memory, for training."""

    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(N, C, H, W), in DN, degrees and metres."""
    masks: NDArray[np.uint8]
    """(N, H, W): landslide 1, background 0, nodata 255."""

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"PatchStack({len(self)} patches, {len(self.channels)} channels, shape {self.values.shape})"


def stack_patches(patches: Iterable[Patch]) -> PatchStack:
    """Copy patches into one stack.

    Raises:
        PatchesError: there are no patches, or they differ in channels or size.
    """
    held = tuple(patches)
    if not held:
        raise PatchesError("no patches to stack: select scenes and rows that the data set has")
    kinds = {(patch.channels, patch.values.shape) for patch in held}
    if len(kinds) > 1:
        shapes = "; ".join(sorted(f"{','.join(channels)} {shape}" for channels, shape in kinds))
        raise PatchesError(f"the patches differ in channels or size ({shapes}): stack patches of one kind")
    return PatchStack(
        channels=held[0].channels,
        values=np.stack([patch.values for patch in held]),
        masks=np.stack([patch.mask for patch in held]),
    )


def split_named(text: str) -> Split:
    """Return the split of a name.

    Raises:
        PatchesError: the name is unknown.
    """
    for split in SPLITS:
        if text == split:
            return split
    raise PatchesError(f"'{text}' is not a split: allowed are {', '.join(SPLITS)}", parameter="split")


class Entry(Protocol):
    """A patch of a set without its pixels: which it is, and its position."""

    @property
    def id(self) -> int:
        """Number of the patch, unique within its split."""

    @property
    def split(self) -> Split:
        """The split of the published data set."""

    @property
    def scene(self) -> str:
        """Name of the scene it was cut from; ``unknown`` if the data set does not tell."""

    @property
    def row(self) -> int | None:
        """Row in the scene, counted in patches."""

    @property
    def col(self) -> int | None:
        """Column in the scene, counted in patches."""


E = TypeVar("E", bound=Entry)


class PatchSet(Protocol[E]):
    """Patches of the same channels in a fixed order, read one at a time."""

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""

    @property
    def entries(self) -> tuple[E, ...]:
        """The patches without their pixels, in order."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Patch]: ...

    def where(self, wanted: Callable[[E], bool]) -> Self:
        """Select the patches for which a condition holds."""

    def read(self, entry: E) -> Patch:
        """Read a patch; without labels its mask is nodata everywhere."""

    def as_torch(self) -> "TorchDataset":
        """Return the set as a PyTorch dataset."""


class EntrySet(ABC, Generic[E]):
    """Base of patch sets: everything but reading one patch. Subclasses are frozen dataclasses with ``repr=False``."""

    __slots__ = ()
    entries: tuple[E, ...]

    @property
    @abstractmethod
    def channels(self) -> tuple[str, ...]:
        """The channels of every patch."""

    @property
    def scenes(self) -> tuple[str, ...]:
        """Names of the scenes of the patches, sorted."""
        return tuple(sorted({entry.scene for entry in self.entries}))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Patch]:
        return (self.read(entry) for entry in self.entries)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} patches, {len(self.channels)} channels, {len(self.scenes)} scenes)"

    def where(self, wanted: Callable[[E], bool]) -> Self:
        """Select the patches for which a condition holds."""
        kept = tuple(entry for entry in self.entries if wanted(entry))
        return replace(self, entries=kept)  # type: ignore[type-var]  # every set is a dataclass, this base is not

    @abstractmethod
    def read(self, entry: E) -> Patch:
        """Read a patch; without labels its mask is nodata everywhere."""

    def as_torch(self) -> "TorchDataset":
        """Return the set as a PyTorch dataset of pairs: values (C, H, W) float32, mask (H, W) uint8.

        Patches are read when they are indexed, so that a ``DataLoader`` with workers reads in parallel.

        Raises:
            MissingExtraError: PyTorch is not installed.
        """
        from landslip.datasets.torch_dataset import torch_dataset  # noqa: PLC0415 - imports PyTorch

        return torch_dataset(self)
