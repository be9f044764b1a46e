"""Loading of images onto one grid, window by window in parallel; finished windows and channels are not read again.

A pixel is taken from the first image that shows the ground there, in the order of choice; where none does, from the
first that has values, for example of a cloud. So all channels of a pixel are from one image.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.channels import CHANNELS
from landslip.files.atomic import atomic_path
from landslip.files.progress import Progress
from landslip.grid.alignment import grids_overlap, ground_resolution_m
from landslip.grid.window import Window
from landslip.scenes.catalogue.cog import write_cog
from landslip.scenes.catalogue.items import Image
from landslip.scenes.catalogue.ranking import HIDDEN, NOT_OBSERVED, read_classes
from landslip.scenes.catalogue.reading import RemoteReader, reading_threads

WINDOW_PX: Final = 1024
NODATA_DN: Final = -32_768
"""Below any DN: the offset makes them at least -1,000."""
NODATA_M: Final = -32_767.0
_SATURATED: Final = 65_535
_ELEVATION_M: Final = (-1000.0, 9000.0)


@dataclass(frozen=True, slots=True)
class Load:
    """What to load, and onto which grid."""

    grid: GeoBox
    images: tuple[Image, ...]
    """In the order of choice."""
    channels: tuple[str, ...]
    """Reflectance channels."""
    elevation: tuple[str, ...]
    """Files of elevation; none where empty."""
    window_px: int = WINDOW_PX

    @property
    def windows(self) -> tuple[Window, ...]:
        """Windows that cover the grid."""
        height, width = map(int, self.grid.shape)
        side = self.window_px
        return tuple(
            Window(row, col, min(side, height - row), min(side, width - col))
            for row in range(0, height, side)
            for col in range(0, width, side)
        )


class Loader:
    """Loads the files of a scene into a folder.

    Args:
        load: what to load.
        reader: of the files of the images.
        elevation_reader: of the files of elevation.
        folder: for the rasters.
        work: folder for windows that are finished.
        workers: number of threads.
        progress: told of progress.
    """

    def __init__(
        self,
        load: Load,
        reader: RemoteReader,
        elevation_reader: RemoteReader,
        folder: Path,
        work: Path,
        workers: int,
        progress: Progress,
    ) -> None:
        self._load = load
        self._reader = reader
        self._elevation_reader = elevation_reader
        self._folder = folder
        self._work = work
        self._workers = workers
        self._progress = progress
        steps = 1 + len(load.channels) + bool(load.elevation)
        self._total = steps * len(load.windows)
        self._done = 0

    def run(self) -> tuple[float, ...]:
        """Load everything; return the fraction of the pixels that is from each image.

        Raises:
            RunError: a file cannot be read; what was loaded stays in the work folder.
            OutputError: a file cannot be written.
        """
        counts = np.zeros(len(self._load.images) + 1, np.int64)
        # What each pixel is from is needed for every channel.
        for choice in self._each_window("choice", self._choose):
            counts += np.bincount(choice[0].ravel(), minlength=counts.size)
        self._write_choice()
        for channel in self._load.channels:
            self._channel(channel, functools.partial(self._band, channel), "int32", NODATA_DN)
        if self._load.elevation:
            self._channel("elevation", self._elevation, "float32", NODATA_M)
        self._write_validity()
        return tuple(float(count) / float(counts.sum()) for count in counts[1:])

    def _channel(self, channel: str, read: Callable[[Window], NDArray[Any]], dtype: str, nodata: float) -> None:
        path = self._folder / f"{channel}.tif"
        if path.exists():
            self._report(len(self._load.windows))
            return
        for _ in self._each_window(channel, read):
            pass
        unit = CHANNELS[channel].unit
        self._write(path, self._stored(channel), dtype, nodata, channel, {"units": unit}, averaged=True)
        for window in self._load.windows:
            self._path(channel, window).unlink()

    def _choose(self, window: Window) -> NDArray[np.uint8]:
        """Return for each pixel of a window the image it is from, counted from 1, and its class (2, h, w)."""
        grid = self._part(window)
        source = np.zeros(window.shape, np.uint8)
        classes = np.zeros(window.shape, np.uint8)
        clear = np.zeros(window.shape, np.bool_)
        for number, image in enumerate(self._load.images, start=1):
            if clear.all():
                break
            if not grids_overlap(self._reader.header(_guide(image)).grid, grid):
                continue
            if image.classification is not None:
                own = read_classes(image, grid, self._reader)
                observed = ~np.isin(own, NOT_OBSERVED)
                shows = observed & ~np.isin(own, HIDDEN)
            else:
                own = np.zeros(window.shape, np.uint8)
                observed = self._stored_values(image, image.guide, grid) > 0
                shows = observed
            taken = (shows & ~clear) | (observed & (source == 0))
            source[taken], classes[taken] = number, own[taken]
            clear |= shows
        return np.stack([source, classes])

    def _band(self, channel: str, window: Window) -> NDArray[np.int32]:
        """Return DN (h, w) of a channel."""
        grid = self._part(window)
        source = self._finished("choice", window)[0]
        values = np.full(window.shape, NODATA_DN, np.int32)
        for number, image in enumerate(self._load.images, start=1):
            here = source == number
            if not here.any():
                continue
            file = image.bands[channel]
            stored = self._stored_values(image, channel, grid)
            here &= (stored > 0) & (stored < _SATURATED)
            values[here] = np.rint(stored[here] * file.gain + (file.offset_dn or 0.0)).astype(np.int32)
        return values

    def _stored_values(self, image: Image, channel: str, grid: GeoBox) -> NDArray[np.float32]:
        """Return stored values on a grid, 0 where there are none; coarser bands by bilinear interpolation."""
        stored: NDArray[np.float32] = self._reader.read(
            image.bands[channel].href, grid, dtype="float32", fill=0, nodata=0, resampling="bilinear"
        )
        return stored

    def _elevation(self, window: Window) -> NDArray[np.float32]:
        """Return metres (h, w); bilinear interpolation, or the mean of finer elevation."""
        grid = self._part(window)
        values = np.full(window.shape, np.nan, np.float32)
        for href in self._load.elevation:
            header = self._elevation_reader.header(href)
            if not grids_overlap(header.grid, grid):
                continue
            how = "average" if ground_resolution_m(header.grid) < 0.75 * ground_resolution_m(grid) else "bilinear"
            read = self._elevation_reader.read(href, grid, dtype="float32", fill=np.nan, nodata=None, resampling=how)
            read[(read < _ELEVATION_M[0]) | (read > _ELEVATION_M[1])] = np.nan
            values = np.where(np.isnan(values), read, values)
        return np.where(np.isnan(values), np.float32(NODATA_M), values)

    def _write_choice(self) -> None:
        """Write ``source.tif``, and ``SCL.tif`` where there is a classification."""
        plain: dict[str, str] = {}
        self._write(
            self._folder / "source.tif",
            lambda window: self._finished("choice", window)[0],
            "uint8",
            0,
            "number of the image in scene.json",
            plain,
            averaged=False,
        )
        if any(image.classification for image in self._load.images):
            self._write(
                self._folder / "SCL.tif",
                lambda window: self._finished("choice", window)[1],
                "uint8",
                0,
                "scene classification",
                plain,
                averaged=False,
            )

    def _write_validity(self) -> None:
        """Write ``valid.tif``: 255 where every reflectance channel has a value, else 0."""
        path = self._folder / "valid.tif"
        with contextlib.ExitStack() as stack:
            files = [
                stack.enter_context(rasterio.open(self._folder / f"{channel}.tif")) for channel in self._load.channels
            ]

            def valid(window: Window) -> NDArray[np.uint8]:
                read = (file.read(1, window=window.to_rasterio()) != NODATA_DN for file in files)
                return np.where(np.logical_and.reduce(list(read)), 255, 0).astype(np.uint8)

            self._write(path, valid, "uint8", None, "validity mask: 255 valid, 0 nodata", {}, averaged=False)

    def _write(
        self,
        path: Path,
        read: Callable[[Window], NDArray[Any]],
        dtype: str,
        nodata: float | None,
        description: str,
        tags: dict[str, str],
        *,
        averaged: bool,
    ) -> None:
        if not path.exists():
            write_cog(
                path,
                self._load.grid,
                self._load.windows,
                read,
                dtype=dtype,
                nodata=nodata,
                description=description,
                tags=tags,
                averaged=averaged,
                work=self._work,
            )

    def _each_window(self, name: str, read: Callable[[Window], NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield the values of every window, in order; windows that are finished are not read again."""

        def one(window: Window) -> NDArray[Any]:
            path = self._path(name, window)
            if path.exists():
                return self._finished(name, window)
            values = read(window)
            with atomic_path(path) as unfinished, unfinished.open("wb") as opened:
                np.save(opened, values, allow_pickle=False)
            return values

        windows = self._load.windows
        with reading_threads(self._workers) as pool:
            # Only as many at once as there are threads, so that memory does not grow.
            for start in range(0, len(windows), self._workers):
                for values in pool.map(one, windows[start : start + self._workers]):
                    self._report(1)
                    yield values

    def _stored(self, name: str) -> Callable[[Window], NDArray[Any]]:
        return lambda window: self._finished(name, window)

    def _finished(self, name: str, window: Window) -> NDArray[Any]:
        values: NDArray[Any] = np.load(self._path(name, window), allow_pickle=False)
        return values

    def _path(self, name: str, window: Window) -> Path:
        return self._work / f"{name}-{window.row}-{window.col}.npy"

    def _part(self, window: Window) -> GeoBox:
        return self._load.grid[window.slices]

    def _report(self, windows: int) -> None:
        self._done += windows
        self._progress("loading", self._done, self._total)


def _guide(image: Image) -> str:
    """Return the file that tells where an image lies."""
    return image.classification or image.bands[image.guide].href
