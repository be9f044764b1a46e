"""What differs between two inventories of one place: landslides that meet one of the other, and those that do not."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from landslip.grid.alignment import same_grid
from landslip.grid.map_grid import MapGrid
from landslip.mapping.inventory.files import read_geopackage
from landslip.page.jobs.tasks import DifferenceTask
from landslip.page.uploads.rasters import open_source


def differ(task: DifferenceTask) -> dict[str, Any]:
    """Compare two inventories.

    Returns:
        ``one_grid``; and where it is so, by side, how many landslides meet one of the other, how many stand alone, and
        the area in square metres that only that side has.
    """
    left_scene, right_scene = open_source(task.left), open_source(task.right)
    if left_scene.geobox.crs != right_scene.geobox.crs or not same_grid(left_scene.geobox, right_scene.geobox):
        return {"one_grid": False}
    grid = MapGrid.of(left_scene.geobox, left_scene.window)
    left, right = _geometries(task.left_outlines), _geometries(task.right_outlines)
    answer: dict[str, Any] = {"one_grid": True}
    for name, own, other in (("left", left, right), ("right", right, left)):
        tree = shapely.STRtree(other)
        met = np.unique(tree.query(own, predicate="intersects")[0])
        # Touching along an edge is no meeting: the areas must overlap.
        meets = np.zeros(len(own), np.bool_)
        whole = shapely.union_all(other)
        meets[met] = shapely.area(shapely.intersection(own[met], whole)) > 0
        only = shapely.difference(own, whole)
        answer |= {
            f"{name}_met": int(meets.sum()),
            f"{name}_alone": int((~meets).sum()),
            f"{name}_only_m2": _area_m2(only, grid),
        }
    return answer


def _geometries(path: Path) -> NDArray[np.object_]:
    tables = list(read_geopackage(path))
    if not tables:
        return np.zeros(0, dtype=object)
    return np.asarray(gpd.GeoDataFrame(pd.concat(tables)).geometry.values, dtype=object)


def _area_m2(geometries: NDArray[np.object_], grid: MapGrid) -> float:
    """Area of geometries in the grid's CRS, measured as landslides are."""
    polygons = [part for part in shapely.get_parts(geometries) if part.geom_type == "Polygon"]
    if not polygons:
        return 0.0
    back = ~grid.transform

    def to_pixels(points: NDArray[np.float64]) -> NDArray[np.float64]:
        if grid.crs is None:
            return points
        x, y = points.T
        return np.column_stack([back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f])

    areas_m2, _ = grid.areas_and_perimeters_m(shapely.transform(np.array(polygons, dtype=object), to_pixels))
    return float(areas_m2.sum())
