"""Mapping a scene: from a scene and a detector to the files of a landslide map, block by block, resumable."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import rasterio

from landslip.change.detector import ChangeDetector
from landslip.detector.detector import Detector
from landslip.errors import DomainShiftWarning, LandslipWarning, SceneWarning, SettingsError
from landslip.files.atomic import check_disk_space
from landslip.files.progress import Progress, no_progress
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.change.raster import ChangeRaster, change_bands
from landslip.mapping.domain_shift import domain_shift_warnings, measure_domain_shift, unsure_warnings
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.metadata.summary import Effort, Summary
from landslip.mapping.open_job import open_job
from landslip.mapping.products import (
    GEOPACKAGE,
    MASK_RASTER,
    OPTIONAL_PRODUCTS,
    PROBABILITY,
    PRODUCTS,
    SUMMARY,
    MapPictures,
    products_of,
    write_products,
)
from landslip.mapping.raster.block_order import strips
from landslip.mapping.raster.fill import BlockSource, Follower, fill_raster, map_in_this_process
from landslip.mapping.raster.masks import MaskRaster
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.workspace import Workspace, open_workspace
from landslip.scenes.atmosphere import convert_product
from landslip.scenes.block_cache import cache_settings
from landslip.scenes.masks.kinds import KINDS
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene import Scene

if TYPE_CHECKING:
    import geopandas as gpd

    from landslip.mapping.inventory.find import Found, Strips

_UNFINISHED_RASTER: Final = "encoded.tif"
_UNFINISHED_MASKS: Final = "codes.tif"
_UNFINISHED_CHANGE: Final = "steps.tif"


@dataclass(frozen=True)
class MapResult:
    """A finished landslide map."""

    folder: Path
    summary: Summary

    @cached_property
    def landslides(self) -> "gpd.GeoDataFrame":
        """The landslides with their attributes, in the CRS of the scene; read from ``landslides.gpkg`` on first use."""
        import pyogrio  # noqa: PLC0415 - imports pandas, which is slow

        from landslip.mapping.inventory.files import LAYER  # noqa: PLC0415

        return pyogrio.read_dataframe(self.folder / GEOPACKAGE, layer=LAYER)

    @cached_property
    def excluded(self) -> "gpd.GeoDataFrame | None":
        """Candidates that masks rule out, with the ``reason``; None where no setting rules any out."""
        import pyogrio  # noqa: PLC0415 - imports pandas, which is slow

        from landslip.mapping.inventory.files import EXCLUDED_LAYER, has_excluded  # noqa: PLC0415

        path = self.folder / GEOPACKAGE
        return pyogrio.read_dataframe(path, layer=EXCLUDED_LAYER) if has_excluded(path) else None

    @cached_property
    def not_new(self) -> "gpd.GeoDataFrame | None":
        """Candidates that were there before the event; None in a map of one date."""
        import pyogrio  # noqa: PLC0415 - imports pandas, which is slow

        from landslip.mapping.inventory.files import NOT_NEW_LAYER  # noqa: PLC0415

        if self.summary.change is None:
            return None
        return pyogrio.read_dataframe(self.folder / GEOPACKAGE, layer=NOT_NEW_LAYER)

    @property
    def probability(self) -> Path:
        """Path of the probability raster, a Cloud Optimized GeoTIFF with scale 0.004 and nodata 255."""
        return self.folder / PROBABILITY

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of the summary."""
        return self.summary.warnings

    def issue_warnings(self, scene: Scene, detector: Detector, *, stacklevel: int = 2) -> None:
        """Issue the warnings of the summary as ``LandslipWarning`` or a subclass of it.

        Args:
            scene: that was mapped.
            detector: that mapped it.
            stacklevel: 1 for the caller of this method, 2 for the caller of that function.
        """
        shift = self.summary.domain_shift
        shifted = domain_shift_warnings(shift, detector.card) if shift else []
        surface = shift is not None and shift.surface_reflectance
        shifted += unsure_warnings(
            self.summary.mean_probability, self.summary.threshold, detector.card, surface_reflectance=surface
        )
        for message in self.warnings:
            category = LandslipWarning
            if message in scene.warnings:
                category = SceneWarning
            elif message in shifted:
                category = DomainShiftWarning
            warnings.warn(message, category, stacklevel=stacklevel + 1)

    def __repr__(self) -> str:
        return f"MapResult('{self.folder}', landslides={self.summary.landslides}, warnings={len(self.warnings)})"


def open_to_map(paths: Iterable[str | PathLike[str]], reading: Mapping[str, Any]) -> Scene:
    """Open a scene as a map takes it: a product of Level-2A is converted (``landslip.scenes.atmosphere``).

    Args:
        paths: of its rasters.
        reading: further keywords of ``open_scene``.

    Raises:
        LandslipError: it cannot be read.
    """
    return convert_product(open_scene(paths, **reading))


