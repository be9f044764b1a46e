"""A part of a patch set in training: what sampling and normalisation need to know of it, and batches as tensors."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landslip.datasets.loader import MemorySource, Source, batches
from landslip.datasets.pairs import PairSet
from landslip.datasets.patch_set import PatchSet, PatchStack, stack_patches
from landslip.datasets.rgb import RgbSet
from landslip.datasets.splits import patch_key
from landslip.datasets.statistics import Moments
from landslip.datasets.store.reading import PatchStore
from landslip.detector.card import OodStatistics
from landslip.detector.ood_distance import fit_ood_statistics
from landslip.errors import ChannelError, PatchesError
from landslip.files.progress import Progress, no_progress, track
from landslip.probability import LANDSLIDE, NODATA

_BATCH_SIZE: Final = 32
_LOWEST, _HIGHEST = -1000, 65_535
"""Range of integer DN, degrees and metres that is counted; values beyond count as the bound."""
RANGE_FRACTIONS: Final = (0.01, 0.99)


@dataclass(frozen=True, slots=True, eq=False)
class SourceView:
    """Some patches and some channels of a source."""

    source: Source
    positions: NDArray[np.intp]
    channel_indices: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a patch."""
        return len(self.channel_indices), *self.source.shape[1:]

    def __len__(self) -> int:
        return len(self.positions)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        if self.channel_indices == tuple(range(self.source.shape[0])):
            self.source.fill(self.positions[positions], values, masks)
            return
        whole = np.empty((len(positions), *self.source.shape), np.float32)
        self.source.fill(self.positions[positions], whole, masks)
        np.take(whole, self.channel_indices, axis=1, out=values)


@dataclass(frozen=True, slots=True, eq=False)
class RelabelledSource:
    """Patches of a source with other masks."""

    source: Source
    masks: NDArray[np.uint8]
    """(N, H, W) of all patches of the source."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a patch."""
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        self.source.fill(positions, values, masks)
        np.copyto(masks, self.masks[positions])


@dataclass(frozen=True, slots=True, eq=False)
class JoinedSource:
    """The patches of one source, followed by those of another."""

    first: Source
    second: Source

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a patch."""
        return self.first.shape

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        in_second = positions >= len(self.first)
        for source, here, start in ((self.first, ~in_second, 0), (self.second, in_second, len(self.first))):
            if not here.any():
                continue
            count = int(here.sum())
            some, labels = np.empty((count, *self.shape), np.float32), np.empty((count, *self.shape[1:]), np.uint8)
            source.fill(positions[here] - start, some, labels)
            values[here], masks[here] = some, labels


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPart:
    """Labelled patches of one size, and the statistics of one pass over them."""

    source: Source
    channels: tuple[str, ...]
    keys: tuple[str, ...]
    """Split and number of each patch, such as ``train/42``."""
    scenes: tuple[str, ...]
    """(N,) scene of each patch."""
    landslide_fraction: NDArray[np.float64]
    """(N,) fraction of landslide in the labelled pixels of each patch."""
    mean: NDArray[np.float64]
    """(C,) mean of each channel."""
    deviation: NDArray[np.float64]
    """(C,) standard deviation of each channel within a patch, averaged over patches."""
    unlabelled: int
    """Number of patches that were left out because they have no labelled pixel."""
    threads: int = 2
    value_counts: NDArray[np.int64] | None = field(default=None, repr=False)
    """(C, K) pixels at each integer value; None for 8-bit pictures, which have no absolute values."""
    ood: OodStatistics | None = field(default=None, repr=False)
    """Statistics for out-of-distribution detection, if ``load_part`` was asked for them."""

    def __len__(self) -> int:
        return len(self.source)

    def stack(self) -> PatchStack:
        """Return all patches in memory."""
        values = np.empty((len(self), *self.source.shape), np.float32)
        masks = np.empty((len(self), *self.source.shape[1:]), np.uint8)
        self.source.fill(np.arange(len(self)), values, masks)
        return PatchStack(self.channels, values, masks)

    def subset(self, positions: Sequence[int]) -> "LoadedPart":
        """Return patches in the given order, possibly repeated; the channel statistics stay those of the whole part."""
        picked = np.asarray(positions, np.intp)
        return replace(
            self,
            source=SourceView(self.source, picked, tuple(range(len(self.channels)))),
            keys=tuple(self.keys[position] for position in picked),
            scenes=tuple(self.scenes[position] for position in picked),
            landslide_fraction=self.landslide_fraction[picked],
        )

    def input_ranges(self) -> dict[str, tuple[float, float]] | None:
        """Return the 1st and 99th percentile of each channel; None for 8-bit pictures."""
        return None if self.value_counts is None else value_ranges(self.value_counts, self.channels)


class TensorBatch(NamedTuple):
    """A batch as tensors, with what seeds its augmentation."""

    values: Tensor
    """(N, C, H, W), in DN, degrees and metres."""
    masks: Tensor
    """(N, H, W) uint8: landslide 1, background 0, nodata 255."""
    positions: Tensor
    """(N,) positions in the part."""
    step: int
    """Of the epoch, counted from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochLoader:
    """Batches of one epoch at each iteration; takes the place of a torch DataLoader."""

    part: LoadedPart
    batch_size: int
    steps: int
    order: Callable[[], NDArray[np.intp]]
    """Returns the positions of the epoch; called when its first batch is requested."""

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[TensorBatch]:
        """Iterate over the batches of the next epoch."""
        # A generator function, so that the order is computed with the first batch and not with the iterator.
        yield from iterate_batches(self.part, self.order(), self.batch_size)


