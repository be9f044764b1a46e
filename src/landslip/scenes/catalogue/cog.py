"""Cloud Optimized GeoTIFFs from windows on disk; memory is that of one window."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from landslip.errors import OutputError
from landslip.files.atomic import atomic_path
from landslip.grid.window import Window
from landslip.scenes.catalogue.area_grid import crs_text

_BLOCK_PX: Final = 512


def write_cog(
    path: Path,
    grid: GeoBox,
    windows: Iterable[Window],
    read: Callable[[Window], NDArray[Any]],
    *,
    dtype: str,
    nodata: float | None,
    description: str,
    tags: Mapping[str, str],
    averaged: bool,
    work: Path,
) -> None:
    """Write a raster of one band, atomically.

    Args:
        path: of the file.
        grid: of the file.
        windows: that cover the grid.
        read: returns the values (h, w) of a window.
        dtype: of the values.
        nodata: value that is nodata; none where None.
        description: of the band.
        tags: of the file.
        averaged: whether overviews hold means; else the nearest value, as for classes.
        work: folder for a temporary file.

    Raises:
        OutputError: the file cannot be written.
    """
    height, width = map(int, grid.shape)
    profile = {
        "driver": "GTiff",
        "height": height,
        "width": width,
        "count": 1,
        "dtype": dtype,
        "nodata": nodata,
        "crs": crs_text(grid),
        "transform": grid.affine,
        "tiled": True,
        "blockxsize": _BLOCK_PX,
        "blockysize": _BLOCK_PX,
        "BIGTIFF": "IF_SAFER",
    }
    plain = work / f"{path.stem}.tif"
    try:
        with atomic_path(path) as unfinished, rasterio.Env():
            with rasterio.open(plain, "w", **profile) as opened:
                for window in windows:
                    opened.write(read(window).astype(dtype, copy=False), 1, window=window.to_rasterio())
                opened.set_band_description(1, description)
                opened.update_tags(**tags)
            rasterio.shutil.copy(
                plain,
                unfinished,
                driver="COG",
                COMPRESS="DEFLATE",
                PREDICTOR="FLOATING_POINT" if np.dtype(dtype).kind == "f" else "STANDARD",
                BLOCKSIZE=_BLOCK_PX,
                OVERVIEW_RESAMPLING="AVERAGE" if averaged else "NEAREST",
                BIGTIFF="IF_SAFER",
            )
    except RasterioError as error:
        raise OutputError(
            f"{path} cannot be written ({error}): free some disk space, or give another folder", parameter="out"
        ) from error
    finally:
        plain.unlink(missing_ok=True)
