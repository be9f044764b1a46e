"""Reading of remote files onto a grid with odc-loader: retries with growing pauses, renewed tokens, clear errors."""

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from landslip.errors import RunError, require_extra
from landslip.scenes.catalogue.presets import EXTRA
from landslip.scenes.catalogue.signing import Signer, without_query

Result = TypeVar("Result")

_OPTIONS: Final = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
}
_PERMANENT: Final = ("HTTP response code: 404", "HTTP response code: 410", "No such file", "does not exist")
_REFUSED: Final = ("HTTP response code: 401", "HTTP response code: 403", "Access Denied", "AccessDenied")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a read is tried, and how long the first pause is; each next one is twice as long."""

    attempts: int = 7
    pause_s: float = 0.5


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the header of a file tells."""

    grid: GeoBox
    dtype: str
    nodata: float | None


@contextmanager
def reading_threads(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads that read; what has not begun when an error ends the block is cancelled.

    While it is open, warnings about rasters without georeference are silenced in the whole process: rasterio's own
    rasters in memory have none, and it silences them in a way that fails when several threads do so at once.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        pool = ThreadPoolExecutor(workers)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


class RemoteReader:
    """Reads the files of a catalogue; any number of threads may use it.

    Args:
        signer: of URLs.
        options: of GDAL, in addition to those for files on a network.
        retries: how reads are repeated.
        wait: pauses for a number of seconds.
    """

    def __init__(
        self,
        signer: Signer,
        options: Mapping[str, str],
        retries: Retries | None = None,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._loader = require_extra("odc.loader", EXTRA)
        # Its messages hold URLs with tokens; the error is raised too.
        logging.getLogger("odc.loader").setLevel(logging.CRITICAL)
        self._signer = signer
        self._options = {**_OPTIONS, **options}
        self._retries = retries or Retries()
        self._wait = wait
        self._headers: dict[str, FileHeader] = {}
        self._turns: dict[str, int] = {}
        self._lock = threading.Lock()

    def header(self, href: str) -> FileHeader:
        """Read the header of a file; once for each file.

        Raises:
            RunError: the file cannot be read, or has no CRS.
        """
        with self._lock:
            known = self._headers.get(href)
        if known is not None:
            return known

        def read(url: str) -> FileHeader | None:
            with rasterio.Env(**self._options), rasterio.open(url) as opened:
                if opened.crs is None:
                    return None
                grid = GeoBox(opened.shape, opened.transform, opened.crs)
                return FileHeader(grid, opened.dtypes[0], opened.nodata)

        found = self._retried(href, read)
        if found is None:
            raise RunError(
                f"{without_query(href)} has no CRS, and its place is unknown: choose another image or catalogue"
            )
        with self._lock:
            self._headers[href] = found
        return found

    def read(
        self, href: str, grid: GeoBox, *, dtype: str, fill: float, nodata: float | None, resampling: str
    ) -> NDArray[Any]:
        """Read the first band of a file onto a grid, (H, W).

        Overviews are used where the grid is coarser. A file on the same lattice of pixels is read without resampling.

        Args:
            href: of the file.
            grid: of the result.
            dtype: of the result.
            fill: value where the file has no data.
            nodata: stored value that is nodata where the file declares none.
            resampling: name of GDAL's method.

        Raises:
            RunError: the file cannot be read.
        """
        loader = self._loader
        settings = loader.RasterLoadParams(
            dtype=dtype, fill_value=fill, src_nodata_fallback=nodata, resampling=resampling, fail_on_error=True
        )

        def read(url: str) -> NDArray[Any]:
            values = np.full(tuple(grid.shape), fill, dtype)
            driver = loader.RioDriver()
            state = driver.new_load(grid)
            with driver.restore_env(self._options, state) as context:
                part, pixels = driver.open(loader.RasterSource(url), context).read(settings, grid)
            values[part] = pixels
            return values

        return self._retried(href, read)

    def _retried(self, href: str, read: Callable[[str], Result]) -> Result:
        """Call a function with the signed URL of a file until it succeeds.

        Raises:
            RunError: it fails for good.
        """
        last: Exception | None = None
        for attempt in range(self._retries.attempts):
            if attempt:
                self._wait(self._retries.pause_s * 2 ** (attempt - 1))
            url = self._signer.sign(href, renew=attempt > 0)
            turn = self._turns.get(href, 0)
            # GDAL remembers that a URL failed; a fragment, which is not sent, makes it another one. rasterio would
            # remove it from a plain URL.
            if turn and url.startswith("http"):
                url = f"/vsicurl/{url}#{turn}"
            try:
                return read(url)
            except (RasterioError, rasterio._err.CPLE_BaseError) as error:
                last = error
                self._turns[href] = turn + 1
                if any(text in _message(error) for text in _PERMANENT):
                    break
        if any(text in _message(last) for text in _REFUSED):
            raise RunError(
                f"{without_query(href)} is refused (GDAL: {_message(last)[:160]}): check the credentials in the "
                "environment, or choose another catalogue"
            ) from last
        raise RunError(
            f"{without_query(href)} cannot be read (GDAL: {_message(last)[:160]}): repeat the call, which goes on "
            "where it stopped, or choose another catalogue; a file that is damaged at its source stays so"
        ) from last


def _message(error: Exception | None) -> str:
    """Return the messages of an error and its causes in one line, without tokens."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ if isinstance(error.__cause__, Exception) else None
    return without_query(" ".join("; ".join(dict.fromkeys(texts)).split())).rstrip(".")
