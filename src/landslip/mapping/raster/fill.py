"""Filling the probability raster with three threads, so that the network seldom waits.

One thread reads the next block and cuts its tiles, one runs the network, one blends and writes the previous block.
About three blocks are in memory.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Condition
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.baseline import predict_new
from landslip.change.pair import ChangeReading
from landslip.channels import TRUE_COLOUR
from landslip.files.progress import Progress
from landslip.grid.lattice import split_blocks
from landslip.grid.window import Window
from landslip.inference.predict import Cut, Predictor, Reading, Tiles, cut_tiles
from landslip.mapping.change.raster import ChangeRaster
from landslip.mapping.job import Job
from landslip.mapping.raster.block_order import Step, plan_steps, strips
from landslip.mapping.raster.masks import MaskRaster
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.raster.quicklook import Quicklook, picture_channels
from landslip.mapping.workspace import Workspace
from landslip.probability import NODATA, decode_probability, encode_probability
from landslip.scenes.masks.kinds import WHITE, hides_ground

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


@dataclass(frozen=True, slots=True)
class _Ready:
    """A block that was read: tiles for the network, validity, and channels for the quicklook."""

    step: Step
    cut: Sequence[Cut]
    valid: NDArray[np.bool_]
    picture: NDArray[np.float32]
    picture_valid: NDArray[np.bool_]
    codes: NDArray[np.uint8]
    """Of masks."""
    change: ChangeReading | None
    """Of a pair."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Quicklooks of what was read."""

    after: Quicklook
    """Of the scene."""
    before: Quicklook | None = None
    """Of a pair."""
    change: Quicklook | None = None
    """Of a pair: one channel, brightening or the relative difference of NDVI."""

    def add_change(self, job: Job, block: Window, reading: ChangeReading, mask: NDArray[np.bool_]) -> None:
        """Add a block of a pair: change where both dates are valid, and the image before where it is."""
        if job.pair is None or self.before is None or self.change is None:
            return
        old, seen = job.pair.before.read(TRUE_COLOUR, block)
        self.before.add(block, old, seen & mask)
        self.change.add(block, reading.bands[self.change.channels[0]][None], reading.valid & mask)


