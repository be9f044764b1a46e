"""Clouds in Level-1C scenes by s2cloudless, an optional package with its own model.

S2cloudless (Sentinel Hub; CC BY-SA 4.0) classifies single pixels of ten bands by gradient boosting. Here it takes means
over squares of at most 60 m, the pixel size of three of the bands.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import DN_PER_REFLECTANCE
from landslip.errors import require_extra
from landslip.grid.alignment import ground_resolution_m
from landslip.grid.resampling import average_squares
from landslip.grid.window import Window
from landslip.inference.cloud_network import CORE_PX, MARGIN_PX
from landslip.inference.gap_filling import fill_gaps
from landslip.scenes.scene import Scene

CHANNELS: Final = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
_COARSEST_M: Final = 60.0
_THRESHOLD: Final = 0.4
"""Default of the package, as are the sizes of the disks."""
_AVERAGE_OVER: Final = 1
_DILATION: Final = 1


class S2Cloudless:
    """S2cloudless on squares of a scene.

    Raises:
        MissingExtraError: the package is not installed.
    """

    def __init__(self) -> None:
        package = require_extra("s2cloudless", "clouds")
        self.version = str(package.__version__)
        self._detector = package.S2PixelCloudDetector(
            threshold=_THRESHOLD, average_over=_AVERAGE_OVER, dilation_size=_DILATION
        )

    def find(self, scene: Scene, square: Window) -> NDArray[np.bool_]:
        """Find the clouds in a square of a scene.

        Args:
            scene: Level-1C, with the channels of s2cloudless.
            square: of ``CORE_PX`` pixels; it may reach beyond the scene.

        Returns:
            (CORE_PX, CORE_PX); no cloud where nothing is valid.

        Raises:
            SceneError: the scene cannot be read.
        """
        tile = square.expand(MARGIN_PX)
        inside = tile.intersection(scene.window)
        nothing = np.zeros((CORE_PX, CORE_PX), np.bool_)
        if inside is None:
            return nothing
        values, valid = scene.read(CHANNELS, inside)
        if not valid.any():
            return nothing
        beyond = (
            (inside.row - tile.row, tile.bottom - inside.bottom),
            (inside.col - tile.col, tile.right - inside.right),
        )
        image = np.pad(fill_gaps(values, valid), ((0, 0), *beyond), mode="symmetric")
        side = _side_px(ground_resolution_m(scene.geobox))
        if side > 1:
            image, _ = average_squares(image, np.ones(image.shape, np.bool_), side)
        reflectance = image.transpose(1, 2, 0)[None] / np.float32(DN_PER_REFLECTANCE)
        coarse = np.asarray(self._detector.get_cloud_masks(reflectance)[0]) != 0
        found = coarse.repeat(side, axis=0).repeat(side, axis=1)
        core = slice(MARGIN_PX, MARGIN_PX + CORE_PX)
        return np.asarray(found[core, core] & np.pad(valid, beyond)[core, core])


def _side_px(pixel_size_m: float) -> int:
    """Return the side of the squares whose mean is classified: a power of 2, which divides tile and margin."""
    side = 1
    while 2 * side * pixel_size_m <= _COARSEST_M and side < MARGIN_PX // 2:
        side *= 2
    return side
