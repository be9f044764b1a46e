"""The run: from a scene and a detector to the files of a landslide map, block by block, resumable."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Final

import rasterio

from landslip.detector.detector import Detector
from landslip.files.atomic import check_disk_space
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.domain_shift import familiarity
from landslip.mapping.inventory.find import find_landslides
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.metadata.summarise import Effort
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import GEOPACKAGE, PRODUCTS, SUMMARY, write_products
from landslip.mapping.raster.fill import Follower, fill_raster
from landslip.mapping.raster.probability import GDAL_SETTINGS, ProbabilityRaster
from landslip.mapping.workspace import Workspace, open_workspace
from landslip.scenes.scene import Scene

Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_LEVELS: Final = "levels.tif"


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
    check_disk_space(out, int(2.5 * job.bands * job.region.height * job.region.width) + 20_000_000)
    with (
        rasterio.Env(**GDAL_SETTINGS),
        open_workspace(
            out,
            PRODUCTS,
            raster_identity=job.raster_identity,
            identity=job.identity,
            # A scene in memory cannot be told from another: its unfinished work is not gone on with.
            resume=job.settings.resume and bool(scene.identity),
            overwrite=job.settings.overwrite,
        ) as workspace,
    ):
        if not workspace.publishing:
            _make(job, workspace, started, watch)
        workspace.publish()
    return Summary.model_validate_json((out / SUMMARY).read_text(encoding="utf-8"))


def _make(job: Job, workspace: Workspace, started: float, watch: Watch) -> None:
    """Make every file of the map in the workspace; landslides are found while the raster is still being filled."""
    workspace.remove(PRODUCTS)
    raster = ProbabilityRaster(workspace.path(_LEVELS), job.grid, job.bands)
    follower = Follower(raster)
    with ThreadPoolExecutor(2, "landslip-find") as finder:
        finding = finder.submit(find_landslides, job, follower.strips(), workspace.path(GEOPACKAGE))
        looking = finder.submit(familiarity, job)
        try:
            quicklook, network_s = fill_raster(job, raster, workspace, follower, watch)
        finally:
            follower.stop()
        effort = Effort(started=started, network_s=network_s, resumed=workspace.resumed)
        write_products(job, raster, finding, looking, quicklook.picture(job.grid), effort, workspace.path, watch)
