"""Where rasters lie on the ground, as they say themselves or as the user says."""

import math
from collections.abc import Sequence

from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError

from landslip.errors import SceneError
from landslip.scenes.raster_file import RasterFile


def file_grids(files: Sequence[RasterFile], pixel_size_m: float | None) -> tuple[list[GeoBox], list[str]]:
    """The grid of each file.

    Args:
        files: the files.
        pixel_size_m: for images without a CRS: the side of a pixel. Their grid has no CRS, starts at 0, 0 and runs
            down; they must be of one size.

    Returns:
        One grid a file, and warnings.

    Raises:
        SceneError: a file has no usable place on the ground and no pixel size was given, or one was given where
            every file has a place, or the sizes differ.
    """
    if pixel_size_m is None:
        return [_georeferenced(file) for file in files], []
    if not (math.isfinite(pixel_size_m) and pixel_size_m > 0):
        raise SceneError(f"--pixel-size {pixel_size_m} is no size: give the side of a pixel in metres, as 10")
    placed = [file.path.name for file in files if file.crs]
    if len(placed) == len(files):
        raise SceneError(
            f"{placed[0]} has a CRS, so --pixel-size is of no use: leave it out, or give images without a CRS"
        )
    shapes = {file.shape for file in files}
    if len(shapes) > 1:
        sizes = ", ".join(f"{file.path.name} {file.shape[0]} x {file.shape[1]}" for file in files)
        raise SceneError(f"images without a CRS must be of one size to lie on one grid ({sizes}): resample them first")
    grid = GeoBox(files[0].shape, Affine.scale(pixel_size_m), None)
    warnings = ["the image has no CRS, so its place on the ground is unknown"]
    if placed:
        warnings.append(f"the CRS of {', '.join(placed)} was set aside, since the other files have none")
    return [grid] * len(files), warnings


def _georeferenced(file: RasterFile) -> GeoBox:
    """The grid that a file states.

    Raises:
        SceneError: it states none that can be used.
    """
    name = file.path.name
    if file.transform.is_identity and file.has_gcps_or_rpcs:
        raise SceneError(
            f"{name} is placed by ground control points or RPCs, not by a grid: warp it first, as with "
            f"gdalwarp -t_srs EPSG:32646 {name} warped.tif"
        )
    if file.crs is None:
        raise SceneError(
            f"{name} has no CRS, so its place and size on the ground are unknown: assign one with gdal_edit -a_srs, "
            f"or give --pixel-size METRES to map it in pixel coordinates"
        )
    if file.transform.is_identity:
        raise SceneError(f"{name} has a CRS and no geotransform, so its place is unknown: georeference it first")
    if not math.isfinite(file.transform.determinant) or file.transform.determinant == 0:
        raise SceneError(
            f"{name} has a geotransform that folds its pixels to no area {tuple(file.transform)[:6]}: "
            f"georeference it anew"
        )
    try:
        crs = CRS(file.crs)
    except ProjError as error:
        raise SceneError(f"the CRS of {name} is not understood: assign another with gdal_edit -a_srs") from error
    if not (crs.geographic or crs.projected):
        raise SceneError(
            f"the CRS of {name} is neither projected nor geographic, so areas cannot be told: assign another with "
            f"gdal_edit -a_srs"
        )
    return GeoBox(file.shape, file.transform, crs)
