"""A scene is mapped: the very call that ``landslip map`` makes, and the truth counted where there is one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landslip.detector import Detector
from landslip.evaluation.pixel import LevelCounts
from landslip.levels import TOP_LEVEL
from landslip.mapping.grid import MapGrid
from landslip.mapping.inventory.attributes import landslide_table
from landslip.mapping.inventory.files import append_to_geopackage
from landslip.mapping.inventory.outlines import outlines, strips
from landslip.mapping.run import map_scene
from landslip.mapping.settings import MapSettings
from landslip.page.intake.rasters import open_source
from landslip.page.work.outlining import SHOWN
from landslip.page.work.perform import Watch
from landslip.page.work.recorded import levels_in_strips, opened
from landslip.page.work.results import SceneResult, TruthCounts
from landslip.page.work.tasks import MapTask
from landslip.patches.patch import LANDSLIDE, NOT_OBSERVED
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.scene import Scene
from landslip.scenes.window import Window


def map_source(task: MapTask, watch: Watch) -> dict[str, Any]:
    """Map a scene with all settings at their defaults; gives a ``SceneResult``.

    Raises:
        LandslipError: as ``map_scene``.
    """
    scene, detector = open_source(task.source), opened(task.detector)
    summary = map_scene(scene, detector, task.out, MapSettings(threads=task.threads), watch=watch)
    result = SceneResult(
        source=task.source,
        detector=task.detector,
        name=detector.card.name,
        threshold=detector.card.threshold,
        folder=task.out,
        slope_known=bool({"slope", "elevation"} & set(scene.channels)),
        wall_s=summary.wall_s,
        network_s=summary.network_s,
        warnings=summary.warnings,
        truth=_counted(task, MapGrid.of(scene.geobox, scene.window)),
        truth_outlines=_truth_outlines(task, scene, detector),
    )
    return result.model_dump(mode="json")


def _truth_outlines(task: MapTask, scene: Scene, detector: Detector) -> Path | None:
    """The landslides of the truth, found as those of a map are."""
    if task.source.truth is None:
        return None
    file, grid = RasterFile(task.source.truth), MapGrid.of(scene.geobox, scene.window)

    def levels() -> Iterator[tuple[Window, NDArray[np.uint8]]]:
        for window in strips(grid.height, grid.width):
            yield window, np.where(_mask(file, window) == LANDSLIDE, TOP_LEVEL, 0).astype(np.uint8)

    path = task.out / "truth.gpkg"
    table = landslide_table(list(outlines(levels(), 1.0)), grid, detector.card, scene.date, 1)
    append_to_geopackage(path, table.assign(detector="truth"))
    if table.crs:
        on_earth = table.nlargest(SHOWN, "area_m2").to_crs("EPSG:4326")
        path.with_suffix(".geojson").write_text(on_earth[["id", "geometry"]].to_json(), encoding="utf-8")
    return path


def _mask(file: RasterFile, window: Window) -> NDArray[np.uint8]:
    values, observed = file.read([1], window)
    return np.where(observed[0], values[0], NOT_OBSERVED).astype(np.uint8)


def _counted(task: MapTask, grid: MapGrid) -> TruthCounts | None:
    """Levels by the truth, strip by strip."""
    if task.source.truth is None:
        return None
    file = RasterFile(task.source.truth)
    counts = LevelCounts(np.zeros(251, np.int64), np.zeros(251, np.int64))
    for window, levels in levels_in_strips(task.out, grid):
        counts += LevelCounts.of_levels(levels, _mask(file, window))
    return TruthCounts(landslide=tuple(counts.landslide.tolist()), other=tuple(counts.other.tolist()))
