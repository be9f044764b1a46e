"""The scene classification (SCL) of Level-2A products, on the grid of a scene.

Source of the classes: ESA, Sentinel-2 Level-2A Algorithm Theoretical Basis Document, scene classification.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.grid.alignment import locate_pixels
from landslip.grid.window import Window
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.scene import Scene

CLOUD_CLASSES: Final = (8, 9, 10)
"""Cloud of medium and of high probability, and thin cirrus."""
SHADOW_CLASSES: Final = (3,)
SNOW_CLASSES: Final = (11,)


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """The scene classification, read on the grid of a scene by nearest neighbour; the same in any window."""

    file: RasterFile
    file_grid: GeoBox
    scene_grid: GeoBox

    @classmethod
    def of(cls, scene: Scene) -> "Classification | None":
        """Return the classification of a scene; None if it has none."""
        file, grid = scene.classification, scene.geobox
        if file is None:
            return None
        if file.crs is None or grid.crs is None:
            # Without a CRS it covers the same ground as the scene, in pixels of another size.
            height, width = grid.shape
            scale = Affine.scale(width / file.shape[1], height / file.shape[0])
            return cls(file, GeoBox(file.shape, grid.affine * scale, grid.crs), grid)
        return cls(file, GeoBox(file.shape, file.transform, file.crs), grid)

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Read the classes (H, W) of a window; 0 where there are none.

        Raises:
            SceneError: the file cannot be read.
        """
        x, y = locate_pixels(self.file_grid, self.scene_grid, window)
        col, row = (np.broadcast_to(np.floor(axis), window.shape).astype(np.int64) for axis in (x, y))
        height, width = self.file.shape
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        classes = np.zeros(window.shape, np.uint8)
        if not inside.any():
            return classes
        top, left = int(row[inside].min()), int(col[inside].min())
        part = Window(top, left, int(row[inside].max()) - top + 1, int(col[inside].max()) - left + 1)
        stored, _ = self.file.read([1], part)
        classes[inside] = stored[0][row[inside] - top, col[inside] - left].astype(np.uint8)
        return classes