def iterate_batches(
    part: LoadedPart, positions: NDArray[np.intp], batch_size: int = _BATCH_SIZE
) -> Iterator[TensorBatch]:
    """Iterate over the patches at some positions of a part, in the order given."""
    for step, one in enumerate(batches(part.source, batch_size, order=positions, threads=part.threads)):
        yield TensorBatch(
            torch.from_numpy(one.values), torch.from_numpy(one.masks), torch.from_numpy(one.positions), step
        )


def load_part(
    patches: PatchSet[Any],
    channels: Sequence[str],
    name: str,
    *,
    threads: int = 2,
    progress: Progress = no_progress,
    masks: NDArray[np.uint8] | None = None,
    keep_unlabelled: bool = False,
    ood: bool = False,
) -> LoadedPart:
    """Prepare patches for training: pick channels, drop unlabelled patches, compute statistics in one pass.

    Pictures are held in memory; HDF5 files and stores are read when they are needed.

    Args:
        patches: of the part.
        channels: names, in the order of the network's input.
        name: of the part, for error messages.
        threads: that read ahead.
        progress: told of patches.
        masks: (N, H, W) labels that replace those of the patches.
        keep_unlabelled: keep patches without a labelled pixel, for a teacher to label.
        ood: also fit the statistics for out-of-distribution detection, over all patches.

    Raises:
        ChannelError: the patches lack a channel.
        PatchesError: no patch is labelled, the patches differ in size, or one is damaged.
    """
    missing = [channel for channel in channels if channel not in patches.channels]
    if missing:
        raise ChannelError(
            f"the patches lack the channel {', '.join(missing)} of the recipe: they have {', '.join(patches.channels)}"
        )
    if hasattr(patches, "fill"):
        source = cast(Source, patches)
        # The HDF5 library serialises its readers; more threads were measured to be slower.
        threads = threads if isinstance(patches, PatchStore) else 1
    else:
        source = MemorySource(stack_patches(track(patches, progress, "reading patches", len(patches))))
    if masks is not None:
        source = RelabelledSource(source, masks)
    indices = tuple(patches.channels.index(channel) for channel in channels)
    relative = isinstance(patches, RgbSet | PairSet)
    scan = _Scan.empty(None if relative else len(channels), keep_unlabelled=keep_unlabelled)
    images = scan.run(SourceView(source, np.arange(len(patches)), indices), threads, progress)
    statistics = fit_ood_statistics(images, channels, relative=relative) if ood else None
    deque(images, maxlen=0)
    labelled = np.arange(len(patches)) if keep_unlabelled else np.flatnonzero(scan.valid)
    if not len(labelled):
        raise PatchesError(f"none of the {len(patches)} patches of {name} is labelled: give patches with masks")
    entries = [patches.entries[position] for position in labelled]
    valid, landslide = np.array(scan.valid)[labelled], np.array(scan.landslide)[labelled]
    return LoadedPart(
        source=SourceView(source, labelled, indices),
        channels=tuple(channels),
        keys=tuple(patch_key(entry) for entry in entries),
        scenes=tuple(entry.scene for entry in entries),
        landslide_fraction=landslide / np.maximum(valid, 1),
        mean=np.mean([scan.mean[position] for position in labelled], axis=0),
        deviation=np.mean([scan.deviation[position] for position in labelled], axis=0),
        unlabelled=len(patches) - len(labelled),
        threads=threads,
        value_counts=scan.value_counts,
        ood=statistics,
    )


