"""The probability of a map as a raster: written block by block, finished as a Cloud Optimized GeoTIFF.

While it is made it is an uncompressed tiled GeoTIFF that is full from the start, so a block can be written again and
again in place. Its 8-bit levels carry their meaning in the scale and nodata tags (``levels.py``).
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.inventory.outlines import strips
from landslip.probability import NODATA, STEP
from landslip.scenes.raster_file import without_place

GDAL_SETTINGS: Final = {"GDAL_CACHEMAX": 128}
"""MB; GDAL's own default is a share of the machine's memory."""
_TILE_PX: Final = 512
_TITLES: Final = ("landslide probability", "standard deviation of the probability over flipped images")


@dataclass(frozen=True, slots=True)
class ProbabilityRaster:
    """The raster of a map while it is made. Several threads may read and write different windows."""

    path: Path
    grid: MapGrid
    layers: int = 1
    """2 where a second band holds how much the probability differs over several looks at the image."""

    def create(self) -> None:
        """Make the raster, nothing observed yet.

        Raises:
            OSError: there is no room for it.
        """
        with (
            self._access(),
            rasterio.open(
                self.path,
                "w",
                driver="GTiff",
                width=self.grid.width,
                height=self.grid.height,
                count=self.layers,
                dtype="uint8",
                nodata=NODATA,
                crs=self.grid.crs.to_wkt() if self.grid.crs else None,
                transform=self.grid.transform if self.grid.crs else Affine.identity(),
                tiled=True,
                blockxsize=_TILE_PX,
                blockysize=_TILE_PX,
                compress="none",
                bigtiff="if_safer",
            ) as raster,
        ):
            raster.scales = (STEP,) * self.layers
            raster.offsets = (0.0,) * self.layers
            for band, title in enumerate(_TITLES[: self.layers], start=1):
                raster.set_band_description(band, title)
                raster.set_band_unit(band, "1")
        # What fails as the file is closed is not told.
        if self.path.stat().st_size < self.layers * self.grid.height * self.grid.width:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, window: Window, levels: NDArray[np.uint8]) -> None:
        """Write levels (h, w), or (layers, h, w), at a window; they are with the system when this returns.

        Raises:
            OSError: they could not be written.
        """
        with self._access(), rasterio.open(self.path, "r+") as raster:
            raster.write(levels.reshape(self.layers, *window.shape), window=window.as_rasterio())
        if not np.array_equal(self._read_all(window), levels.reshape(self.layers, *window.shape)):
            raise OSError(errno.EIO, f"what was written to {self.path.name} reads back otherwise")

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Read levels (h, w) of the probability at a window."""
        with self._access(), rasterio.open(self.path) as raster:
            levels: NDArray[np.uint8] = raster.read(1, window=window.as_rasterio())
        return levels

    def _read_all(self, window: Window) -> NDArray[np.uint8]:
        """Read every band (layers, h, w) at a window."""
        with self._access(), rasterio.open(self.path) as raster:
            levels: NDArray[np.uint8] = raster.read(window=window.as_rasterio())
        return levels

    def finish(self, path: Path, tags: dict[str, str]) -> None:
        """Copy the raster to a Cloud Optimized GeoTIFF with overviews, and check the copy pixel by pixel.

        Raises:
            OSError: the copy is not the same: the disk is full or failing.
        """
        with self._access(), rasterio.open(self.path, "r+") as raster:
            raster.update_tags(**tags)
        with self._access():
            rasterio.shutil.copy(
                self.path,
                path,
                driver="COG",
                compress="DEFLATE",
                level=1,  # probabilities are mostly 0: a higher level saves a twentieth and takes twice as long
                predictor="NO",
                blocksize=_TILE_PX,
                overview_resampling="AVERAGE",
                bigtiff="IF_SAFER",
                num_threads="ALL_CPUS",
            )
        copy = ProbabilityRaster(path, self.grid, self.layers)
        for window in strips(self.grid.height, self.grid.width):
            if not np.array_equal(self._read_all(window), copy._read_all(window)):
                raise OSError(errno.EIO, f"{path.name} reads back otherwise than it was made")

    @contextlib.contextmanager
    def _access(self) -> Iterator[None]:
        """Failures to read or write, which rasterio tells in several ways, become those of the system."""
        with without_place(self.grid.crs):
            try:
                yield
            except (RasterioError, CPLE_BaseError) as error:
                raise OSError(errno.EIO, f"{self.path.name}: {error}") from error
