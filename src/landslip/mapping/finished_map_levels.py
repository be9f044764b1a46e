"""A finished map taken up again: its job without an engine, and its levels strip by strip."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landslip.detector.detector import Detector
from landslip.errors import RunError
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.inference.predict import lattice_for
from landslip.mapping.inventory.outlines import strips
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.products import PROBABILITY, SUMMARY
from landslip.mapping.raster.probability import ProbabilityRaster
from landslip.page.jobs.tasks import Choice
from landslip.scenes.scene import Scene


class RecordedEngine:
    """The engine that made a map, known from its record; it cannot run."""

    batch = 1

    def __init__(self, summary: Summary) -> None:
        self.name, self.version = summary.engine, summary.engine_version
        self.precision = summary.settings.precision

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Refuse: the levels are there already.

        Raises:
            RunError: always.
        """
        raise RunError("a finished map is not run again: map the scene anew for other probabilities")


@lru_cache(maxsize=8)
def opened(detector: str) -> Detector:
    """A detector, kept open: it is the operator's, not a visitor's."""
    return Detector.open(detector)


def read_summary(folder: Path) -> Summary:
    """The record of a map."""
    return Summary.model_validate_json((folder / SUMMARY).read_text(encoding="utf-8"))


def recorded_job(scene: Scene, detector: Detector, folder: Path, choice: Choice) -> Job:
    """The job of a finished map, at other settings."""
    summary = read_summary(folder)
    settings = MapSettings(threshold=choice.threshold, min_area_m2=choice.min_area_m2, threads=summary.settings.threads)
    return Job(
        scene=scene,
        detector=detector,
        engine=RecordedEngine(summary),
        settings=settings,
        aoi=None,
        area=None,
        region=scene.window,
        grid=MapGrid.of(scene.geobox, scene.window),
        lattice=lattice_for(detector.card, scene.height, scene.width),
    )


def levels_in_strips(folder: Path, grid: MapGrid) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """The stored levels of a map, from top to bottom."""
    raster = ProbabilityRaster(folder / PROBABILITY, grid)
    return ((window, raster.read(window)) for window in strips(grid.height, grid.width))
