"""The probability of a map as a raster: written block by block, finished as a Cloud Optimized GeoTIFF.

While it is made it is an uncompressed tiled GeoTIFF that is full from the start, so a block can be written again and
again in place. Its 8-bit levels carry their meaning in the scale and nodata tags (``levels.py``).
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landslip.errors import OutputError
from landslip.levels import NOT_OBSERVED, STEP
from landslip.mapping.grid import MapGrid
from landslip.mapping.outlines import strips
from landslip.scenes.window import Window

GDAL_SETTINGS: Final = {
    "GDAL_CACHEMAX": 128,  # MB; GDAL's own default is a share of the machine's memory
    "GDAL_NUM_THREADS": "ALL_CPUS",
    "GDAL_TIFF_INTERNAL_MASK": True,
}
_TILE_PX: Final = 512
_TITLE: Final = "landslide probability"


def create(path: Path, grid: MapGrid) -> None:
    """Make the raster, nothing observed yet."""
    with (
        _quietly(),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=grid.width,
            height=grid.height,
            count=1,
            dtype="uint8",
            nodata=NOT_OBSERVED,
            crs=grid.crs.to_wkt() if grid.crs else None,
            transform=grid.transform if grid.crs else Affine.identity(),
            tiled=True,
            blockxsize=_TILE_PX,
            blockysize=_TILE_PX,
            compress="none",
            bigtiff="if_safer",
        ) as raster,
    ):
        raster.scales = (STEP,)
        raster.offsets = (0.0,)
        raster.set_band_description(1, _TITLE)
        raster.set_band_unit(1, "1")


def write(path: Path, window: Window, levels: NDArray[np.uint8]) -> None:
    """Write levels (h, w) at a window; they are with the system when this returns."""
    with _quietly(), rasterio.open(path, "r+") as raster:
        raster.write(levels, 1, window=window.as_rasterio())


def read_strips(path: Path) -> Iterator[tuple[Window, NDArray[np.uint8]]]:
    """Read the raster from top to bottom in full-width strips."""
    with _quietly(), rasterio.open(path) as raster:
        for window in strips(raster.height, raster.width):
            yield window, raster.read(1, window=window.as_rasterio())


def finish(unfinished: Path, path: Path, tags: dict[str, str]) -> None:
    """Copy the raster to a Cloud Optimized GeoTIFF with overviews, and check the copy pixel by pixel.

    Raises:
        OutputError: the copy is not the same: the disk is full or failing.
    """
    with _quietly(), rasterio.open(unfinished, "r+") as raster:
        raster.update_tags(**tags)
    with _quietly():
        rasterio.shutil.copy(
            unfinished,
            path,
            driver="COG",
            compress="DEFLATE",
            predictor="NO",
            blocksize=_TILE_PX,
            overview_resampling="AVERAGE",
            bigtiff="IF_SAFER",
        )
    for (_, made), (_, copied) in zip(read_strips(unfinished), read_strips(path), strict=True):
        if not np.array_equal(made, copied):
            raise OutputError(f"{path.name} could not be written whole: check the disk that it is written to")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """An image without a CRS makes rasterio warn at every touch; other failures to write become ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            yield
        except RasterioError as error:
            raise OutputError(
                f"the probability raster cannot be written ({error}): give a folder with room that you may write to"
            ) from error
