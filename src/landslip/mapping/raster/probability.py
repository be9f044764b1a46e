"""The probability raster of a map: written block by block, finished as a Cloud Optimized GeoTIFF.

During a run it is an uncompressed tiled GeoTIFF of full size, so that a block can be rewritten in place. Its scale and
nodata tags describe the 8-bit encoding (``landslip.probability``).
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from landslip.files.georeference_warnings import ignore_missing_crs
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.raster.block_order import strips
from landslip.probability import NODATA, STEP

_TILE_PX: Final = 512
_TITLES: Final = ("landslide probability", "standard deviation of the probability (test-time augmentation)")


@dataclass(frozen=True, slots=True)
class ProbabilityRaster:
    """The probability raster. Several threads may read and write different windows."""

    path: Path
    grid: MapGrid
    bands: int = 1
    """2 where the second band holds the standard deviation of the probability."""

    def create(self) -> None:
        """Create the raster, all nodata.

        Raises:
            OSError: the disk is full.
        """
        with (
            self._access(),
            rasterio.open(
                self.path,
                "w",
                driver="GTiff",
                width=self.grid.width,
                height=self.grid.height,
                count=self.bands,
                dtype=self._data_type,
                nodata=self._nodata,
                crs=self.grid.crs.to_wkt() if self.grid.crs else None,
                transform=self.grid.transform if self.grid.crs else Affine.identity(),
                tiled=True,
                blockxsize=_TILE_PX,
                blockysize=_TILE_PX,
                compress="none",
                bigtiff="if_safer",
            ) as raster,
        ):
            self._describe(raster)
        # rasterio does not report errors on closing a file.
        pixel_bytes = self.bands * np.dtype(self._data_type).itemsize
        if self.path.stat().st_size < pixel_bytes * self.grid.height * self.grid.width:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _describe(self, raster: Any) -> None:
        """Describe the values of the bands in the file."""
        raster.scales = (STEP,) * self.bands
        raster.offsets = (0.0,) * self.bands
        for band, title in enumerate(_TITLES[: self.bands], start=1):
            raster.set_band_description(band, title)
            raster.set_band_unit(band, "1")

    @property
    def _data_type(self) -> str:
        """Type of the values in the file."""
        return "uint8"

    @property
    def _nodata(self) -> int:
        """The value of pixels without data."""
        return NODATA

    @property
    def _overviews(self) -> str:
        """How overviews are resampled."""
        return "AVERAGE"

    def write(self, window: Window, encoded: NDArray[np.uint8] | NDArray[np.int16]) -> None:
        """Write encoded probability (H, W), or (bands, H, W), at a window, and read it back.

        Raises:
            OSError: it could not be written.
        """
        with self._access(), rasterio.open(self.path, "r+") as raster:
            raster.write(encoded.reshape(self.bands, *window.shape), window=window.to_rasterio())
        if not np.array_equal(self._read_all(window), encoded.reshape(self.bands, *window.shape)):
            raise OSError(errno.EIO, f"{self.path.name} was not written correctly")

    def read(self, window: Window) -> NDArray[np.uint8]:
        """Read the encoded probability (H, W) at a window."""
        with self._access(), rasterio.open(self.path) as raster:
            encoded: NDArray[np.uint8] = raster.read(1, window=window.to_rasterio())
        return encoded

    def _read_all(self, window: Window) -> NDArray[np.uint8]:
        """Read every band (bands, H, W) at a window."""
        with self._access(), rasterio.open(self.path) as raster:
            encoded: NDArray[np.uint8] = raster.read(window=window.to_rasterio())
        return encoded

    def finish(self, path: Path, tags: dict[str, str]) -> None:
        """Copy the raster to a Cloud Optimized GeoTIFF with overviews, and check the copy pixel by pixel.

        Raises:
            OSError: the copy differs: the disk is full or failing.
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
                overview_resampling=self._overviews,
                bigtiff="IF_SAFER",
                num_threads="ALL_CPUS",
            )
        copy = type(self)(path, self.grid, self.bands)
        for window in strips(self.grid.height, self.grid.width):
            if not np.array_equal(self._read_all(window), copy._read_all(window)):
                raise OSError(errno.EIO, f"{path.name} was not written correctly")

    @contextlib.contextmanager
    def _access(self) -> Iterator[None]:
        """Turn rasterio's errors on reading and writing into OSError."""
        with ignore_missing_crs(self.grid.crs):
            try:
                yield
            except (RasterioError, CPLE_BaseError) as error:
                raise OSError(errno.EIO, f"{self.path.name}: {error}") from error
