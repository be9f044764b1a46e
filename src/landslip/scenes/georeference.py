"""Grids of raster files, from their georeference or from the pixel size given by the user."""

import math
from collections.abc import Iterator, Sequence

from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from pyproj.exceptions import ProjError

from landslip.errors import SceneError
from landslip.scenes.raster_file import RasterFile

_EARTH_RADIUS_M = (6.3e6, 6.45e6)
_MAX_LONGITUDE = 540.0
"""Grids that cross the antimeridian continue beyond 180 degrees."""
_LEAST_PIXEL_M = 0.01
_MAX_BEYOND_DEG = 10.0
"""Degrees of longitude that a scene may lie outside the area that its CRS is for."""


def file_grids(files: Sequence[RasterFile], pixel_size_m: float | None) -> tuple[list[GeoBox], list[str]]:
    """Return the grid of each file.

    Args:
        files: the files.
        pixel_size_m: side of a pixel, for images without a CRS. Their grid has no CRS, its origin is 0, 0 and y points
            down; they must have equal sizes.

    Returns:
        One grid per file, and warnings.

    Raises:
        SceneError: a file has no usable georeference and no pixel size was given, a pixel size was given but every
            file has a CRS, or the sizes differ.
    """
    if pixel_size_m is None:
        found = [_georeferenced(file) for file in files]
        return found, list(dict.fromkeys(_position_doubts(files, found)))
    if not (math.isfinite(pixel_size_m) and pixel_size_m > 0):
        raise SceneError(f"pixel_size_m must be a positive number, got {pixel_size_m}", parameter="pixel_size_m")
    with_crs = [file.path.name for file in files if file.crs]
    if len(with_crs) == len(files):
        raise SceneError(
            f"pixel_size_m is only for images without a CRS, but {with_crs[0]} has one: leave pixel_size_m out",
            parameter="pixel_size_m",
        )
    shapes = {file.shape for file in files}
    if len(shapes) > 1:
        sizes = ", ".join(f"{file.path.name} {file.shape[0]} x {file.shape[1]}" for file in files)
        raise SceneError(f"images without a CRS must have equal sizes, got {sizes}: resample them first")
    grid = GeoBox(files[0].shape, Affine.scale(pixel_size_m), None)
    warnings = ["the image has no CRS: its position on the ground is unknown"]
    if with_crs:
        warnings.append(f"the CRS of {', '.join(with_crs)} is ignored, because the other files have none")
    return [grid] * len(files), warnings


def _georeferenced(file: RasterFile) -> GeoBox:
    """Return the grid of a georeferenced file.

    Raises:
        SceneError: it has no CRS or geotransform, or an unusable one.
    """
    name = file.path.name
    if file.transform.is_identity and file.has_gcps_or_rpcs:
        raise SceneError(
            f"{name} is georeferenced by ground control points or RPCs: warp it to a grid first, for example with "
            f"gdalwarp -t_srs EPSG:32646 {name} warped.tif"
        )
    if file.crs is None:
        raise SceneError(
            f"{name} has no CRS, so its position and pixel size are unknown: assign one with gdal_edit -a_srs, or give "
            f"pixel_size_m to map it in pixel coordinates",
            parameter="pixel_size_m",
        )
    if file.transform.is_identity:
        raise SceneError(f"{name} has a CRS but no geotransform: georeference it first")
    if not _has_area(file.transform):
        raise SceneError(
            f"the geotransform of {name} gives pixels without area, {tuple(file.transform)[:6]}: georeference it again"
        )
    try:
        crs = CRS(file.crs)
    except ProjError as error:
        raise SceneError(f"the CRS of {name} cannot be read: assign another with gdal_edit -a_srs") from error
    if not (crs.geographic or crs.projected):
        raise SceneError(
            f"the CRS of {name} is neither projected nor geographic, so areas cannot be computed: assign another with "
            f"gdal_edit -a_srs"
        )
    grid = GeoBox(file.shape, file.transform, crs)
    _check_earth(name, crs)
    _check_coordinates(name, grid, crs)
    return grid


