"""Reading a finished landslide map: its summary, its encoded probability, and its polygons at other settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from rasterio.features import geometry_mask

from landslip.detector.detector import Detector
from landslip.errors import ReferenceDataError, RunError
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.inference.predict import make_lattice
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.masks.scene_masks import SceneMasks
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import GEOPACKAGE, MASK_RASTER, PROBABILITY, SUMMARY
from landslip.mapping.raster.block_order import strips
from landslip.mapping.raster.masks import MaskRaster
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.mapping.workspace import sha256_of
from landslip.probability import NODATA
from landslip.scenes.masks.kinds import KINDS, OF_CANDIDATES, rules_out
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.scene import Scene

if TYPE_CHECKING:
    from landslip.mapping.inventory.find import MaskedRaster


@dataclass(frozen=True, slots=True)
class FinishedMap:
    """The probability raster and the summary of a finished map."""

    folder: Path
    summary: Summary
    geobox: GeoBox
    """Without a CRS where the image has none; one unit is a metre then."""
    grid: MapGrid

    def encoded(self, window: Window) -> NDArray[np.uint8]:
        """Read the encoded probability (H, W) of a window; 255 is nodata.

        Raises:
            ReferenceDataError: it cannot be read.
        """
        try:
            return ProbabilityRaster(self.folder / PROBABILITY, self.grid).read(window)
        except OSError as error:
            raise ReferenceDataError(
                f"{self.folder / PROBABILITY} cannot be read ({error}): map the scene again"
            ) from error

    def judged(self, window: Window) -> NDArray[np.uint8]:
        """Read the encoded probability (H, W) of a window, 0 where the map rules landslides out; 255 is nodata.

        Raises:
            ReferenceDataError: it cannot be read.
        """
        encoded = self.encoded(window)
        path = self.folder / MASK_RASTER
        if MASK_RASTER in self.summary.files:
            try:
                codes = MaskRaster(path, self.grid).read(window)
            except OSError as error:
                raise ReferenceDataError(f"{path} cannot be read ({error}): map the scene again") from error
            encoded = np.where(rules_out(codes) & (encoded != NODATA), np.uint8(0), encoded)
        settings = self.summary.settings
        if settings.min_slope_deg > 0 or settings.field_slope_deg > 0:
            encoded = np.where(self._judged_out(window) & (encoded != NODATA), np.uint8(0), encoded)
        return encoded

    def _judged_out(self, window: Window) -> NDArray[np.bool_]:
        """Return the pixels of the candidates that are ruled out as a whole, (H, W)."""
        from landslip.mapping.inventory.files import excluded_outlines  # noqa: PLC0415 - imports pandas, which is slow

        to_pixels = ~self.grid.transform if self.grid.crs else Affine.identity()
        to_window = (Affine.translation(-window.col, -window.row) * to_pixels).to_shapely()
        outlines = [
            shapely.affinity.affine_transform(outline, to_window)
            for kind in OF_CANDIDATES
            for outline in excluded_outlines(self.folder / GEOPACKAGE, kind.title)
        ]
        frame = shapely.box(0, 0, window.width, window.height)
        touching = [outline for outline in outlines if outline.intersects(frame)]
        if not touching:
            return np.zeros(window.shape, np.bool_)
        return np.asarray(geometry_mask(touching, window.shape, Affine.identity(), invert=True))


def read_summary(folder: Path) -> Summary:
    """Read the summary of a finished map.

    Raises:
        ReferenceDataError: the folder holds no finished map, or one of another version.
    """
    try:
        return Summary.model_validate_json((folder / SUMMARY).read_text(encoding="utf-8"))
    except OSError as error:
        raise ReferenceDataError(
            f"{folder} holds no finished landslide map ({error.strerror}): give a folder written by map_scene"
        ) from error
    except (ValidationError, UnicodeDecodeError) as error:
        raise ReferenceDataError(
            f"{folder / SUMMARY} is not a map summary of this version of landslip: map the scene again"
        ) from error


def open_map(folder: Path) -> FinishedMap:
    """Open the folder of a finished map and check its probability raster.

    Raises:
        ReferenceDataError: the folder holds no finished map, or its raster was changed after the map was made.
        SceneError: the raster cannot be read.
    """
    summary, path = read_summary(folder), folder / PROBABILITY
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise ReferenceDataError(f"{path} cannot be read ({error.strerror}): map the scene again") from error
    if summary.files.get(PROBABILITY) != sha256:
        raise ReferenceDataError(f"{path} was changed after the map was made (its sha256 differs): map the scene again")
    file = RasterFile(path)
    transform = file.transform if file.crs else Affine.scale(*summary.scene.pixel_size_m)
    geobox = GeoBox(file.shape, transform, file.crs)
    return FinishedMap(folder, summary, geobox, MapGrid.of(geobox, Window(0, 0, *file.shape)))


class FinishedEngine:
    """The engine that made a finished map: it has a name and a version but cannot run."""

    batch = 1

    def __init__(self, summary: Summary) -> None:
        self.name, self.version = summary.engine, summary.engine_version
        self.precision = summary.settings.precision

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Refuse to run.

        Raises:
            RunError: always.
        """
        raise RunError("the probability of a finished map cannot be computed again: map the scene again")


