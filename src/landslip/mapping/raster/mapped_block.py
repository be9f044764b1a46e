"""Mapping one block: reading it, and everything that a map stores of it, computed from its tiles.

The same functions run in the threads of one process (``fill.py``) and in the workers of a cluster, so that both store
the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from landslip.change.pair import ChangeReading
from landslip.channels import CHANNELS, TRUE_COLOUR, name_before, split_dates
from landslip.grid.window import Window
from landslip.inference.predict import Cut, Predictor, Reading, Tiles, cut_tiles
from landslip.mapping.change.raster import ChangeRaster, change_bands
from landslip.mapping.job import Job
from landslip.mapping.raster.block_order import Step
from landslip.mapping.raster.quicklook import BlockCells, picture_channels, reduce_to_cells
from landslip.probability import NODATA, decode_probability, encode_probability
from landslip.scenes.masks.kinds import WHITE, hides_ground


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block that was read: tiles for the network, validity, and channels for the quicklook."""

    step: Step
    cuts: Sequence[Sequence[Cut]]
    """Tiles for each network."""
    valid: NDArray[np.bool_]
    picture: NDArray[np.float32]
    picture_valid: NDArray[np.bool_]
    codes: NDArray[np.uint8]
    """Of masks."""
    change: ChangeReading | None
    """Of a pair."""


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a job: of the image after; of a pair also of the image before, then of both dates."""

    predictors: tuple[Predictor, ...]

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the networks of a job; the image before is seen by the same network as that after."""
        count = 2 if job.pair else 1
        single = [Predictor(job.engine, job.lattice, job.bands) for _ in range(count)]
        both = [Predictor(job.change_engine, job.lattice)] if job.change_engine else []
        return cls((*single, *both))

    @property
    def network_s(self) -> float:
        """Seconds in the networks so far."""
        return sum(predictor.network_s for predictor in self.predictors)

    def run(self, cuts: Sequence[Sequence[Cut]]) -> list[Tiles]:
        """Run the tiles of each network."""
        return [predictor.run(cut) for predictor, cut in zip(self.predictors, cuts, strict=True)]

    def blend(self, block: Window, tiles: Sequence[Tiles]) -> list[NDArray[np.float32]]:
        """Blend the tiles of each network over a block."""
        return [predictor.blend(block, some) for predictor, some in zip(self.predictors, tiles, strict=True)]


@dataclass(frozen=True, slots=True)
class PictureCells:
    """What a block adds to the quicklooks of a map."""

    after: BlockCells
    before: BlockCells | None = None
    change: BlockCells | None = None


@dataclass(frozen=True, slots=True)
class MappedBlock:
    """Everything that a map stores of a block."""

    block: Window
    encoded: NDArray[np.uint8]
    """Probability (H, W), or (2, H, W) with its standard deviation."""
    codes: NDArray[np.uint8]
    """Of masks (H, W); 255 where the image is nodata."""
    change: NDArray[np.int16] | None
    """Bands of change (bands, H, W) in whole steps, of a pair."""
    pictures: PictureCells
    network_s: float = 0.0
    """Seconds in the network for tiles that no earlier block needed."""


def shown_change(job: Job) -> str:
    """Return the band of change that is shown on the map sheet of a pair."""
    return "rdndvi" if job.pair and job.pair.has_nir else "brightening"


def read_block(job: Job, step: Step) -> ReadBlock:
    """Read a block and cut its tiles.

    Raises:
        SceneError: the scene cannot be read.
    """
    channels, shown = job.detector.card.channels, picture_channels(job.scene, job.detector.card.channels)
    values, seen = job.scene.read(channels, step.read)
    codes = job.masks.codes(step.read)
    # Hidden ground is a gap: it has no influence on its surroundings.
    valid = seen & ~hides_ground(codes)
    cuts = (cut_tiles(step.tiles, Reading(step.read, values, valid)), *cut_pair(job, step.tiles, step.read, valid))
    rows, cols = step.block.relative_to(step.read).slices
    if set(shown) <= set(channels):
        picture = values[[channels.index(name) for name in shown], rows, cols], seen[rows, cols]
    else:
        picture = job.scene.read(shown, step.block)
    return ReadBlock(
        step, cuts, valid[rows, cols], *picture, codes[rows, cols], job.pair.read(step.block) if job.pair else None
    )


