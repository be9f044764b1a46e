"""The picture of ``landslip scene inspect``."""

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS, TRUE_COLOUR
from landslip.figures.scene_sheet import Cover, Histogram, render_scene_sheet
from landslip.figures.true_colour import stretch_true_colour
from landslip.files.progress import Progress
from landslip.scenes.inspection import Inspection
from landslip.scenes.masks.classification import CLOUD_CLASSES, SHADOW_CLASSES, SNOW_CLASSES
from landslip.scenes.overview import SceneOverview, read_overview
from landslip.scenes.scene import Scene

_KINDS = (
    (0, "nodata", "#1f2326"),
    (1, "valid", "#8fbf8f"),
    (2, "cloud", "#ffffff"),
    (3, "cloud shadow", "#56507a"),
    (4, "snow", "#9ad7f0"),
)


def draw_sheet(
    scene: Scene,
    inspection: Inspection,
    sample: tuple[NDArray[np.float32], NDArray[np.bool_]],
    progress: Progress,
) -> bytes:
    """Draw a scene: true colour or its first channel, what is valid, and a histogram of each channel of a sample."""
    shown = TRUE_COLOUR if scene.has(TRUE_COLOUR) else scene.channels[:1] * 3
    overview = read_overview(scene, shown, progress=progress)
    values, valid = sample
    histograms = [
        Histogram(name, CHANNELS[name].unit, values[index][valid]) for index, name in enumerate(scene.channels)
    ]
    level = inspection.level or "level unknown"
    date = inspection.date[:10] if inspection.date else "date unknown"
    lines = [
        f"{date}, {level}, {inspection.height} x {inspection.width} pixels of {inspection.pixel_size_m:.4g} m, "
        f"{inspection.crs or 'no CRS'}; histograms of a sample, median in orange",
        *(f"Warning: {warning}" for warning in inspection.warnings),
    ]
    picture = stretch_true_colour(overview.values, overview.valid)
    return render_scene_sheet(scene.name, lines, picture, Cover(_codes(overview), _KINDS), histograms)


def _codes(overview: SceneOverview) -> NDArray[np.uint8]:
    """Return the code of each pixel, as in ``_KINDS``."""
    codes = np.ones(overview.valid.shape, np.uint8)
    if overview.classes is not None:
        for code, classes in ((4, SNOW_CLASSES), (3, SHADOW_CLASSES), (2, CLOUD_CLASSES)):
            codes[np.isin(overview.classes, classes)] = code
    codes[~overview.valid] = 0
    return codes
