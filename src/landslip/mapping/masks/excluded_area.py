"""An area in which the user rules landslides out: quarries, dams, fields."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
import shapely.affinity
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import geometry_mask

from landslip.errors import AreaError
from landslip.grid.window import Window
from landslip.mapping.area import AreaOfInterest, area_of_interest


def read_excluded_area(text: str, layer: str | None = None) -> AreaOfInterest:
    """Read the area in which landslides are ruled out.

    Args:
        text: the path of a file of polygons, or ``west,south,east,north`` in degrees.
        layer: of a file with several layers: the one to read.

    Raises:
        AreaError: it is neither, or the file holds no polygon that can be used.
    """
    try:
        return area_of_interest(text, layer)
    except AreaError as error:
        own = {"aoi": "exclude", "layer": "exclude_layer"}
        message = str(error).replace("set layer to one", "set exclude_layer to one")
        raise AreaError(message, parameter=own.get(error.parameter or "", error.parameter)) from error


@dataclass(frozen=True, slots=True, eq=False)
class ExcludedArea:
    """An excluded area in pixel coordinates of a scene; it may lie outside the scene, and excludes nothing then."""

    text: str
    notes: tuple[str, ...]
    sha256: str
    parts: NDArray[np.object_]
    """Its polygons."""
    tree: Any
    """Spatial index of the polygons."""

    @classmethod
    def on(cls, area: AreaOfInterest, geobox: GeoBox) -> "ExcludedArea":
        """Project an area to the grid of a scene.

        Raises:
            AreaError: the scene has no CRS.
        """
        try:
            pixels = area.project(geobox)
        except AreaError as error:
            raise AreaError(str(error), parameter="exclude") from error
        parts = np.asarray(shapely.get_parts(pixels), dtype=object)
        notes = area.notes
        if not len(parts):
            notes = (*notes, f"the excluded area '{area.text}' does not overlap the scene: it excludes nothing")
        return cls(area.text, notes, hashlib.sha256(pixels.wkb).hexdigest(), parts, shapely.STRtree(parts))

    def mask(self, window: Window) -> NDArray[np.bool_]:
        """Return which pixels of a window have their centre in the area, (H, W)."""
        box = shapely.box(window.col, window.row, window.right, window.bottom)
        touching = self.parts[self.tree.query(box, predicate="intersects")]
        if not len(touching):
            return np.zeros(window.shape, np.bool_)
        shifted = [shapely.affinity.translate(part, -window.col, -window.row) for part in touching]
        inside: NDArray[np.bool_] = geometry_mask(shifted, window.shape, Affine.identity(), invert=True)
        return inside
