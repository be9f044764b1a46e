"""The grid of a scene from its area: one UTM zone, pixels of 10 m, across zones and the antimeridian too."""

from typing import Final

import numpy as np
import shapely
import shapely.affinity
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox
from pyproj import Transformer
from rasterio.features import geometry_mask
from shapely.geometry.base import BaseGeometry

from landslip.errors import AreaError

PIXEL_SIZE_M: Final = 10.0
_MAX_FROM_MERIDIAN_M: Final = 600_000.0
"""The scale of UTM is 0.4 % too large there; tiles of Sentinel-2 reach 370 km."""
_SEGMENT_DEG: Final = 0.02


def join_antimeridian(lonlat: BaseGeometry) -> BaseGeometry:
    """Move the western part of a geometry across the antimeridian by 360 degrees, so that it is in one piece.

    Args:
        lonlat: in degrees; one that spans more than 180 degrees is taken to cross the antimeridian.

    Example:
        >>> both = shapely.union(shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1))
        >>> join_antimeridian(both).bounds
        (179.0, 0.0, 181.0, 1.0)
    """
    west, _, east, _ = lonlat.bounds
    if not east - west > 180:
        return lonlat

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.where(points[:, 0] < 0, points[:, 0] + 360, points[:, 0]), points[:, 1]])

    return shapely.union_all([shapely.transform(lonlat, move)])


def area_in_degrees(geometry: BaseGeometry, crs: object) -> BaseGeometry:
    """Return an area in degrees of longitude and latitude, cut at the antimeridian where it crosses it (RFC 7946).

    Args:
        geometry: polygons.
        crs: of the polygons.

    Example:
        >>> area_in_degrees(shapely.box(179, 0, 181, 1), "EPSG:4326").bounds
        (-180.0, 0.0, 180.0, 1.0)
    """
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    joined = join_antimeridian(
        shapely.transform(geometry, lambda points: np.column_stack(to_degrees.transform(points[:, 0], points[:, 1])))
    )
    west, south, east, north = joined.bounds
    if east <= 180 and west >= -180:
        return joined
    inside = shapely.intersection(joined, shapely.box(-180, south - 1, 180, north + 1))
    beyond = [
        shapely.affinity.translate(
            shapely.intersection(joined, shapely.box(middle - 180, south - 1, middle + 180, north + 1)), -middle
        )
        for middle in (-360, 360)
    ]
    return shapely.union_all([inside, *beyond])


def utm_epsg(lon: float, lat: float) -> int:
    """Return the EPSG code of the UTM zone of a place, with the wider zones of Norway and Svalbard.

    Args:
        lon: longitude in degrees, any multiple of 360 added.
        lat: latitude in degrees.

    Example:
        >>> utm_epsg(76.1, 11.5), utm_epsg(181, -17), utm_epsg(5, 60)
        (32643, 32701, 32632)
    """
    lon = (lon + 180) % 360 - 180
    zone = int((lon + 180) // 6) + 1
    if 56 <= lat < 64 and 3 <= lon < 12:
        zone = 32
    elif 72 <= lat < 84 and 0 <= lon < 42:
        zone = 31 if lon < 9 else 33 if lon < 21 else 35 if lon < 33 else 37
    return (32600 if lat >= 0 else 32700) + zone


def grid_of_area(area: BaseGeometry, pixel_size_m: float = PIXEL_SIZE_M) -> GeoBox:
    """Return the grid around an area in its UTM zone; its edges are multiples of the size of a pixel.

    Args:
        area: polygons in degrees of longitude and latitude (WGS 84).
        pixel_size_m: side of a pixel.

    Raises:
        AreaError: the area is empty, lies outside the latitudes of UTM, or is too wide for one zone.

    Example:
        >>> grid_of_area(shapely.box(76.10, 11.45, 76.12, 11.46)).shape
        Shape2d(x=220, y=112)
    """
    _, south, _, north = area.bounds
    if area.is_empty or not area.area > 0:
        raise AreaError("the area has no extent: give a polygon or a bounding box", parameter="aoi")
    if south < -80 or north > 84:
        raise AreaError(
            f"the area spans latitudes {south:.2f} to {north:.2f}, outside those of UTM (-80 to 84): give another area",
            parameter="aoi",
        )
    joined = join_antimeridian(area)
    centre = joined.centroid
    epsg = utm_epsg(centre.x, centre.y)
    projected = project_area(joined, epsg)
    left, bottom, right, top = projected.bounds
    if not (left > 500_000 - _MAX_FROM_MERIDIAN_M and right < 500_000 + _MAX_FROM_MERIDIAN_M):
        raise AreaError(
            f"the area is {(right - left) / 1000:,.0f} km wide, too wide for UTM zone {epsg % 100}: split it into "
            "areas of at most 600 km",
            parameter="aoi",
        )
    return GeoBox.from_bbox(BoundingBox(left, bottom, right, top, f"EPSG:{epsg}"), resolution=pixel_size_m)


def project_area(joined: BaseGeometry, crs: object) -> BaseGeometry:
    """Project an area in degrees, in one piece (``join_antimeridian``), to a CRS."""
    to_crs = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    dense = shapely.segmentize(joined, _SEGMENT_DEG)
    return shapely.transform(dense, lambda points: np.column_stack(to_crs.transform(points[:, 0], points[:, 1])))


def crs_text(grid: GeoBox) -> str:
    """Return the CRS of a grid as WKT.

    Raises:
        ValueError: it has none.
    """
    if grid.crs is None:
        raise ValueError("the grid has no CRS")
    return str(grid.crs.to_wkt())


def mask_area(area: BaseGeometry, grid: GeoBox) -> NDArray[np.bool_]:
    """Return which pixels of a grid the area in degrees touches, (H, W)."""
    projected = project_area(join_antimeridian(area), crs_text(grid))
    inside: NDArray[np.bool_] = geometry_mask(
        [projected], tuple(grid.shape), grid.affine, all_touched=True, invert=True
    )
    return inside
