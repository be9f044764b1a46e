"""A part of the patches, ready to be fed: what sampling and normalisation must know of it, and batches as tensors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from landslip.datasets.loader import MemorySource, Source, batches
from landslip.datasets.patch_set import PatchSet, PatchStack, stack_patches
from landslip.datasets.splits import key_of
from landslip.datasets.statistics import Moments
from landslip.datasets.store.reading import PatchStore
from landslip.errors import ChannelError, PatchesError
from landslip.probability import LANDSLIDE, NODATA
from landslip.training.data.sources import Joined, Relabelled

_LOOK_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """Some patches of a source, and some of its channels."""

    source: Source
    positions: NDArray[np.intp]
    places: tuple[int, ...]
    """Of the channels in the source."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        return len(self.places), *self.source.shape[1:]

    def __len__(self) -> int:
        return len(self.positions)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        if self.places == tuple(range(self.source.shape[0])):
            self.source.fill(self.positions[positions], values, masks)
            return
        whole = np.empty((len(positions), *self.source.shape), np.float32)
        self.source.fill(self.positions[positions], whole, masks)
        np.take(whole, self.places, axis=1, out=values)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPart:
    """Patches with a known truth, all of one size, and what was found in going through them once."""

    source: Source
    channels: tuple[str, ...]
    keys: tuple[str, ...]
    """Split and number of each patch, such as ``train/42``."""
    scenes: tuple[str, ...]
    """(N,) scene of each patch."""
    landslide_share: NDArray[np.float64]
    """(N,) share of landslide in the observed pixels of each patch."""
    mean: NDArray[np.float64]
    """(C,) mean of each channel."""
    deviation: NDArray[np.float64]
    """(C,) standard deviation of each channel within a patch, mean over patches."""
    unlabelled: int
    """Patches that were left out because nothing is known of them."""
    threads: int = 2

    def __len__(self) -> int:
        return len(self.source)

    def stack(self) -> PatchStack:
        """All patches, held in memory together."""
        values = np.empty((len(self), *self.source.shape), np.float32)
        masks = np.empty((len(self), *self.source.shape[1:]), np.uint8)
        self.source.fill(np.arange(len(self)), values, masks)
        return PatchStack(self.channels, values, masks)

    def only(self, positions: Sequence[int]) -> "LoadedPart":
        """Some of the patches, in an order, perhaps again and again; the channels' numbers stay those of the whole."""
        picked = np.asarray(positions, np.intp)
        return LoadedPart(
            Chosen(self.source, picked, tuple(range(len(self.channels)))),
            self.channels,
            tuple(self.keys[place] for place in picked),
            tuple(self.scenes[place] for place in picked),
            self.landslide_share[picked],
            self.mean,
            self.deviation,
            self.unlabelled,
            self.threads,
        )


class Fed(NamedTuple):
    """A batch as tensors, with what decides its augmentation."""

    values: Tensor
    """(N, C, H, W), in DN, degrees and metres."""
    masks: Tensor
    """(N, H, W) uint8: landslide 1, not landslide 0, not observed 255."""
    positions: Tensor
    """(N,) positions in the part."""
    step: int
    """Of the epoch, counted from 0."""


Order = Callable[[], NDArray[np.intp]]


@dataclass(frozen=True, slots=True, eq=False)
class Feeding:
    """One epoch after the other in batches; what a trainer takes for a data loader."""

    part: LoadedPart
    batch: int
    steps: int
    order: Order
    """Positions of the epoch that begins; asked for when its first batch is."""

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Fed]:
        """Batches of the epoch that begins."""
        # In a body of its own: the order is asked for when the first batch is, not when the iterator is made.
        yield from in_turn(self.part, self.order(), self.batch)


def in_turn(part: LoadedPart, positions: NDArray[np.intp], batch: int = _LOOK_BATCH) -> Iterator[Fed]:
    """The patches at some positions of a part in batches, in the order given."""
    for step, one in enumerate(batches(part.source, batch, order=positions, threads=part.threads)):
        yield Fed(torch.from_numpy(one.values), torch.from_numpy(one.masks), torch.from_numpy(one.positions), step)


