"""Where maps are valid: outlines of the observed area, so that "no landslide" differs from "not observed"."""

from collections.abc import Sequence
from typing import Final

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from pyproj import CRS
from rasterio.errors import RasterioError
from rasterio.features import shapes

from landslip.errors import ReferenceDataError
from landslip.mapping.merging.merge import to_crs
from landslip.mapping.merging.sources import MapSource
from landslip.mapping.products import PROBABILITY
from landslip.probability import NODATA

_LONGEST_PX: Final = 2048
"""Larger maps are outlined at a coarser resolution, which the column ``resolution_m`` states."""
OBSERVED_COLUMNS: Final = {
    "source": "str",
    "scene": "str",
    "image_date": "str",
    "detector": "str",
    "landslides": "int64",
    "valid_area_m2": "float64",
    "resolution_m": "float64",
}


def observed_areas(sources: Sequence[MapSource], crs: CRS) -> gpd.GeoDataFrame:
    """Outline the valid pixels of each map: one row a map, with an empty outline where no pixel is valid.

    Args:
        sources: the maps.
        crs: of the result: that of the maps, or EPSG:4326.

    Raises:
        ReferenceDataError: a probability raster cannot be read.
    """
    rows, outlines = [], []
    for source in sources:
        outline, resolution_m = _outline(source)
        outlines.append(to_crs(np.array([outline], object), source.crs, crs)[0])
        summary = source.summary
        rows.append(
            {
                "source": source.name,
                "scene": summary.scene.name,
                "image_date": source.date,
                "detector": summary.detector,
                "landslides": summary.landslides,
                "valid_area_m2": summary.valid_area_m2,
                "resolution_m": resolution_m,
            }
        )
    return gpd.GeoDataFrame(rows, geometry=outlines, crs=crs).astype(OBSERVED_COLUMNS)


def _outline(source: MapSource) -> tuple[shapely.MultiPolygon, float]:
    """Return the outline of the valid pixels of a map in its CRS, and the size of the pixels it was made with."""
    path = source.folder / PROBABILITY
    scene = source.summary.scene
    step = max(1, -(-max(scene.height, scene.width) // _LONGEST_PX))
    shape = (-(-scene.height // step), -(-scene.width // step))
    try:
        with rasterio.open(path) as raster:
            valid = raster.read(1, out_shape=shape) != NODATA
    except RasterioError as error:
        raise ReferenceDataError(f"{path} cannot be read ({error}): map the scene again", parameter="maps") from error
    cell = Affine(*scene.transform) * Affine.scale(scene.width / shape[1], scene.height / shape[0])
    found = shapes(valid.astype(np.uint8), mask=valid, transform=cell)
    parts = [shapely.make_valid(shapely.geometry.shape(geometry)) for geometry, _ in found]
    polygons = [one for part in parts for one in shapely.get_parts(part) if one.geom_type == "Polygon"]
    return shapely.MultiPolygon(polygons), sum(scene.pixel_size_m) / 2 * step
