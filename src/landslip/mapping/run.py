"""The run: from a scene and a detector to the files of a landslide map, block by block, resumable."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import numpy as np
import rasterio

from landslip.detector import Detector
from landslip.levels import to_levels
from landslip.mapping import probability_raster
from landslip.mapping.aoi import AreaOfInterest
from landslip.mapping.job import Job
from landslip.mapping.lattice import blocks
from landslip.mapping.plan import Step, plan
from landslip.mapping.predict import Predictor, Reading, Tiles
from landslip.mapping.products import PRODUCTS, SUMMARY, write_products
from landslip.mapping.quicklook import Quicklook, picture_channels
from landslip.mapping.record import Effort
from landslip.mapping.settings import MapSettings
from landslip.mapping.summary import Summary
from landslip.mapping.workspace import Workspace, check_room, open_workspace
from landslip.scenes.scene import Scene
from landslip.scenes.window import Window

Watch = Callable[[str, int, int], None]
"""Told what is being done, how many pixels of it are done, and how many there are."""

_LEVELS = "levels.tif"
_KEPT_TILES_BYTES = 128_000_000


def map_scene(
    scene: Scene,
    detector: Detector,
    out: Path,
    settings: MapSettings | None = None,
    *,
    aoi: AreaOfInterest | None = None,
    watch: Watch = lambda *_: None,
) -> Summary:
    """Map the landslides of a scene and write the files of the map.

    A run that was killed goes on where it stopped when it is called again alike. Tiles hang on the scene's corner, so
    a map of an area equals that part of the map of the whole scene.

    Args:
        scene: must have the detector's channels.
        detector: what to run.
        out: folder for the files; made if need be.
        settings: how; the defaults where None.
        aoi: the part to map; the whole scene where None.
        watch: told of progress.

    Raises:
        LandslipError: something given is wrong, or the map cannot be written; nothing bears a final name then.
    """
    started = perf_counter()
    job = Job.of(scene, detector, settings or MapSettings(), aoi)
    # The raster while it is made, its finished copy with overviews, and the rest.
    check_room(out, int(2.5 * job.region.height * job.region.width) + 20_000_000)
    with (
        rasterio.Env(**probability_raster.GDAL_SETTINGS),
        open_workspace(
            out,
            PRODUCTS,
            raster_identity=job.raster_identity,
            identity=job.identity,
            resume=job.settings.resume,
            overwrite=job.settings.overwrite,
        ) as workspace,
    ):
        if not workspace.publishing:
            quicklook, network_s = _map_probability(job, workspace, watch)
            effort = Effort(started=started, network_s=network_s, resumed=workspace.resumed)
            write_products(job, workspace.path(_LEVELS), quicklook, effort, workspace.path, watch)
        workspace.publish()
    return Summary.model_validate_json((out / SUMMARY).read_text())


def _map_probability(job: Job, workspace: Workspace, watch: Watch) -> tuple[Quicklook, float]:
    """Fill the probability raster; give the picture of the ground and the seconds that the network took."""
    raster = workspace.path(_LEVELS)
    everything = list(blocks(job.region, job.settings.block_px))
    done = workspace.blocks_done()
    if not done:
        probability_raster.create(raster, job.grid)
    predictor = Predictor(job.engine, job.lattice)
    quicklook = Quicklook(job.region, picture_channels(job.scene, job.detector.card.channels))
    total_px = job.region.height * job.region.width
    done_px = 0
    for block in (block for block in everything if block in done):
        quicklook.add(block, *job.scene.read(quicklook.channels, block))
        done_px += block.height * block.width
        watch("mapping", done_px, total_px)
    tiles: Tiles = {}
    tile_bytes = 4 * job.lattice.tile_height * job.lattice.tile_width
    steps = plan(job.lattice, [block for block in everything if block not in done], _KEPT_TILES_BYTES // tile_bytes)
    for step, reading in _read_ahead(job, steps):
        for tile, values in predictor.run_tiles(step.tiles, reading):
            tiles[tile] = values
        block = step.block
        observed = reading.observed[block.relative_to(reading.window).slices]
        _add_to(quicklook, job, block, reading, observed)
        wanted = observed & job.area.mask(block) if job.area else observed
        probability = np.where(wanted, predictor.blend(block, tiles), np.float32(np.nan))
        probability_raster.write(raster, block.relative_to(job.region), to_levels(probability))
        workspace.block_is_done(block)
        for tile in step.forget:
            tiles.pop(tile, None)
        done_px += block.height * block.width
        watch("mapping", done_px, total_px)
    return quicklook, predictor.network_s


def _add_to(quicklook: Quicklook, job: Job, block: Window, reading: Reading, observed: np.ndarray) -> None:
    """Add a block to the picture, from what was read for the network where that holds the picture's channels."""
    channels = job.detector.card.channels
    if set(quicklook.channels) <= set(channels):
        rows, cols = block.relative_to(reading.window).slices
        values = reading.values[[channels.index(name) for name in quicklook.channels], rows, cols]
        quicklook.add(block, values, observed)
    else:
        quicklook.add(block, *job.scene.read(quicklook.channels, block))


def _read_ahead(job: Job, steps: Iterator[Step]) -> Iterator[tuple[Step, Reading]]:
    """Read for the next step while the network works on this one."""

    def read(step: Step) -> Reading:
        return Reading(step.read, *job.scene.read(job.detector.card.channels, step.read))

    with ThreadPoolExecutor(1, thread_name_prefix="landslip-read") as reader:
        ahead = [(step, reader.submit(read, step)) for step in _first(steps)]
        while ahead:
            step, reading = ahead.pop()
            ahead = [(following, reader.submit(read, following)) for following in _first(steps)]
            yield step, reading.result()


def _first(steps: Iterator[Step]) -> Sequence[Step]:
    """The next step, if there is one."""
    return [step] if (step := next(steps, None)) else []
