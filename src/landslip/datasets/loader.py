"""Batches of patches, read ahead by threads into reused buffers.

Allocating an array of some megabytes costs more than filling it, because the operating system maps it page by page.
So arrays are views of buffers, and a buffer is used again once its array and all views of it are gone.
"""

import math
import weakref
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from landslip.datasets.patch_set import PatchStack
from landslip.errors import SettingsError


class BufferPool:
    """Arrays of one shape and type in reused buffers, as many as are in use at one time."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._free: deque[NDArray[np.uint8]] = deque()

    def take(self, rows: int) -> NDArray[Any]:
        """Return an array of the first rows, not initialised."""
        try:
            buffer = self._free.pop()
        except IndexError:
            buffer = np.empty(math.prod(self._shape) * self._dtype.itemsize, np.uint8)
        # The base of a view is the array that owns the memory, except through a buffer, as here: every view of this
        # array keeps this array alive.
        array = np.frombuffer(buffer.data, self._dtype)
        back = weakref.finalize(array, self._free.append, buffer)
        back.atexit = False
        return array.reshape(self._shape)[:rows]


class Source(Protocol):
    """A source of batches, such as a folder of HDF5 files or a store."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""

    def __len__(self) -> int: ...

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at these indices to values (N, C, H, W) and masks (N, H, W)."""


@dataclass(frozen=True, slots=True)
class MemorySource:
    """A source of patches in memory."""

    stack: PatchStack

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        _, channels, height, width = self.stack.values.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.stack)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at these indices to values (N, C, H, W) and masks (N, H, W)."""
        for index, position in enumerate(positions):
            values[index] = self.stack.values[position]
            masks[index] = self.stack.masks[position]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """A batch of patches. Its arrays are not overwritten as long as they, or views of them, are referenced."""

    positions: NDArray[np.intp]
    """(N,) indices in the source."""
    values: NDArray[np.float32]
    """(N, C, H, W), in DN, degrees and metres."""
    masks: NDArray[np.uint8]
    """(N, H, W): landslide 1, background 0, nodata 255."""

    def __repr__(self) -> str:
        return f"Batch(values {self.values.shape}, masks {self.masks.shape})"


def batches(
    source: Source,
    size: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
    order: NDArray[np.intp] | None = None,
    drop_last: bool = False,
    threads: int = 2,
    ahead: int = 4,
) -> Iterator[Batch]:
    """Iterate over the batches of one epoch.

    The order does not depend on the number of threads. Memory is bounded by ``ahead`` batches and those in use.

    Args:
        source: the patches.
        size: patches in a batch.
        seed: shuffles the patches, together with ``epoch``; without a seed they keep their order.
        epoch: number of the epoch.
        order: indices of the patches, instead of a seed; an index may be repeated or missing.
        drop_last: leave out the last batch if it is smaller.
        threads: number of reading threads.
        ahead: number of batches to read ahead.

    Raises:
        SettingsError: a number is below 1, both order and seed are given, or the order has an invalid index.
        PatchesError: a patch cannot be read.
    """
    if min(size, threads, ahead) < 1:
        raise SettingsError(f"size, threads and ahead must be 1 or more, got {size}, {threads} and {ahead}")
    if order is None:
        order = np.arange(len(source))
        if seed is not None:
            order = np.random.default_rng((seed, epoch)).permutation(order)
    elif seed is not None:
        raise SettingsError("order and seed were both given: give one of them", parameter="seed")
    elif len(order) and not 0 <= order.min() <= order.max() < len(source):
        raise SettingsError(
            f"order must have indices from 0 to {len(source) - 1}, got {order.min()} to {order.max()}",
            parameter="order",
        )
    count = len(order) // size if drop_last else -(-len(order) // size)
    return _read_ahead(source, [order[number * size : (number + 1) * size] for number in range(count)], threads, ahead)


def _read_ahead(source: Source, parts: list[NDArray[np.intp]], threads: int, ahead: int) -> Iterator[Batch]:
    size = max(map(len, parts), default=0)
    values = BufferPool((size, *source.shape), np.float32)
    masks = BufferPool((size, *source.shape[1:]), np.uint8)

    def batch(positions: NDArray[np.intp]) -> Batch:
        filled = Batch(positions, values.take(len(positions)), masks.take(len(positions)))
        source.fill(positions, filled.values, filled.masks)
        return filled

    pool = ThreadPoolExecutor(threads, thread_name_prefix="feed")
    waiting: deque[Future[Batch]] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(batch, part))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
