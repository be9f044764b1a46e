"""One raster file: its header, and its stored values with their validity by window."""

import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import rasterio.crs
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterioWindow

from landslip.errors import SceneError
from landslip.files.path_names import check_path_name
from landslip.grid.window import Window
from landslip.scenes.product_metadata import Statement
from landslip.scenes.remote import gdal_name, gdal_options, is_remote
from landslip.scenes.tiff_length import bytes_needed

_EXACT_IN_FLOAT32 = frozenset({"uint8", "int8", "uint16", "int16", "float32"})
_SAMPLE_PX = 512
_SAMPLE_WINDOWS_PER_SIDE = 8
_SAMPLE_WINDOW_PX = 32
_CHECKED_WINDOWS_PER_SIDE = 2
_LEAST_AGREEING = 0.5


class RasterFile:
    """An open raster file.

    A lock serialises reads, because a GDAL dataset must not be used by two threads at once.

    Raises:
        SceneError: the file is missing, truncated, not a raster, or holds complex numbers.
    """

    statement: Statement | None = None
    """Offset and quantification, where the product that the file belongs to was opened too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._given_nodata: dict[int, float] = {}
        self._ranges: dict[int, tuple[float, float]] = {}
        check_path_name(path, SceneError, "paths")
        self._options = gdal_options(path)
        # A file in a zip or on a server can only be opened by GDAL.
        if path.parts[:2] != ("/", "vsizip") and not is_remote(path):
            if not path.is_file():
                raise SceneError(f"no file {path}: give a raster file, several, or a folder of them")
            _check_length(path)
        try:
            with warnings.catch_warnings(), self._env():
                # georeference.py reports a missing georeference.
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                self._dataset = rasterio.open(gdal_name(path))
        except UnicodeEncodeError as error:
            raise SceneError(f"the name of {os.fsencode(path)!r} is not valid text: rename the file") from error
        except RasterioError as error:
            raise SceneError(
                f"{path} cannot be read as a raster: give a GeoTIFF, a JPEG 2000 file or another raster that GDAL "
                f"reads (GDAL: {_brief(error)})"
            ) from error
        # Within an Env, GDAL logs to Python's logging and not to stderr.
        with self._env():
            self._read_header()

    def _env(self) -> rasterio.Env:
        """Return the environment of GDAL in which the file is read."""
        return rasterio.Env(**self._options)

    def _read_header(self) -> None:
        """Read everything needed from the header.

        Raises:
            SceneError: there is no band, or the bands hold complex numbers.
        """
        path = self.path
        if self._dataset.count == 0:
            raise SceneError(f"{path} has no raster band: give one of its subdatasets as a GeoTIFF")
        self.dtypes: tuple[str, ...] = tuple(self._dataset.dtypes)
        complex_bands = [dtype for dtype in self.dtypes if dtype.startswith("complex")]
        if complex_bands:
            raise SceneError(f"{path} holds complex numbers ({complex_bands[0]}): give reflectance or brightness")
        self.parts: tuple[Path, ...] = tuple(Path(name) for name in self._dataset.files)
        """The file and those it refers to: an external mask, a world file, the sources of a VRT."""
        self.count: int = self._dataset.count
        self.shape: tuple[int, int] = self._dataset.shape
        self.block_shape: tuple[int, int] = self._dataset.block_shapes[0]
        self.pixel_bytes: int = sum(np.dtype(dtype).itemsize for dtype in self.dtypes)
        self.transform = self._dataset.transform
        self.crs: str | None = _crs_text(self._dataset.crs) if self._dataset.crs else None
        self.has_gcps_or_rpcs = bool(self._dataset.gcps[0]) or self._dataset.rpcs is not None
        self.descriptions: tuple[str | None, ...] = self._dataset.descriptions
        self.scales: tuple[float, ...] = self._dataset.scales
        self.offsets: tuple[float, ...] = self._dataset.offsets
        self.units: tuple[str | None, ...] = self._dataset.units
        """Unit of each band after scale and offset; GDAL takes that of the vertical CRS where the band states none."""
        self.colours: tuple[ColorInterp, ...] = tuple(self._dataset.colorinterp)
        self.nodata: tuple[float | None, ...] = self._dataset.nodatavals
        flags = self._dataset.mask_flag_enums
        self._masked = tuple(MaskFlags.per_dataset in one and MaskFlags.alpha not in one for one in flags)
        self.alphas = frozenset(
            band for band, colour in enumerate(self.colours, start=1) if colour == ColorInterp.alpha
        )
        """Bands that hold the validity of the others."""

    def use_as_channels(self, bands: Iterable[int]) -> None:
        """Declare which bands hold channels, before any is read.

        An alpha band among them is not a mask: GDAL marks the fourth band of an 8-bit file as alpha, even if it is near
        infrared.
        """
        self.alphas -= frozenset(bands)

    def tags(self, band: int = 0, namespace: str | None = None) -> dict[str, str]:
        """Return the tags of the file, or of a band."""
        with self._lock, self._env():
            found: dict[str, str] = self._dataset.tags(band, ns=namespace)
        # GDAL splits "eo:bands=..." at the colon.
        split = {f"eo:{text.partition('=')[0]}": text.partition("=")[2] for key, text in found.items() if key == "eo"}
        return found | split

    def declares_nodata(self, band: int) -> bool:
        """Return whether the file declares nodata for a band: by a nodata value, a mask or an alpha band."""
        return (
            self.nodata[band - 1] is not None
            or self._masked[band - 1]
            or bool(self.alphas)
            or band in self._given_nodata
        )

    def nodata_values(self, band: int) -> tuple[float, ...]:
        """Return the stored values of a band that are nodata: as the file declares, and as given."""
        return tuple(
            value
            for value in (self.nodata[band - 1], self._given_nodata.get(band))
            if value is not None and np.isfinite(value)
        )

    def set_nodata(self, band: int, value: float) -> None:
        """Declare a stored value of a band as nodata, in addition to what the file declares."""
        self._given_nodata[band] = value

    def set_range(self, band: int, lowest: float, highest: float) -> None:
        """Declare stored values of a band outside a range as nodata."""
        self._ranges[band] = (lowest, highest)

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as stored values (n, h, w), all finite, and their validity (n, h, w).

        Args:
            bands: to read.
            window: of the file.
            out: contiguous array (n, h, w) that is filled and returned where the stored type allows.

        Raises:
            SceneError: the pixels cannot be read.
        """
        return self._read(list(bands), window.to_rasterio(), window.shape, out)

    def read_resampled(
        self, bands: Sequence[int], window: RasterioWindow, shape: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a window resampled to a shape (h, w) by nearest neighbour: stored values (n, h, w), and their validity.

        Raises:
            SceneError: the pixels cannot be read.
        """
        return self._read(list(bands), window, shape)

    def sample(self, bands: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a sample of the file: stored values (n, k) and their validity (n, k).

        Fast for large files too: from overviews, if they agree with the pixels, or else from small windows spread
        evenly.

        Raises:
            SceneError: the pixels cannot be read.
        """
        height, width = self.shape
        bands = list(bands)
        with self._lock, self._env():
            overviews = self._dataset.overviews(bands[0])
        if overviews or max(self.shape) <= 4 * _SAMPLE_PX:
            step = max(1, -(-max(self.shape) // _SAMPLE_PX))
            parts = [self._read(bands, RasterioWindow(0, 0, width, height), (-(-height // step), -(-width // step)))]
            if overviews and step > 1 and not _agree(parts[0], self._windows(bands, _CHECKED_WINDOWS_PER_SIDE)):
                parts = self._windows(bands, _SAMPLE_WINDOWS_PER_SIDE)
        else:
            parts = self._windows(bands, _SAMPLE_WINDOWS_PER_SIDE)
        values = np.concatenate([part.reshape(len(bands), -1) for part, _ in parts], axis=1)
        valid = np.concatenate([part.reshape(len(bands), -1) for _, part in parts], axis=1)
        return values, valid

    def _windows(self, bands: Sequence[int], per_side: int) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
        """Read small windows spread evenly, from the pixels and not from overviews."""
        height, width = self.shape
        rows, cols = (
            np.linspace(0, length - min(length, _SAMPLE_WINDOW_PX), per_side).astype(int) for length in self.shape
        )
        px = (min(height, _SAMPLE_WINDOW_PX), min(width, _SAMPLE_WINDOW_PX))
        return [self.read(bands, Window(int(row), int(col), *px)) for row in rows for col in cols]

    def _read(
        self, bands: list[int], window: RasterioWindow, shape: tuple[int, int], out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a window, resampled to a shape."""
        # Nodata is compared in the stored type: float32 would round wide integers.
        dtypes = {self.dtypes[band - 1] for band in bands}
        dtype = "float32" if dtypes <= _EXACT_IN_FLOAT32 else np.result_type(*dtypes).name
        with self._lock, self._env(), self._reading(window):
            if out is not None and dtype == "float32":
                stored = self._dataset.read(bands, window=window, out=out)
            else:
                stored = self._dataset.read(bands, window=window, out_shape=(len(bands), *shape), out_dtype=dtype)
            masks = [
                self._dataset.read_masks(band, window=window, out_shape=shape) if self._masked[band - 1] else None
                for band in bands
            ]
            alphas = [self._dataset.read(alpha, window=window, out_shape=shape) for alpha in sorted(self.alphas)]
        with np.errstate(over="ignore", invalid="ignore"):
            values: NDArray[np.float32] = stored.astype(np.float32, copy=False)
        # Integers are finite, and need not be searched for what is not.
        finite = all(np.issubdtype(name, np.integer) for name in dtypes)
        valid: NDArray[np.bool_] = np.ones(values.shape, np.bool_) if finite else np.isfinite(values)
        for position, band in enumerate(bands):
            nodata = self.nodata[band - 1]
            if nodata is not None and np.isfinite(nodata):
                valid[position] &= stored[position] != _as_stored(nodata, stored.dtype)
            if band in self._given_nodata:
                # A given value is compared as messages print it, in float32.
                with np.errstate(over="ignore"):
                    valid[position] &= values[position] != np.float32(self._given_nodata[band])
            if band in self._ranges:
                lowest, highest = self._ranges[band]
                with np.errstate(invalid="ignore"):
                    valid[position] &= (stored[position] >= lowest) & (stored[position] <= highest)
            mask = masks[position]
            if mask is not None:
                valid[position] &= mask != 0
            for alpha in alphas:
                valid[position] &= alpha != 0
        if not finite:
            values[~np.isfinite(values)] = 0
        return values, valid

    @contextmanager
    def _reading(self, window: RasterioWindow) -> Iterator[None]:
        """Convert GDAL's errors to one that names file and window.

        Raises:
            SceneError: GDAL could not read.
        """
        try:
            yield
        except RasterioError as error:
            row, col = int(window.row_off), int(window.col_off)
            raise SceneError(
                f"{self.path} cannot be read in rows {row} to {row + int(window.height) - 1}, columns {col} to "
                f"{col + int(window.width) - 1}: the file is damaged, copy or download it again "
                f"(GDAL: {_brief(error)})"
            ) from error


def _agree(
    overview: tuple[NDArray[np.float32], NDArray[np.bool_]],
    windows: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]],
) -> bool:
    """Return whether an overview has the values of the pixels: one that is older than they are has others."""
    seen = overview[0][overview[1]]
    pixels = np.concatenate([values[valid] for values, valid in windows])
    if not seen.size or not pixels.size:
        return seen.size == pixels.size
    low, high = np.percentile(seen, [0, 100])
    margin = 0.1 * (high - low)
    return bool(np.mean((pixels >= low - margin) & (pixels <= high + margin)) >= _LEAST_AGREEING)


def _check_length(path: Path) -> None:
    """Compare the length of a TIFF with the offsets in its directories.

    Raises:
        SceneError: the file is truncated, or cannot be opened.
    """
    try:
        needed, length = bytes_needed(path), path.stat().st_size
    except OSError as error:
        raise SceneError(f"{path} cannot be opened: {error.strerror or error}; check its permissions") from error
    if needed is not None and needed > length:
        raise SceneError(
            f"{path} is truncated: it has {length:,} bytes and its directory points to {needed:,} or beyond; copy or "
            f"download it again"
        )


def _as_stored(nodata: float, dtype: np.dtype[np.generic]) -> np.generic | float:
    """Convert nodata to the stored type, so that it compares equal; unchanged where the type cannot hold it."""
    if np.issubdtype(dtype, np.floating):
        with np.errstate(over="ignore"):
            return dtype.type(nodata)
    return nodata


def _crs_text(crs: rasterio.crs.CRS) -> str:
    """Return the EPSG code of a CRS if it is equal to it, else WKT 2."""
    code = crs.to_epsg(confidence_threshold=100)
    text: str = f"EPSG:{code}" if code else crs.to_wkt(version="WKT2_2019")
    return text


def _brief(error: RasterioError) -> str:
    """Return GDAL's message in one line."""
    cause = error.__cause__ or error
    return " ".join(str(cause).split())[:200].rstrip(".")