@dataclass(slots=True)
class _Scan:
    """Statistics of each patch of a source, collected in one pass."""

    keep_unlabelled: bool
    value_counts: NDArray[np.int64] | None
    valid: list[int] = field(default_factory=list)
    landslide: list[int] = field(default_factory=list)
    mean: list[NDArray[np.float64]] = field(default_factory=list)
    deviation: list[NDArray[np.float64]] = field(default_factory=list)

    @classmethod
    def empty(cls, channels: int | None, *, keep_unlabelled: bool) -> "_Scan":
        counts = None if channels is None else no_counts(channels)
        return cls(keep_unlabelled, counts)

    def run(self, source: Source, threads: int, progress: Progress) -> Iterator[NDArray[np.float32]]:
        """Yield the values (C, H, W) of each patch after adding it to the statistics."""
        progress("computing statistics", 0, len(source))
        for batch in batches(source, _BATCH_SIZE, threads=threads):
            for values, mask in zip(batch.values, batch.masks, strict=True):
                moments = Moments.of(values)
                self.mean.append(moments.mean)
                self.deviation.append(moments.std)
                self.valid.append(int(np.count_nonzero(mask != NODATA)))
                self.landslide.append(int(np.count_nonzero(mask == LANDSLIDE)))
                if self.value_counts is not None and (self.keep_unlabelled or self.valid[-1]):
                    count_values(values, self.value_counts)
                yield values
            progress("computing statistics", len(self.valid), len(source))


def no_counts(channels: int) -> NDArray[np.int64]:
    """Return counts (C, K) of no values."""
    return np.zeros((channels, _HIGHEST - _LOWEST + 1), np.int64)


def count_values(values: NDArray[np.float32], counts: NDArray[np.int64]) -> None:
    """Add the finite values (C, H, W), rounded to integers, to counts (C, K)."""
    for channel, layer in enumerate(values):
        rounded = np.clip(np.rint(layer[np.isfinite(layer)]), _LOWEST, _HIGHEST).astype(np.int64) - _LOWEST
        counts[channel] += np.bincount(rounded, minlength=counts.shape[1])


def value_ranges(counts: NDArray[np.int64], channels: Sequence[str]) -> dict[str, tuple[float, float]] | None:
    """Return the 1st and 99th percentile of each channel in whole DN, degrees or metres.

    Args:
        counts: (C, K) of ``count_values``.
        channels: names of the C channels.

    Returns:
        None where a channel has no finite value.
    """
    if not counts.any(axis=1).all():
        return None
    ranges = {}
    for name, running in zip(channels, counts.cumsum(axis=1), strict=True):
        low, high = (_LOWEST + int(np.searchsorted(running, part * running[-1])) for part in RANGE_FRACTIONS)
        ranges[name] = (float(low), float(high))
    return ranges


def join_parts(first: LoadedPart, second: LoadedPart) -> LoadedPart:
    """Join two parts; the channel statistics become the mean over all patches, the OOD statistics stay the first's.

    Raises:
        PatchesError: they differ in channels or in size.
    """
    if first.channels != second.channels or first.source.shape != second.source.shape:
        raise PatchesError(
            f"patches with {', '.join(first.channels)} of {first.source.shape[1:]} px and with "
            f"{', '.join(second.channels)} of {second.source.shape[1:]} px cannot be joined: give patches of one kind "
            "and size"
        )
    weight = len(second) / (len(first) + len(second))
    counts = None
    if first.value_counts is not None and second.value_counts is not None:
        counts = first.value_counts + second.value_counts
    return replace(
        first,
        source=JoinedSource(first.source, second.source),
        keys=first.keys + second.keys,
        scenes=first.scenes + second.scenes,
        landslide_fraction=np.concatenate([first.landslide_fraction, second.landslide_fraction]),
        mean=(1 - weight) * first.mean + weight * second.mean,
        deviation=(1 - weight) * first.deviation + weight * second.deviation,
        unlabelled=first.unlabelled + second.unlabelled,
        threads=min(first.threads, second.threads),
        value_counts=counts,
    )
