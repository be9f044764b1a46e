"""Mapping one block: reading it, and everything that a map stores of it, computed from its tiles.

The same functions run in the threads of one process (``fill.py``) and in the workers of a cluster, so that both store
the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslip.change.baseline import predict_new
from landslip.change.pair import ChangeReading
from landslip.channels import TRUE_COLOUR
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
    cut: Sequence[Cut]
    valid: NDArray[np.bool_]
    picture: NDArray[np.float32]
    picture_valid: NDArray[np.bool_]
    codes: NDArray[np.uint8]
    """Of masks."""
    change: ChangeReading | None
    """Of a pair."""


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
    cut = cut_tiles(step.tiles, Reading(step.read, values, valid))
    rows, cols = step.block.relative_to(step.read).slices
    if set(shown) <= set(channels):
        picture = values[[channels.index(name) for name in shown], rows, cols], seen[rows, cols]
    else:
        picture = job.scene.read(shown, step.block)
    return ReadBlock(
        step, cut, valid[rows, cols], *picture, codes[rows, cols], job.pair.read(step.block) if job.pair else None
    )


def compute_block(job: Job, predictor: Predictor, ready: ReadBlock, tiles: Tiles, network_s: float) -> MappedBlock:
    """Blend the tiles of a block and encode what the map stores of it.

    Args:
        job: what to map.
        predictor: blends.
        ready: the block as read.
        tiles: every tile that touches it.
        network_s: seconds in the network.
    """
    block = ready.step.block
    mask = job.mask(block)
    coded, change = ready.codes, None
    probability = np.where(ready.valid & mask, predictor.blend(block, tiles), np.float32(np.nan))
    before = shown = None
    if ready.change and job.pair:
        reading, coded = hide_white(job, ready.change, coded)
        probability, change = _keep_new(job, probability, reading)
        before, shown = change_cells(job, block, reading, mask)
    seen = ready.picture_valid & mask
    codes = np.where(seen, coded, np.uint8(NODATA))
    after = reduce_to_cells(job.region, block, ready.picture, seen, codes)
    return MappedBlock(
        block, encode_probability(probability), codes, change, PictureCells(after, before, shown), network_s
    )


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
    job: Job, probability: NDArray[np.float32], reading: ChangeReading
) -> tuple[NDArray[np.float32], NDArray[np.int16] | None]:
    """Return the probability that a landslide is there and new, and the encoded change of the block.

    Args:
        job: of the pair.
        probability: of the image after alone, (H, W), or (2, H, W) with its standard deviation, which is kept.
        reading: of the block.
    """
    if job.pair is None:
        return probability, None
    layers = probability.reshape(-1, *reading.valid.shape)
    after = np.where(reading.valid, layers[0], np.float32(np.nan))
    # What is stored is what later steps see: the same numbers go into the regression.
    encoded = encode_probability(after)
    change = ChangeRaster.of(Path(), job.grid, change_bands(job.pair)).encode(encoded, reading)
    new = predict_new(decode_probability(encoded), reading.visible)
    rest = np.where(reading.valid, layers[1:], np.float32(np.nan))
    return np.concatenate([new[None], rest]).reshape(probability.shape), change
