"""Whether the slope of a scene is in degrees, by its elevation."""

import numpy as np

from landslip.grid.window import Window
from landslip.scenes.scene import ElevationSlope, Scene

_SIDE_PX = 256
_LEAST_PX = 200
_LEAST_DEG = 5.0


def check_slope_unit(scene: Scene) -> list[str]:
    """Return a warning if the slope agrees better with the elevation as percent (rise over run) than as degrees.

    The middle of the scene is compared.
    """
    if not {"slope", "elevation"} <= scene.layers.keys():
        return []
    side = min(_SIDE_PX, scene.height), min(_SIDE_PX, scene.width)
    middle = Window((scene.height - side[0]) // 2, (scene.width - side[1]) // 2, *side)
    stored, valid = scene.layers["slope"].read(middle)
    computed, known = ElevationSlope(scene.layers["elevation"], scene.geobox).read([1], middle)
    steep = valid & known[0] & (computed[0] > _LEAST_DEG)
    if steep.sum() < _LEAST_PX:
        return []
    degrees, given = computed[0][steep].astype(np.float64), stored[steep].astype(np.float64)
    as_degrees, as_percent = (
        float(np.median(np.abs(given - expected))) for expected in (degrees, 100 * np.tan(np.radians(degrees)))
    )
    if as_percent >= 0.5 * as_degrees:
        return []
    return [
        f"the slope has a median of {np.median(given):.3g} where its elevation gives {np.median(degrees):.3g} degrees, "
        f"as if it were in percent: leave it out, so that it is computed, or give it in degrees"
    ]
