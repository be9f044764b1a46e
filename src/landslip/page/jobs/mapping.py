"""A scene is mapped: the very call that ``landslip map`` makes."""

from typing import Any

from landslip.mapping.finished_map_levels import opened
from landslip.mapping.run import map_scene
from landslip.mapping.settings import MapSettings
from landslip.page.jobs.perform import Watch
from landslip.page.jobs.results import SceneResult
from landslip.page.jobs.tasks import MapTask
from landslip.page.uploads.rasters import open_source


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
    )
    return result.model_dump(mode="json")
