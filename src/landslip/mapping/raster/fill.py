"""Filling the probability raster with three threads, so that the network seldom waits.

One thread reads the next block and cuts its tiles, one runs the network, one blends and writes the previous block.
About three blocks are in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Condition
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.change.pair import ChangeReading
from landslip.channels import CHANNELS, TRUE_COLOUR, name_before, split_dates
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
    before_cut: Sequence[Cut]
    """Tiles of the image before, for the same network."""
    change_cut: Sequence[Cut]
    """Tiles of both dates, for a network of change."""


class _Network:
    """A network, and the tiles that it has predicted and that are still needed."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self._tiles: Tiles = {}

    def run(self, cut: Sequence[Cut], block: Window) -> Tiles:
        """Predict tiles, and return those of a block."""
        self._tiles |= self.predictor.run(cut)
        return {tile: self._tiles[tile] for tile in self.predictor.lattice.tiles_touching(block)}

    def release(self, tiles: Iterable[Window]) -> None:
        """Forget tiles."""
        for tile in tiles:
            del self._tiles[tile]


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
        for one in (raster, masks, change):
            if one:
                one.create()
    pictures = _draw_done(job, [block for block in all_blocks if block in done], masks)
    quicklook = pictures.after
    network = _Network(Predictor(job.engine, job.lattice, job.bands))
    of_before = _Network(Predictor(job.engine, job.lattice, job.bands)) if job.pair else None
    of_both = _Network(Predictor(job.change_engine, job.lattice)) if job.change_engine else None
    networks = [one for one in (network, of_before, of_both) if one]
    todo = [block for block in all_blocks if block not in done]
    total_px = job.region.height * job.region.width
    left_px = sum(block.height * block.width for block in todo)
    progress("mapping", total_px - left_px, total_px)
    follower.set_rows_done(todo[0].row - job.region.row if todo else job.region.height)

    def finish(ready: _Ready, tiles: Tiles, before_tiles: Tiles, change_tiles: Tiles) -> None:
        block = ready.step.block
        mask = job.mask(block)
        probability = np.where(ready.valid & mask, network.predictor.blend(block, tiles), np.float32(np.nan))
        coded = ready.codes
        if ready.change and change and of_before:
            reading, coded = _hide_white(job, ready.change, ready.codes)
            dates = (
                of_before.predictor.blend(block, before_tiles).reshape(-1, *block.shape)[0],
                of_both.predictor.blend(block, change_tiles) if of_both else None,
            )
            probability = _keep_new(job, probability, reading, dates, change, block.relative_to(job.region))
            pictures.add_change(job, block, reading, mask)
        raster.write(block.relative_to(job.region), encode_probability(probability))
        seen = ready.picture_valid & mask
        codes = np.where(seen, coded, np.uint8(NODATA))
        if masks:
            masks.write(block.relative_to(job.region), codes)
        quicklook.add(block, ready.picture, seen, codes)
        workspace.record_block(block)

    with ThreadPoolExecutor(1, "landslip-read") as reader, ThreadPoolExecutor(1, "landslip-write") as writer:
        finishing: Future[None] | None = None
        for number, ready in enumerate(_read_ahead(job, quicklook.channels, todo, reader)):
            tiles = network.run(ready.cut, ready.step.block)
            before_tiles = of_before.run(ready.before_cut, ready.step.block) if of_before else {}
            change_tiles = of_both.run(ready.change_cut, ready.step.block) if of_both else {}
            if finishing:
                finishing.result()
                follower.set_rows_done(ready.step.block.row - job.region.row)
                left_px -= todo[number - 1].height * todo[number - 1].width
                progress("mapping", total_px - left_px, total_px)
            finishing = writer.submit(finish, ready, tiles, before_tiles, change_tiles)
            for each in networks:
                each.release(ready.step.release)
        if finishing:
            finishing.result()
    follower.set_rows_done(job.region.height)
    progress("mapping", total_px, total_px)
    return pictures, sum(one.predictor.network_s for one in networks)


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
    job: Job,
    probability: NDArray[np.float32],
    reading: ChangeReading,
    dates: tuple[NDArray[np.float32], NDArray[np.float32] | None],
    change: ChangeRaster,
    here: Window,
) -> NDArray[np.float32]:
    """Write the change of a block, and return the probability that a landslide is there and new.

    Args:
        job: with the detector of change.
        probability: of the image after alone, (H, W), or (2, H, W) with its standard deviation, which is kept.
        reading: of the block.
        dates: probability of the image before (H, W), and of the network of both dates, if there is one.
        change: to be written.
        here: the block on the grid of the map.
    """
    layers = probability.reshape(-1, *here.shape)
    after = np.where(reading.valid, layers[0], np.float32(np.nan))
    # What is stored is what later steps see: the same numbers go into the regression.
    encoded = encode_probability(after)
    change.write(here, change.encode(encoded, reading))
    new = job.change.predict(decode_probability(encoded), dates[0], reading.visible, dates[1])
    rest = np.where(reading.valid, layers[1:], np.float32(np.nan))
    return np.concatenate([new[None], rest]).reshape(probability.shape)


def _cut_pair(job: Job, step: Step, visible: NDArray[np.bool_]) -> tuple[Sequence[Cut], Sequence[Cut]]:
    """Cut the tiles of a step out of the image before, and out of both dates where there is a network of change.

    Args:
        job: of the map.
        step: with the tiles.
        visible: where the image after is valid and seen, (H, W) of what the step reads.
    """
    if job.pair is None:
        return (), ()
    single = job.detector.card.channels
    channels = job.change.network.card.channels if job.change.network else ()
    after, before = split_dates(channels)
    # Terrain is that of the image after: it may be given with one date only.
    terrain = [name for name in single if CHANNELS[name].kind == "terrain"]
    wanted = tuple(name for name in dict.fromkeys((*single, *before)) if name not in terrain)
    old, seen = job.pair.before.read(wanted, step.read)
    layers = dict(zip(wanted, old, strict=True))
    if terrain:
        ground, known = job.scene.read(terrain, step.read)
        layers |= dict(zip(terrain, ground, strict=True))
        seen &= known
    alone = cut_tiles(step.tiles, Reading(step.read, np.stack([layers[name] for name in single]), seen))
    if not channels:
        return alone, ()
    new, _ = job.scene.read(after, step.read)
    layers = dict(zip(after, new, strict=True)) | {name_before([name])[0]: layer for name, layer in layers.items()}
    values = np.stack([layers[name] for name in channels])
    return alone, cut_tiles(step.tiles, Reading(step.read, values, visible & seen))


def _read_ahead(
    job: Job, picture_channels: tuple[str, ...], todo: Sequence[Window], reader: ThreadPoolExecutor
) -> Iterator[_Ready]:
    """Read the next block while the network processes this one."""
    channels = job.detector.card.channels
    layers = job.bands * (2 if job.pair else 1) + (job.change_engine is not None)
    tile_bytes = 4 * layers * job.lattice.tile_height * job.lattice.tile_width
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
        reading = job.pair.read(step.block) if job.pair else None
        pair_cuts = _cut_pair(job, step, valid)
        return _Ready(step, cut, valid[rows, cols], *picture, codes[rows, cols], reading, *pair_cuts)

    ahead: list[Future[_Ready]] = []
    for step in steps:
        ahead.append(reader.submit(read, step))
        if len(ahead) > 1:
            yield ahead.pop(0).result()
    for reading in ahead:
        yield reading.result()