def map_scene(
    scene: Scene,
    detector: Detector,
    out: Path,
    settings: MapSettings | None = None,
    *,
    aoi: AreaOfInterest | None = None,
    exclude: AreaOfInterest | None = None,
    before: Sequence[Scene] = (),
    after: Sequence[Scene] = (),
    change: ChangeDetector | None = None,
    progress: Progress = no_progress,
) -> MapResult:
    """Map the landslides of a scene and write the files of the map.

    A run that was killed resumes when it is called again with the same arguments. Tiles are anchored at the scene's
    corner, so that a map of an area equals that part of the map of the whole scene.

    Args:
        scene: with the channels of the detector.
        detector: to run.
        out: folder for the files; created where missing.
        settings: of the map; the defaults where None.
        aoi: part of the scene to map; the whole scene where None.
        exclude: area in which landslides are ruled out (``mapping/masks/excluded_area.py``).
        before: scenes of the same ground before the event; only landslides that are new since are mapped then.
            Surface reflectance of Level-2A products is converted first (``landslip.scenes.atmosphere``).
        after: further scenes of the same ground after the event, which become a composite with ``scene``.
        change: finds what is new; the default where None.
        progress: told of progress.

    Raises:
        LandslipError: an input is wrong, or the map cannot be written; no file has its final name then.
    """
    started = perf_counter()
    if detector.card.dates != 1:
        raise SettingsError(
            f"detector '{detector.card.name}' takes two dates: give the image before the event, and a detector of one "
            "date for that after",
            parameter="detector",
        )
    job = open_job(
        scene,
        detector,
        settings or MapSettings(),
        aoi,
        exclude,
        before=before,
        after=after,
        change=change,
        progress=progress,
    )
    return map_job(job, out, started, progress)


def map_job(
    job: Job,
    out: Path,
    started: float,
    progress: Progress = no_progress,
    source: BlockSource = map_in_this_process,
) -> MapResult:
    """Write the files of the map of a job; see ``map_scene``.

    Args:
        job: to run.
        out: folder for the files.
        started: when the work on this map began, by ``time.perf_counter``.
        progress: told of progress.
        source: of the mapped blocks.

    Raises:
        LandslipError: the map cannot be written; no file has its final name then.
    """
    products = products_of(job)
    # The unfinished rasters, their finished copies with overviews, and the other files.
    bands = job.bands + (MASK_RASTER in products) + (2 * len(change_bands(job.pair)) if job.pair else 0)
    check_disk_space(out, int(2.5 * bands * job.region.height * job.region.width) + 20_000_000)
    with (
        rasterio.Env(**cache_settings(job.scene, job.detector.card.channels)),
        open_workspace(
            out,
            products,
            raster_identity=job.raster_identity,
            identity=job.identity,
            # A scene in memory has no identity, so that its unfinished work cannot be resumed.
            resume=job.settings.resume and job.resumable,
            overwrite=job.settings.overwrite,
            stale=[name for name in OPTIONAL_PRODUCTS if name not in products],
        ) as workspace,
    ):
        if not workspace.publishing:
            _make(job, workspace, started, progress, source)
        workspace.publish()
    return MapResult(out, Summary.model_validate_json((out / SUMMARY).read_text(encoding="utf-8")))


def _make(job: Job, workspace: Workspace, started: float, progress: Progress, source: BlockSource) -> None:
    """Make every file of the map in the workspace; landslides are traced while the raster is being filled."""
    workspace.remove((*PRODUCTS, *OPTIONAL_PRODUCTS))
    raster = ProbabilityRaster(workspace.path(_UNFINISHED_RASTER), job.grid, job.bands)
    masks = MaskRaster(workspace.path(_UNFINISHED_MASKS), job.grid) if job.masks else None
    change = ChangeRaster.of(workspace.path(_UNFINISHED_CHANGE), job.grid, change_bands(job.pair)) if job.pair else None
    follower = Follower(raster)
    with ThreadPoolExecutor(2, "landslip-find") as executor:
        finding = executor.submit(_find, job, follower.strips(), workspace.path(GEOPACKAGE), raster, masks, change)
        measuring = executor.submit(measure_domain_shift, job)
        try:
            pictures, network_s = fill_raster(job, raster, workspace, follower, progress, masks, change, source)
        finally:
            follower.stop()
        effort = Effort(started=started, network_s=network_s, resumed=workspace.resumed)
        drawn = MapPictures(
            pictures.after.picture(job.grid),
            pictures.before.picture(job.grid) if pictures.before else None,
            pictures.change.picture(job.grid) if pictures.change else None,
        )
        write_products(job, raster, finding, measuring, drawn, effort, workspace.path, progress, masks, change)


def _find(
    job: Job,
    encoded: "Strips",
    path: Path,
    raster: ProbabilityRaster,
    masks: MaskRaster | None,
    change: ChangeRaster | None,
) -> "Found":
    """Find the landslides; pandas and geopandas are imported while the network runs, since that takes a second."""
    from landslip.mapping.inventory.find import ChangeLayers, MaskedRaster, find_landslides  # noqa: PLC0415

    masked = None
    if masks or job.rules_out:
        masked = MaskedRaster(
            masks.read if masks else None,
            lambda: ((window, raster.read(window)) for window in strips(job.grid.height, job.grid.width)),
            tuple(KINDS[name] for name in job.masks.rules),
            job.settings.min_slope_deg,
            job.settings.field_slope_deg,
        )
    return find_landslides(job, encoded, path, masked, ChangeLayers(change, raster.read) if change else None)