@lru_cache(maxsize=8)
def open_detector(detector: str) -> Detector:
    """Open a detector and keep it in memory."""
    return Detector.open(detector)


def finished_job(
    scene: Scene,
    detector: Detector,
    folder: Path,
    *,
    threshold: float | None,
    min_area_m2: float,
    min_slope_deg: float = 0.0,
    field_slope_deg: float = 0.0,
) -> Job:
    """Return the job of a finished map with another threshold and minimum area, for polygons and files.

    Args:
        scene: that was mapped as a whole.
        detector: that mapped it.
        folder: of the map.
        threshold: probability from which a pixel is landslide; where None the detector's, or that of change which a
            map of two dates was made with.
        min_area_m2: smaller polygons are left out.
        min_slope_deg: candidates with a smaller mean slope are ruled out.
        field_slope_deg: candidates of the shape of a field or a road with a smaller mean slope are ruled out.
    """
    summary = read_summary(folder)
    if threshold is None and summary.change is not None:
        threshold = summary.threshold
    names = [record.name for record in summary.masks if record.name not in {kind.name for kind in OF_CANDIDATES}]
    return Job(
        scene=scene,
        detector=detector,
        engine=FinishedEngine(summary),
        settings=MapSettings(
            threshold=threshold,
            min_area_m2=min_area_m2,
            min_slope_deg=min_slope_deg,
            field_slope_deg=field_slope_deg,
            threads=summary.settings.threads,
        ),
        aoi=None,
        area=None,
        region=scene.window,
        grid=MapGrid.of(scene.geobox, scene.window),
        lattice=make_lattice(detector.card, scene.height, scene.width),
        masks=SceneMasks(
            scene,
            {record.name: record.rule for record in summary.masks if record.name in names},
            summary.settings.masks_left_out,
        ),
    )


def masked_raster(job: Job, folder: Path) -> "MaskedRaster | None":
    """Return the masks of a finished map, for polygons at the settings of a job; None where it has none."""
    from landslip.mapping.inventory.find import MaskedRaster  # noqa: PLC0415 - imports pandas, which is slow

    if not job.masks and not job.rules_out:
        return None
    return MaskedRaster(
        MaskRaster(folder / MASK_RASTER, job.grid).read if job.masks else None,
        lambda: read_strips(folder, job.grid),
        tuple(KINDS[name] for name in job.masks.rules),
        job.settings.min_slope_deg,
        job.settings.field_slope_deg,
    )


def read_strips(folder: Path, grid: MapGrid) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """Read the encoded probability of a map in strips from top to bottom."""
    raster = ProbabilityRaster(folder / PROBABILITY, grid)
    return ((window, raster.read(window)) for window in strips(grid.height, grid.width))
