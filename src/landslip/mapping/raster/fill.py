"""Filling the probability raster: three hands at work, so that the network seldom waits.

One thread reads a block ahead and cuts its tiles, one runs the network, one blends and writes the block before. What
each hands to the next is one block, so memory holds about three.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Condition
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.grid.lattice import blocks
from landslip.grid.window import Window
from landslip.inference.predict import Cut, Predictor, Reading, Tiles, cut_tiles
from landslip.mapping.inventory.outlines import strips
from landslip.mapping.job import Job
from landslip.mapping.raster.block_order import Step, plan
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook, picture_channels
from landslip.mapping.workspace import Workspace
from landslip.probability import encode_probability

_KEPT_TILES_BYTES: Final = 128_000_000


class Follower:
    """Hands out strips of a raster from top to bottom, each as soon as all its rows are written."""

    def __init__(self, raster: ProbabilityRaster) -> None:
        self._raster = raster
        self._rows_done = 0
        self._stopped = False
        self._news = Condition()

    def rows_are_done(self, rows: int) -> None:
        """Say that the first ``rows`` rows are on disk."""
        with self._news:
            self._rows_done = rows
            self._news.notify_all()

    def stop(self) -> None:
        """Say that no more rows will come, so that nobody waits for them."""
        with self._news:
            self._stopped = True
            self._news.notify_all()

    def strips(self) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Full-width strips with their levels; ends early where the run stopped."""
        for window in strips(self._raster.grid.height, self._raster.grid.width):
            with self._news:
                while self._rows_done < window.bottom:
                    if self._stopped:
                        return
                    self._news.wait()
            yield window, self._raster.read(window)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A block that was read: what the network needs of it, and what the finished map does."""

    step: Step
    cut: Sequence[Cut]
    observed: NDArray[np.bool_]
    picture: NDArray[np.float32]
    picture_observed: NDArray[np.bool_]


def fill_raster(
    job: Job,
    raster: ProbabilityRaster,
    workspace: Workspace,
    follower: Follower,
    watch: Callable[[str, int, int], None],
) -> tuple[Quicklook, float]:
    """Map every block that an earlier run has not.

    Args:
        job: what to map.
        raster: to fill; made here unless an earlier run has.
        workspace: keeps the journal.
        follower: told which rows are done.
        watch: told of progress.

    Returns:
        The picture of the ground, and the seconds that the network took.
    """
    everything = list(blocks(job.region, job.settings.block_px))
    done = workspace.blocks_done()
    if not done:
        raster.create()
    quicklook = Quicklook(job.region, picture_channels(job.scene, job.detector.card.channels))
    for block in (block for block in everything if block in done):
        values, observed = job.scene.read(quicklook.channels, block)
        quicklook.add(block, values, observed & job.wanted(block))
    predictor = Predictor(job.engine, job.lattice, job.layers)
    todo = [block for block in everything if block not in done]
    total_px = job.region.height * job.region.width
    left_px = sum(block.height * block.width for block in todo)
    watch("mapping", total_px - left_px, total_px)
    follower.rows_are_done(todo[0].row - job.region.row if todo else job.region.height)

    def finish(ready: _Ready, tiles: Tiles) -> None:
        block = ready.step.block
        wanted = job.wanted(block)
        probability = np.where(ready.observed & wanted, predictor.blend(block, tiles), np.float32(np.nan))
        raster.write(block.relative_to(job.region), encode_probability(probability))
        quicklook.add(block, ready.picture, ready.picture_observed & wanted)
        workspace.block_is_done(block)

    tiles: Tiles = {}
    with ThreadPoolExecutor(1, "landslip-read") as reader, ThreadPoolExecutor(1, "landslip-write") as writer:
        finishing: Future[None] | None = None
        for number, ready in enumerate(_read_ahead(job, quicklook.channels, todo, reader)):
            tiles |= predictor.run(ready.cut)
            if finishing:
                finishing.result()
                follower.rows_are_done(ready.step.block.row - job.region.row)
                left_px -= todo[number - 1].height * todo[number - 1].width
                watch("mapping", total_px - left_px, total_px)
            needed = {tile: tiles[tile] for tile in job.lattice.tiles_touching(ready.step.block)}
            finishing = writer.submit(finish, ready, needed)
            for tile in ready.step.forget:
                del tiles[tile]
        if finishing:
            finishing.result()
    follower.rows_are_done(job.region.height)
    watch("mapping", total_px, total_px)
    return quicklook, predictor.network_s


def _read_ahead(
    job: Job, picture_channels: tuple[str, ...], todo: Sequence[Window], reader: ThreadPoolExecutor
) -> Iterator[_Ready]:
    """Read the next block while the network works on this one."""
    channels = job.detector.card.channels
    tile_bytes = 4 * job.layers * job.lattice.tile_height * job.lattice.tile_width
    steps = plan(job.lattice, todo, _KEPT_TILES_BYTES // tile_bytes)

    def read(step: Step) -> _Ready:
        values, observed = job.scene.read(channels, step.read)
        cut = cut_tiles(step.tiles, Reading(step.read, values, observed))
        rows, cols = step.block.relative_to(step.read).slices
        block_observed = observed[rows, cols]
        if set(picture_channels) <= set(channels):
            picture = values[[channels.index(name) for name in picture_channels], rows, cols], block_observed
        else:
            picture = job.scene.read(picture_channels, step.block)
        return _Ready(step, cut, block_observed, *picture)

    ahead: list[Future[_Ready]] = []
    for step in steps:
        ahead.append(reader.submit(read, step))
        if len(ahead) > 1:
            yield ahead.pop(0).result()
    for reading in ahead:
        yield reading.result()
