"""From the images of an event to the job of a map: the same for a command, a function, and a worker of a cluster."""

from collections.abc import Sequence

from landslip.change.composite_scene import compose, order_images
from landslip.change.detector import ChangeDetector
from landslip.change.pair import ScenePair
from landslip.detector.detector import Detector
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine_pool import EnginePool
from landslip.mapping.area import AreaOfInterest
from landslip.mapping.job import Job, MapSettings
from landslip.mapping.masks.image_masks import CompositeMasks, ImageMasks
from landslip.scenes.atmosphere import convert_product
from landslip.scenes.scene import Scene


def open_job(
    scene: Scene,
    detector: Detector,
    settings: MapSettings,
    aoi: AreaOfInterest | None = None,
    exclude: AreaOfInterest | None = None,
    *,
    before: Sequence[Scene] = (),
    after: Sequence[Scene] = (),
    change: ChangeDetector | None = None,
    engines: EnginePool | None = None,
    progress: Progress = no_progress,
) -> Job:
    """Open the job of a map: a composite of several images after an event, and what is new since those before it.

    Args:
        scene: to map; its grid is that of the map.
        detector: to run.
        settings: of the map.
        aoi: part of the scene to map; the whole scene where None.
        exclude: area in which landslides are ruled out.
        before: scenes of the same ground before the event; only landslides that are new since are mapped then.
        after: further scenes of the same ground after the event, which become a composite with ``scene``.
        change: finds what is new; the default where None.
        engines: that are already open; one is opened for this job alone where None.
        progress: told of progress.

    Raises:
        LandslipError: images, detector, settings and area do not fit together.
    """
    scene = convert_product(scene)
    earlier, further = ([convert_product(one) for one in some] for some in (before, order_images(after)))
    composite = None
    if further:
        scene, composite = _compose(scene, further, settings, progress)
    pair = ScenePair.open(scene, earlier, progress=progress) if earlier else None
    return Job.of(scene, detector, settings, aoi, exclude, engines, pair=pair, change=change, after=composite)


def _compose(
    scene: Scene, further: Sequence[Scene], settings: MapSettings, progress: Progress
) -> tuple[Scene, CompositeMasks]:
    """Make one scene of several images after an event, each hidden by its own masks."""
    images = [scene, *further]
    masks = ImageMasks.of(
        images, settings.masks, cloud_source=settings.cloud_source, buffer_m=settings.cloud_buffer_m, strict=True
    )
    made, composite = compose(scene, further, masks.hidden or [None] * len(images), progress=progress)
    return made, CompositeMasks(masks, composite)
