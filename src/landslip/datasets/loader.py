"""Arrays that are lent out and come back by themselves once nobody looks at them any more.

A fresh array of some megabytes costs more than filling it, since the system hands it over page by page. A lent array
is a view of memory that is kept; when it and every view of it are gone, the memory is lent again.
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


class Lender:
    """Lends arrays of one shape; there are as many as are in use at one time."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Set up a lender.

        Args:
            shape: of an array that is lent whole.
            dtype: of all of them.
        """
        self._shape = shape
        self._dtype = np.dtype(dtype)
        self._kept: deque[NDArray[np.uint8]] = deque()

    def lend(self, rows: int) -> NDArray[Any]:
        """Lend an array of some rows, at most all; what it holds is left over from its last use."""
        try:
            memory = self._kept.pop()
        except IndexError:
            memory = np.empty(math.prod(self._shape) * self._dtype.itemsize, np.uint8)
        # A view of a view names the array that owns the memory, unless that is reached through a buffer, as here: so
        # every view, however it is cut, holds on to this array and not past it.
        lent = np.frombuffer(memory.data, self._dtype)
        back = weakref.finalize(lent, self._kept.append, memory)
        back.atexit = False
        return lent.reshape(self._shape)[:rows]


class Source(Protocol):
    """Where batches come from; the reader of HDF5 files and the store are such sources."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""

    def __len__(self) -> int: ...

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Patches that are held in memory."""

    stack: PatchStack

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        _, channels, height, width = self.stack.values.shape
        return channels, height, width

    def __len__(self) -> int:
        return len(self.stack)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        for place, position in enumerate(positions):
            values[place] = self.stack.values[position]
            masks[place] = self.stack.masks[position]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some patches for a network, in arrays that stay as they are for as long as they, or views of them, are held."""

    positions: NDArray[np.intp]
    """(N,) positions in the source."""
    values: NDArray[np.float32]
    """(N, C, H, W), in DN, degrees and metres."""
    masks: NDArray[np.uint8]
    """(N, H, W): landslide 1, not landslide 0, not observed 255."""


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
    """Go through a source once, or through the positions of an order.

    Threads change the speed, never the order. Memory is bounded by ``ahead`` batches and the one in use.

    Args:
        source: where the patches are.
        size: patches a batch.
        seed: decides the order, together with ``epoch``; the source's own order if left out.
        epoch: how many times the source was gone through before.
        order: positions to go through instead, in place of a seed; a position may come several times or never.
        drop_last: leave out a last batch that is not full.
        threads: how many read.
        ahead: how many batches are read ahead.

    Raises:
        SettingsError: a number is below one, an order was given beside a seed, or it leads out of the source.
        PatchesError: a patch cannot be read.
    """
    if min(size, threads, ahead) < 1:
        raise SettingsError(f"batches of {size} with {threads} threads, {ahead} ahead: each must be 1 or more")
    if order is None:
        order = np.arange(len(source))
        if seed is not None:
            order = np.random.default_rng((seed, epoch)).permutation(order)
    elif seed is not None:
        raise SettingsError(f"an order and the seed {seed} were given: the order says it all, leave the seed out")
    elif len(order) and not 0 <= order.min() <= order.max() < len(source):
        raise SettingsError(
            f"an order from {order.min()} to {order.max()} leads out of {len(source)} patches: "
            f"give positions from 0 to {len(source) - 1}"
        )
    count = len(order) // size if drop_last else -(-len(order) // size)
    return _read_ahead(source, [order[number * size : (number + 1) * size] for number in range(count)], threads, ahead)


def _read_ahead(source: Source, parts: list[NDArray[np.intp]], threads: int, ahead: int) -> Iterator[Batch]:
    size = max(map(len, parts), default=0)
    values, masks = Lender((size, *source.shape), np.float32), Lender((size, *source.shape[1:]), np.uint8)

    def batch(positions: NDArray[np.intp]) -> Batch:
        filled = Batch(positions, values.lend(len(positions)), masks.lend(len(positions)))
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