def _position_doubts(files: Sequence[RasterFile], grids: Sequence[GeoBox]) -> Iterator[str]:
    """Yield a warning for a file at the origin of a projected CRS, or far outside the area that the CRS is for."""
    for file, grid in zip(files, grids, strict=True):
        crs = grid.crs
        if crs is None or not crs.projected:
            continue
        box, name = grid.boundingbox, file.path.name
        pixel = math.sqrt(abs(grid.affine.determinant))
        if abs(box.left) < pixel and min(abs(box.top), abs(box.bottom)) < pixel:
            yield f"{name} begins at 0, 0 of its CRS {crs}: its position was probably lost, georeference it again"
            continue
        area = crs.proj.area_of_use
        lon, lat = _centre(grid, crs)
        if area is None or not (math.isfinite(lon) and math.isfinite(lat)):
            continue
        east = area.east + (360 if area.east < area.west else 0)
        middle, half = (area.west + east) / 2, (east - area.west) / 2
        # Only longitude: scenes south of the equator are also given in the zones of UTM of the north.
        beyond = abs((lon - middle + 180) % 360 - 180) - half
        if beyond > _MAX_BEYOND_DEG:
            yield (
                f"{name} lies at longitude {lon:.4g}, latitude {lat:.4g}, {beyond:.0f} degrees outside the area of its "
                f"CRS {crs}: assign the CRS of its coordinates, or reproject it"
            )


def _centre(grid: GeoBox, crs: CRS) -> tuple[float, float]:
    """Return longitude and latitude of the middle of a grid; infinite where they are not defined."""
    x, y = grid.affine * (grid.shape[1] / 2, grid.shape[0] / 2)
    to_degrees = Transformer.from_crs(crs.proj, 4326, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    return float(lon), float(lat)


def _has_area(transform: Affine) -> bool:
    """Return whether pixels have an area that can be computed with: neither folded to a line nor of no size."""
    sides = transform.a**2 + transform.b**2 + transform.d**2 + transform.e**2
    area = abs(transform.determinant)
    return all(map(math.isfinite, (*transform, area))) and area > 1e-24 and area > 1e-9 * sides


def _check_earth(name: str, crs: CRS) -> None:
    """Check that a CRS is of the Earth.

    Raises:
        SceneError: its ellipsoid is that of another planet or moon.
    """
    ellipsoid = crs.proj.ellipsoid
    if ellipsoid is not None and not _EARTH_RADIUS_M[0] <= ellipsoid.semi_major_metre <= _EARTH_RADIUS_M[1]:
        raise SceneError(
            f"the CRS of {name}, {crs.proj.name}, is not of the Earth (radius {ellipsoid.semi_major_metre / 1000:,.0f} "
            f"km): assign another with gdal_edit -a_srs"
        )


def _check_coordinates(name: str, grid: GeoBox, crs: CRS) -> None:
    """Check that coordinates are in the units of their CRS.

    Raises:
        SceneError: a geographic CRS has coordinates that are no degrees, or a projected one has degrees.
    """
    box = grid.boundingbox
    bounds = f"({box.left:.7g}, {box.bottom:.7g}, {box.right:.7g}, {box.top:.7g})"
    if crs.geographic:
        limits = (_MAX_LONGITUDE, _MAX_LONGITUDE, 90.0, 90.0)
        slack = abs(grid.affine.a) + abs(grid.affine.b) + abs(grid.affine.d) + abs(grid.affine.e)
        slack = slack if slack < 1 else 0.0
        if any(
            abs(edge) > limit + slack
            for edge, limit in zip((box.left, box.right, box.bottom, box.top), limits, strict=True)
        ):
            raise SceneError(
                f"{name} has the geographic CRS {crs} but bounds {bounds} that are no degrees: assign the projected "
                f"CRS of these coordinates with gdal_edit -a_srs"
            )
    elif _pixel_size_m(grid, crs) < _LEAST_PIXEL_M and max(map(abs, (box.left, box.right))) <= _MAX_LONGITUDE:
        raise SceneError(
            f"{name} has the projected CRS {crs} but bounds {bounds} that look like degrees, with pixels of "
            f"{_pixel_size_m(grid, crs):.2g} m: assign the CRS of these coordinates with gdal_edit -a_srs"
        )


def _pixel_size_m(grid: GeoBox, crs: CRS) -> float:
    """Return the side of a square with the area of a pixel in metres, in a projected CRS."""
    factor = crs.proj.axis_info[0].unit_conversion_factor if crs.proj.axis_info else 1.0
    return math.sqrt(abs(grid.affine.determinant)) * float(factor)