def load_part(
    patches: PatchSet[Any],
    channels: Sequence[str],
    name: str,
    *,
    threads: int = 2,
    progress: bool = True,
    masks: NDArray[np.uint8] | None = None,
    keep_unknown: bool = False,
) -> LoadedPart:
    """Make patches ready: channels picked by name, patches without a known truth left out, all gone through once.

    Pictures are held in memory; HDF5 files and stores are read as they are needed.

    Args:
        patches: of a set.
        channels: to learn from, in this order.
        name: of the part, for messages.
        threads: that read ahead.
        progress: show a bar on stderr when it takes over two seconds.
        masks: (N, H, W) truth in place of the patches' own, which is then not looked at.
        keep_unknown: keep patches without a known truth, for a teacher to say what they show.

    Raises:
        ChannelError: the set lacks a channel.
        PatchesError: nothing is known of any patch, they differ in size, or one is damaged.
    """
    missing = [channel for channel in channels if channel not in patches.channels]
    if missing:
        raise ChannelError(
            f"the recipe needs the channel {', '.join(missing)}, which the patches lack: "
            f"they have {', '.join(patches.channels)}"
        )
    if hasattr(patches, "fill"):
        filling = cast(Source, patches)
        # The HDF5 library lets only one thread in at a time, and more were measured to be slower.
        threads = threads if isinstance(patches, PatchStore) else 1
    else:
        shown = tqdm(patches, total=len(patches), desc=f"reading {name}", unit="patch", disable=not progress, delay=2)
        filling = MemorySource(stack_patches(shown))
    if masks is not None:
        filling = Relabelled(filling, masks)
    places = tuple(patches.channels.index(channel) for channel in channels)
    whole = Chosen(filling, np.arange(len(patches)), places)
    found = _gone_through(whole, name, threads, progress=progress)
    known = np.flatnonzero(found.observed > 0)
    if keep_unknown:
        known = np.arange(len(patches))
    if not len(known):
        raise PatchesError(f"nothing is known of the {len(patches)} patches of {name}: give patches with masks")
    entries = [patches.entries[place] for place in known]
    return LoadedPart(
        source=Chosen(filling, known, places),
        channels=tuple(channels),
        keys=tuple(key_of(entry) for entry in entries),
        scenes=tuple(entry.scene for entry in entries),
        landslide_share=found.landslide[known] / np.maximum(found.observed[known], 1),
        mean=np.mean([found.mean[place] for place in known], axis=0),
        deviation=np.mean([found.deviation[place] for place in known], axis=0),
        unlabelled=len(patches) - len(known),
        threads=threads,
    )


class _Found(NamedTuple):
    observed: NDArray[np.int64]
    landslide: NDArray[np.int64]
    mean: list[NDArray[np.float64]]
    deviation: list[NDArray[np.float64]]


def _gone_through(source: Source, name: str, threads: int, *, progress: bool) -> _Found:
    observed, landslide, mean, deviation = [], [], [], []
    bar = tqdm(total=len(source), desc=f"going through {name}", unit="patch", disable=not progress, delay=2)
    with bar:
        for batch in batches(source, _LOOK_BATCH, threads=threads):
            for values, mask in zip(batch.values, batch.masks, strict=True):
                moments = Moments.of(values)
                mean.append(moments.mean)
                deviation.append(moments.deviation)
                observed.append(np.count_nonzero(mask != NODATA))
                landslide.append(np.count_nonzero(mask == LANDSLIDE))
            bar.update(len(batch.positions))
    return _Found(np.array(observed), np.array(landslide), mean, deviation)


def join(first: LoadedPart, second: LoadedPart) -> LoadedPart:
    """Two parts as one; the channels' numbers, which normalise, are the mean over all patches.

    Raises:
        PatchesError: they differ in channels or in size.
    """
    if first.channels != second.channels or first.source.shape != second.source.shape:
        raise PatchesError(
            f"patches of {', '.join(first.channels)} {first.source.shape[1:]} and of {', '.join(second.channels)} "
            f"{second.source.shape[1:]} cannot be learned from together: give patches of one kind and size"
        )
    weight = len(second) / (len(first) + len(second))
    return replace(
        first,
        source=Joined(first.source, second.source),
        keys=first.keys + second.keys,
        scenes=first.scenes + second.scenes,
        landslide_share=np.concatenate([first.landslide_share, second.landslide_share]),
        mean=(1 - weight) * first.mean + weight * second.mean,
        deviation=(1 - weight) * first.deviation + weight * second.deviation,
        unlabelled=first.unlabelled + second.unlabelled,
        threads=min(first.threads, second.threads),
    )