def cut_pair(
    job: Job, tiles: Sequence[Window], window: Window, visible: NDArray[np.bool_]
) -> tuple[Sequence[Cut], ...]:
    """Cut tiles out of the image before of a pair, and out of both dates where there is a network of change.

    Args:
        job: of the map.
        tiles: to cut.
        window: around them.
        visible: where the image after is valid and seen, (H, W) of the window.
    """
    if job.pair is None:
        return ()
    single = job.detector.card.channels
    channels = job.change.network.card.channels if job.change.network else ()
    after, before = split_dates(channels)
    # Terrain is that of the image after: it may be given with one date only.
    terrain = [name for name in single if CHANNELS[name].kind == "terrain"]
    wanted = tuple(name for name in dict.fromkeys((*single, *before)) if name not in terrain)
    old, seen = job.pair.before.read(wanted, window)
    layers = dict(zip(wanted, old, strict=True))
    if terrain:
        ground, known = job.scene.read(terrain, window)
        layers |= dict(zip(terrain, ground, strict=True))
        seen &= known
    alone = cut_tiles(tiles, Reading(window, np.stack([layers[name] for name in single]), seen))
    if not channels:
        return (alone,)
    new, _ = job.scene.read(after, window)
    layers = dict(zip(after, new, strict=True)) | {name_before([name])[0]: layer for name, layer in layers.items()}
    values = np.stack([layers[name] for name in channels])
    return alone, cut_tiles(tiles, Reading(window, values, visible & seen))


def compute_block(
    job: Job, networks: Networks, ready: ReadBlock, tiles: Sequence[Tiles], network_s: float
) -> MappedBlock:
    """Blend the tiles of a block and encode what the map stores of it.

    Args:
        job: what to map.
        networks: blend.
        ready: the block as read.
        tiles: of each network, every tile that touches the block.
        network_s: seconds in the networks.
    """
    block = ready.step.block
    mask = job.mask(block)
    coded, change = ready.codes, None
    after, *of_pair = networks.blend(block, tiles)
    probability = np.where(ready.valid & mask, after, np.float32(np.nan))
    before = shown = None
    if ready.change and job.pair:
        reading, coded = hide_white(job, ready.change, coded)
        probability, change = _keep_new(job, probability, reading, of_pair)
        before, shown = change_cells(job, block, reading, mask)
    seen = ready.picture_valid & mask
    codes = np.where(seen, coded, np.uint8(NODATA))
    cells = PictureCells(reduce_to_cells(job.region, block, ready.picture, seen, codes), before, shown)
    return MappedBlock(block, encode_probability(probability), codes, change, cells, network_s)


def change_cells(
    job: Job, block: Window, reading: ChangeReading, mask: NDArray[np.bool_]
) -> tuple[BlockCells | None, BlockCells | None]:
    """Return what a block of a pair adds to the quicklooks of the image before, where it is valid, and of change."""
    if job.pair is None:
        return None, None
    old, seen = job.pair.before.read(TRUE_COLOUR, block)
    return (
        reduce_to_cells(job.region, block, old, seen & mask),
        reduce_to_cells(job.region, block, reading.bands[shown_change(job)][None], reading.valid & mask),
    )


def hide_white(job: Job, reading: ChangeReading, codes: NDArray[np.uint8]) -> tuple[ChangeReading, NDArray[np.uint8]]:
    """Return a reading whose white ground is not valid, and the codes of masks with it."""
    white = job.find_white(reading)
    return replace(reading, valid=reading.valid & ~white), np.where(
        white & ~hides_ground(codes), np.uint8(WHITE.code), codes
    )


def _keep_new(
    job: Job, probability: NDArray[np.float32], reading: ChangeReading, of_pair: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.int16] | None]:
    """Return the probability that a landslide is there and new, and the encoded change of the block.

    Args:
        job: of the pair.
        probability: of the image after alone, (H, W), or (2, H, W) with its standard deviation, which is kept.
        reading: of the block.
        of_pair: probability of the image before, and of the network of both dates, if there is one.
    """
    if job.pair is None:
        return probability, None
    before, *both = (blended.reshape(-1, *reading.valid.shape)[0] for blended in of_pair)
    layers = probability.reshape(-1, *reading.valid.shape)
    after = np.where(reading.valid, layers[0], np.float32(np.nan))
    # What is stored is what later steps see: the same numbers go into the regression.
    encoded = encode_probability(after)
    change = ChangeRaster.of(Path(), job.grid, change_bands(job.pair)).encode(encoded, reading)
    new = job.change.predict(decode_probability(encoded), before, reading.visible, both[0] if both else None)
    rest = np.where(reading.valid, layers[1:], np.float32(np.nan))
    return np.concatenate([new[None], rest]).reshape(probability.shape), change
