"""Filling the probability raster with three threads, so that the network seldom waits.

One thread reads the next block and cuts its tiles, one runs the network, one blends and writes the previous block.
About three blocks are in memory. A source of blocks from elsewhere (``landslip.cluster``) takes the place of the first
two.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from threading import Condition
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR
from landslip.files.progress import Progress
from landslip.grid.lattice import split_blocks
from landslip.grid.window import Window
from landslip.inference.predict import Tiles
from landslip.mapping.change.raster import ChangeRaster
from landslip.mapping.job import Job
from landslip.mapping.raster.block_order import plan_steps, strips
from landslip.mapping.raster.mapped_block import (
    MappedBlock,
    Networks,
    PictureCells,
    ReadBlock,
    change_cells,
    compute_block,
    hide_white,
    read_block,
    shown_change,
)
from landslip.mapping.raster.masks import MaskRaster
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook, picture_channels, reduce_to_cells
from landslip.mapping.workspace import Workspace

_KEPT_TILES_BYTES: Final = 128_000_000


class Follower:
    """Yields strips of a raster from top to bottom, each as soon as all its rows are written."""

    def __init__(self, raster: ProbabilityRaster) -> None:
        self._raster = raster
        self._rows_done = 0
        self._stopped = False
        self._changed = Condition()

    def set_rows_done(self, rows: int) -> None:
        """Report that the first ``rows`` rows are on disk."""
        with self._changed:
            self._rows_done = rows
            self._changed.notify_all()

    def stop(self) -> None:
        """Report that no more rows will come, so that waiting threads return."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def strips(self) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        """Yield full-width strips with their encoded probability; ends early where the run stopped."""
        for window in strips(self._raster.grid.height, self._raster.grid.width):
            with self._changed:
                while self._rows_done < window.bottom:
                    if self._stopped:
                        return
                    self._changed.wait()
            yield window, self._raster.read(window)


MappedBlocks: TypeAlias = Generator[Callable[[], MappedBlock], None, None]


class BlockSource(Protocol):
    """Maps the blocks of a job."""

    def __call__(self, job: Job, todo: Sequence[Window], /) -> "MappedBlocks":
        """Yield for each block, in the order given, a function that returns the mapped block.

        The functions are called in that order, each once, from another thread.
        """


@dataclass(frozen=True, slots=True)
class Pictures:
    """Quicklooks of what was read."""

    after: Quicklook
    """Of the scene."""
    before: Quicklook | None = None
    """Of a pair."""
    change: Quicklook | None = None
    """Of a pair: one channel, brightening or the relative difference of NDVI."""

    def add(self, cells: PictureCells) -> None:
        """Add a block: change where both dates are valid, and the image before where it is."""
        self.after.add_cells(cells.after)
        if self.before and cells.before:
            self.before.add_cells(cells.before)
        if self.change and cells.change:
            self.change.add_cells(cells.change)


def map_in_this_process(job: Job, todo: Sequence[Window], given: Sequence[Tiles] = ()) -> MappedBlocks:
    """Map blocks in the threads of this process: the default source of blocks.

    Args:
        job: what to map.
        todo: blocks, row by row.
        given: tiles of each network that were run elsewhere.
    """
    networks = Networks.of(job)
    kept: list[Tiles] = [dict(tiles) for tiles in given] or [{} for _ in networks.predictors]
    with ThreadPoolExecutor(1, "landslip-read") as reader:
        for ready in _read_ahead(job, todo, reader, frozenset(kept[0])):
            before = networks.network_s
            for tiles, new in zip(kept, networks.run(ready.cuts), strict=True):
                tiles.update(new)
            touching = tuple(job.lattice.tiles_touching(ready.step.block))
            needed = [{tile: tiles[tile] for tile in touching} for tiles in kept]
            yield partial(compute_block, job, networks, ready, needed, networks.network_s - before)
            for tiles in kept:
                for tile in ready.step.release:
                    del tiles[tile]


def fill_raster(
    job: Job,
    raster: ProbabilityRaster,
    workspace: Workspace,
    follower: Follower,
    progress: Progress,
    masks: MaskRaster | None = None,
    change: ChangeRaster | None = None,
    source: BlockSource = map_in_this_process,
) -> tuple[Pictures, float]:
    """Map every block that an earlier run has not finished.

    Args:
        job: what to map.
        raster: to fill; created here in a new run.
        workspace: keeps the journal of finished blocks.
        follower: told which rows are done.
        progress: told of progress.
        masks: raster of masks to fill, where the job has masks; created here in a new run.
        change: raster of change to fill, where the job has a pair; created here in a new run.
        source: of the mapped blocks.

    Returns:
        The quicklooks, and the seconds spent in the network.
    """
    all_blocks = list(split_blocks(job.region, job.settings.block_px))
    done = workspace.blocks_done()
    if not done:
        for one in (raster, masks, change):
            if one:
                one.create()
    pictures = _draw_done(job, [block for block in all_blocks if block in done], masks)
    todo = [block for block in all_blocks if block not in done]
    total_px = job.region.height * job.region.width
    left_px = sum(block.height * block.width for block in todo)
    progress("mapping", total_px - left_px, total_px)
    follower.set_rows_done(todo[0].row - job.region.row if todo else job.region.height)

    def finish(compute: Callable[[], MappedBlock]) -> float:
        mapped = compute()
        here = mapped.block.relative_to(job.region)
        if change and mapped.change is not None:
            change.write(here, mapped.change)
        raster.write(here, mapped.encoded)
        if masks:
            masks.write(here, mapped.codes)
        pictures.add(mapped.pictures)
        workspace.record_block(mapped.block)
        return mapped.network_s

    network_s = 0.0
    with closing(source(job, todo)) as blocks, ThreadPoolExecutor(1, "landslip-write") as writer:
        finishing: Future[float] | None = None
        for number, compute in enumerate(blocks):
            if finishing:
                network_s += finishing.result()
                follower.set_rows_done(todo[number].row - job.region.row)
                left_px -= todo[number - 1].height * todo[number - 1].width
                progress("mapping", total_px - left_px, total_px)
            finishing = writer.submit(finish, compute)
        if finishing:
            network_s += finishing.result()
    follower.set_rows_done(job.region.height)
    progress("mapping", total_px, total_px)
    return pictures, network_s


def _draw_done(job: Job, done: Sequence[Window], masks: MaskRaster | None) -> Pictures:
    """Return quicklooks of the blocks that an earlier run has finished."""
    quicklook = Quicklook(job.region, picture_channels(job.scene, job.detector.card.channels))
    pictures = Pictures(quicklook)
    if job.pair:
        shown = (shown_change(job),)
        pictures = Pictures(quicklook, Quicklook(job.region, TRUE_COLOUR), Quicklook(job.region, shown))
    for block in done:
        values, valid = job.scene.read(quicklook.channels, block)
        codes = masks.read(block.relative_to(job.region)) if masks else None
        mask = job.mask(block)
        after, before, change = reduce_to_cells(job.region, block, values, valid & mask, codes), None, None
        if job.pair:
            reading, _ = hide_white(job, job.pair.read(block), np.zeros(block.shape, np.uint8))
            before, change = change_cells(job, block, reading, mask)
        pictures.add(PictureCells(after, before, change))
    return pictures


def _read_ahead(
    job: Job, todo: Sequence[Window], reader: ThreadPoolExecutor, given: frozenset[Window]
) -> Iterator[ReadBlock]:
    """Read the next block while the network processes this one."""
    layers = job.bands * (2 if job.pair else 1) + (job.change_engine is not None)
    tile_bytes = 4 * layers * job.lattice.tile_height * job.lattice.tile_width
    ahead: list[Future[ReadBlock]] = []
    for step in plan_steps(job.lattice, todo, _KEPT_TILES_BYTES // tile_bytes, given):
        ahead.append(reader.submit(read_block, job, step))
        if len(ahead) > 1:
            yield ahead.pop(0).result()
    for reading in ahead:
        yield reading.result()