def fill_raster(
    job: Job,
    raster: ProbabilityRaster,
    workspace: Workspace,
    follower: Follower,
    progress: Progress,
    masks: MaskRaster | None = None,
    change: ChangeRaster | None = None,
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

    Returns:
        The quicklooks, and the seconds spent in the network.
    """
    all_blocks = list(split_blocks(job.region, job.settings.block_px))
    done = workspace.blocks_done()
    if not done:
        raster.create()
        if masks:
            masks.create()
        if change:
            change.create()
    pictures = _draw_done(job, [block for block in all_blocks if block in done], masks)
    quicklook = pictures.after
    predictor = Predictor(job.engine, job.lattice, job.bands)
    todo = [block for block in all_blocks if block not in done]
    total_px = job.region.height * job.region.width
    left_px = sum(block.height * block.width for block in todo)
    progress("mapping", total_px - left_px, total_px)
    follower.set_rows_done(todo[0].row - job.region.row if todo else job.region.height)

    def finish(ready: _Ready, tiles: Tiles) -> None:
        block = ready.step.block
        mask = job.mask(block)
        coded = ready.codes
        probability = np.where(ready.valid & mask, predictor.blend(block, tiles), np.float32(np.nan))
        if ready.change and change:
            reading, coded = _hide_white(job, ready.change, coded)
            probability = _keep_new(probability, reading, change, block.relative_to(job.region))
            pictures.add_change(job, block, reading, mask)
        raster.write(block.relative_to(job.region), encode_probability(probability))
        seen = ready.picture_valid & mask
        codes = np.where(seen, coded, np.uint8(NODATA))
        if masks:
            masks.write(block.relative_to(job.region), codes)
        quicklook.add(block, ready.picture, seen, codes)
        workspace.record_block(block)

    tiles: Tiles = {}
    with ThreadPoolExecutor(1, "landslip-read") as reader, ThreadPoolExecutor(1, "landslip-write") as writer:
        finishing: Future[None] | None = None
        for number, ready in enumerate(_read_ahead(job, quicklook.channels, todo, reader)):
            tiles |= predictor.run(ready.cut)
            if finishing:
                finishing.result()
                follower.set_rows_done(ready.step.block.row - job.region.row)
                left_px -= todo[number - 1].height * todo[number - 1].width
                progress("mapping", total_px - left_px, total_px)
            needed = {tile: tiles[tile] for tile in job.lattice.tiles_touching(ready.step.block)}
            finishing = writer.submit(finish, ready, needed)
            for tile in ready.step.release:
                del tiles[tile]
        if finishing:
            finishing.result()
    follower.set_rows_done(job.region.height)
    progress("mapping", total_px, total_px)
    return pictures, predictor.network_s


def _draw_done(job: Job, done: Sequence[Window], masks: MaskRaster | None) -> Pictures:
    """Return quicklooks of the blocks that an earlier run has finished."""
    quicklook = Quicklook(job.region, picture_channels(job.scene, job.detector.card.channels))
    pictures = Pictures(quicklook)
    if job.pair:
        shown = "rdndvi" if job.pair.has_nir else "brightening"
        pictures = Pictures(quicklook, Quicklook(job.region, TRUE_COLOUR), Quicklook(job.region, (shown,)))
    for block in done:
        values, valid = job.scene.read(quicklook.channels, block)
        codes = masks.read(block.relative_to(job.region)) if masks else None
        quicklook.add(block, values, valid & job.mask(block), codes)
        if job.pair:
            reading, _ = _hide_white(job, job.pair.read(block), np.zeros(block.shape, np.uint8))
            pictures.add_change(job, block, reading, job.mask(block))
    return pictures


def _hide_white(job: Job, reading: ChangeReading, codes: NDArray[np.uint8]) -> tuple[ChangeReading, NDArray[np.uint8]]:
    """Return a reading whose white ground is not valid, and the codes of masks with it."""
    white = job.find_white(reading)
    return replace(reading, valid=reading.valid & ~white), np.where(
        white & ~hides_ground(codes), np.uint8(WHITE.code), codes
    )


def _keep_new(
    probability: NDArray[np.float32], reading: ChangeReading, change: ChangeRaster, here: Window
) -> NDArray[np.float32]:
    """Write the change of a block, and return the probability that a landslide is there and new.

    Args:
        probability: of the image after alone, (H, W), or (2, H, W) with its standard deviation, which is kept.
        reading: of the block.
        change: to be written.
        here: the block on the grid of the map.
    """
    layers = probability.reshape(-1, *here.shape)
    after = np.where(reading.valid, layers[0], np.float32(np.nan))
    # What is stored is what later steps see: the same numbers go into the regression.
    encoded = encode_probability(after)
    change.write(here, change.encode(encoded, reading))
    new = predict_new(decode_probability(encoded), reading.visible)
    rest = np.where(reading.valid, layers[1:], np.float32(np.nan))
    return np.concatenate([new[None], rest]).reshape(probability.shape)


def _read_ahead(
    job: Job, picture_channels: tuple[str, ...], todo: Sequence[Window], reader: ThreadPoolExecutor
) -> Iterator[_Ready]:
    """Read the next block while the network processes this one."""
    channels = job.detector.card.channels
    tile_bytes = 4 * job.bands * job.lattice.tile_height * job.lattice.tile_width
    steps = plan_steps(job.lattice, todo, _KEPT_TILES_BYTES // tile_bytes)

    def read(step: Step) -> _Ready:
        values, seen = job.scene.read(channels, step.read)
        codes = job.masks.codes(step.read)
        # Hidden ground is a gap: it has no influence on its surroundings.
        valid = seen & ~hides_ground(codes)
        cut = cut_tiles(step.tiles, Reading(step.read, values, valid))
        rows, cols = step.block.relative_to(step.read).slices
        if set(picture_channels) <= set(channels):
            picture = values[[channels.index(name) for name in picture_channels], rows, cols], seen[rows, cols]
        else:
            picture = job.scene.read(picture_channels, step.block)
        return _Ready(
            step, cut, valid[rows, cols], *picture, codes[rows, cols], job.pair.read(step.block) if job.pair else None
        )

    ahead: list[Future[_Ready]] = []
    for step in steps:
        ahead.append(reader.submit(read, step))
        if len(ahead) > 1:
            yield ahead.pop(0).result()
    for reading in ahead:
        yield reading.result()
