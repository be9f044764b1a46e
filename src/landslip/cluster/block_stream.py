"""The blocks of one scene, mapped by the workers of a cluster and received in order.

A window of parts is submitted ahead of the block that is written, so that neither the client nor the workers hold more
than a few parts. Dask gives the tasks of a worker that died to others; where the scheduler is lost, what has not been
received is submitted again.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from distributed import Future, KilledWorker, wait
from distributed.comm.core import CommClosedError

from landslip.cluster.connection import Cluster
from landslip.cluster.parts import Part, SeamKey, plan_parts
from landslip.cluster.scene_task import SceneTask
from landslip.cluster.worker import Expected, keep, map_blocks, run_tiles
from landslip.errors import ClusterError, RunError
from landslip.grid.window import Window
from landslip.mapping.job import Job
from landslip.mapping.raster.fill import MappedBlocks
from landslip.mapping.raster.mapped_block import MappedBlock

_PARTS_PER_THREAD: Final = 2
_POLL_S: Final = 5.0
_NO_WORKER_S: Final = 300.0
_RECONNECTIONS: Final = 5
"""Without a part received in between."""
_LOST: Final = (CancelledError, CommClosedError, ConnectionError)


@dataclass(slots=True)
class _Submitted:
    part: Part
    future: "Future[Any] | None" = None
    """None where the connection was lost on submitting it."""


class BlockStream:
    """A source of the mapped blocks of one scene (``mapping/raster/fill.py``).

    Args:
        cluster: that maps.
        task: of the scene.
        expected: of the workers.
        drained: called once when every part is submitted, so that the next scene can begin.
    """

    def __init__(
        self,
        cluster: Cluster,
        task: SceneTask,
        expected: Expected,
        drained: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster = cluster
        self._task = task
        self._expected = expected
        self._drained: Callable[[], None] | None = drained
        self._todo: tuple[Window, ...] = ()
        self._parts: Iterator[Part] = iter(())
        self._pending: deque[_Submitted] = deque()
        self._seams: dict[SeamKey, Future[Any]] = {}
        self._kept: Future[Any] | None = None
        self._generation = cluster.generation

    def __call__(self, job: Job, todo: Sequence[Window]) -> MappedBlocks:
        """Yield the blocks in order; see ``BlockSource``.

        Raises:
            LandslipError: a worker cannot map.
            RunError: a part ended several workers.
            ClusterError: the scheduler is lost and does not come back, or there is no worker for long.
        """
        try:
            if tuple(todo) != self._todo:
                self.cancel()
                self.begin(job, todo)
            while self._pending:
                mapped = self._receive()
                yield from (partial(_same, one) for one in mapped)
        finally:
            self.cancel()

    def begin(self, job: Job, todo: Sequence[Window]) -> None:
        """Submit the first parts; what the caller then asks for is on its way."""
        self._todo = tuple(todo)
        self._parts = plan_parts(job.lattice, self._todo, self._threads())
        self._submit()

    def cancel(self) -> None:
        """Cancel what has not been received."""
        futures = [one.future for one in self._pending] + list(self._seams.values())
        self._pending.clear()
        self._seams.clear()
        self._kept = None
        self._todo = ()
        self._parts = iter(())
        for future in futures:
            if future is not None:
                future.release()

    def _threads(self) -> int:
        try:
            return self._cluster.threads
        except _LOST:
            return 1

    def _submit(self) -> None:
        """Submit parts until the window is full."""
        limit = _PARTS_PER_THREAD * self._threads() + 2
        while len(self._pending) < limit:
            part = next(self._parts, None)
            if part is None:
                drained, self._drained = self._drained, None
                if drained:
                    drained()
                return
            submitted = _Submitted(part)
            self._pending.append(submitted)
            try:
                submitted.future = self._start(part)
            except _LOST:
                return

    def _start(self, part: Part) -> "Future[Any]":
        """Submit a part, and those of its seams that no earlier part has."""
        common = (self._cluster.plugin.name, self._keep(), self._expected)
        for key, tiles in part.seams.items():
            if key not in self._seams:
                self._seams[key] = self._call("run-tiles", run_tiles, *common, tiles)
        seams = [self._seams[key] for key in part.seams]
        return self._call("map-blocks", map_blocks, *common, part.blocks, *seams)

    def _keep(self) -> "Future[Any]":
        if self._kept is None:
            self._kept = self._call("scene", keep, self._task)
        return self._kept

    def _call(self, title: str, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        self._cluster.check()
        return self._cluster.client.submit(function, *arguments, key=f"{title}-{uuid.uuid4().hex}", pure=False)

    def _receive(self) -> list[MappedBlock]:
        """Wait for the next part in order."""
        for _ in range(_RECONNECTIONS):
            try:
                mapped = self._wait(self._pending[0].future)
            except _LOST:
                self._restart()
                continue
            part = self._pending.popleft().part
            # Seams whose last part this was are not needed again.
            for key in part.seams:
                if key[-1] == part.number:
                    self._seams.pop(key).release()
            self._submit()
            return mapped
        raise ClusterError(
            f"the connection to the scheduler {self._cluster.target} was lost {_RECONNECTIONS} times in a row: run the "
            "same command again when it is stable, finished blocks are kept"
        )

    def _wait(self, future: "Future[Any] | None") -> list[MappedBlock]:
        alone_since: float | None = None
        if future is None:
            raise ConnectionError("the part was not submitted")
        while future.status == "pending":
            with suppress(TimeoutError):
                wait([future], timeout=_POLL_S)
            now = time.monotonic()
            alone_since = None if self._cluster.workers else alone_since or now
            if alone_since is not None and now - alone_since > _NO_WORKER_S:
                raise ClusterError(
                    f"the cluster {self._cluster.target} has had no worker for {_NO_WORKER_S:.0f} s: start workers and "
                    "run the same command again, finished blocks are kept"
                )
        try:
            # Without a time limit: it would count for the transfer of a large part too.
            return list(future.result())
        except KilledWorker as error:
            raise RunError(
                "a part of the scene ended several workers one after the other, which is mostly a lack of memory "
                f"({error}): give workers more memory, or map with smaller blocks; finished blocks are kept if the "
                "size of the blocks stays the same"
            ) from error

    def _restart(self) -> None:
        """Connect again, and submit again what has not been received."""
        # The stream of another scene may have connected again.
        if self._generation == self._cluster.generation:
            self._cluster.reconnect()
        self._generation = self._cluster.generation
        self._kept = None
        self._seams.clear()
        for one in self._pending:
            one.future = None
            try:
                one.future = self._start(one.part)
            except _LOST:
                return


def _same(mapped: MappedBlock) -> MappedBlock:
    return mapped
