"""A scene: rasters of one area on one grid, channels by name, with a validity mask."""

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.errors import ChannelError, SceneError, SceneWarning
from landslip.grid.landslide4sense_slope import SlopeRule, landslide4sense_slope
from landslip.grid.terrain_grid import slope_on_grid
from landslip.grid.window import Window
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.safe_metadata import SafeMetadata

_MAX_THREADS: Final = 4
_MAX_PARALLEL_PX: Final = 1 << 23
_LONGEST_NAME: Final = 120


class Source(Protocol):
    """Stored values on the scene's grid: of a file, a resampled file or an array."""

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as stored values (n, h, w), all finite, and their validity (n, h, w).

        Calls may come from several threads.

        Args:
            bands: to read.
            window: of the scene's grid.
            out: contiguous array (n, h, w) that may be filled and returned, which saves a copy.

        Raises:
            SceneError: the values cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Layer:
    """One channel of a scene: a band of a source, and the conversion of its stored values to DN, degrees or metres."""

    source: Source
    band: int
    origin: str
    """File and band, and how the channel was recognised: ``red.tif, band 1 (known by its file name)``."""
    gain: float = 1.0
    offset: float = 0.0
    conversion: str = ""
    """Description of the conversion; empty for values used as stored."""
    blank_zero: bool = False
    """Whether a pixel that is 0 in every such layer is nodata, as in Sentinel-2 products."""

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read values (h, w) in the channel's unit, 0 where nodata, and the validity mask (h, w)."""
        values, valid = _read_layers([self], window)
        return values[0], valid

    def describe(self) -> str:
        """Return the source and the conversion in one line."""
        return f"{self.origin}; {self.conversion}" if self.conversion else self.origin


@dataclass(frozen=True, slots=True, repr=False)
class Scene:
    """Rasters of one area on one grid, channels by name.

    Example:
        >>> import landslip
        >>> scene = landslip.open_scene("examples/wayanad/wayanad.tif")
        >>> values, valid = scene.read(["B04", "B03"], Window(0, 0, 100, 200))
        >>> values.shape, valid.shape
        ((2, 100, 200), (100, 200))
    """

    geobox: GeoBox
    """The grid. For an image without a CRS it has no CRS either, its unit is the metre, and y points down."""
    layers: Mapping[str, Layer]
    name: str
    date: datetime | None = None
    """Acquisition time, if the files state it."""
    warnings: tuple[str, ...] = ()
    """Messages about anything that makes results less reliable."""
    notes: tuple[str, ...] = ()
    """Messages about bands that were left out, and assumptions made on opening."""
    identity: str = ""
    """A sha256 that changes with the input files and the options; empty for a scene in memory."""
    product: SafeMetadata | None = None
    """Metadata of the Sentinel-2 product, if the scene was opened from one."""
    to_toa: bool | None = None
    """Whether surface reflectance was converted to approximate top-of-atmosphere reflectance. None: it was not, and a
    map converts that of a product; False: a map leaves it too."""
    classification: RasterFile | None = None
    """The scene classification (SCL) of a Level-2A product, on its own grid."""
    slope_rule: SlopeRule = "horn"
    """How slope is computed where the scene has elevation only: ``landslide4sense`` as in the patches of that set."""
    members: tuple["Scene", ...] = ()
    """Of a composite: its scenes, the one that gave the grid first. The date is the latest of theirs."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(self.layers)

    @property
    def height(self) -> int:
        """Number of rows."""
        return int(self.geobox.shape[0])

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.geobox.shape[1])

    @property
    def window(self) -> Window:
        """The window of the whole scene."""
        return Window(0, 0, self.height, self.width)

    @property
    def georeferenced(self) -> bool:
        """Whether the scene has a CRS."""
        return self.geobox.crs is not None

    def rename(self, name: str) -> "Scene":
        """Return the scene under another name, which is the title of its maps.

        Raises:
            SceneError: the name is empty, longer than 120 characters, or of several lines.

        Example:
            >>> import landslip
            >>> landslip.open_scene("examples/wayanad/wayanad.tif").rename("Mundakkai").name
            'Mundakkai'
        """
        text = name.strip()
        if not text or len(text) > _LONGEST_NAME or not text.isprintable():
            raise SceneError(
                f"name must be one line of 1 to {_LONGEST_NAME} characters, got {name[:_LONGEST_NAME]!r}",
                parameter="name",
            )
        return replace(self, name=text)

    def with_slope_rule(self, rule: SlopeRule) -> "Scene":
        """Return the scene with another rule for slope that is computed from elevation."""
        return self if rule == self.slope_rule else replace(self, slope_rule=rule)

    def read(
        self, channels: Sequence[str], window: Window | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read channels in a window.

        A pixel is valid where every channel read is. Where reflectance channels come from files that declare no nodata
        value, a pixel that is 0 in all of them is nodata.

        Args:
            channels: names, at least one.
            window: pixels of the scene's grid, inside it; the whole scene where None.

        Returns:
            Values (C, h, w) float32 in DN, degrees or metres, 0 where nodata; validity mask (h, w).

        Raises:
            ChannelError: the scene lacks a channel.
            SceneError: a file cannot be read.
            ValueError: the window reaches outside the scene, or there is no channel.
        """
        window = self.window if window is None else window
        if not channels:
            raise ValueError("channels must name at least one channel")
        if not self.window.contains(window):
            raise ValueError(f"{window} reaches outside the scene of {self.height} x {self.width} pixels")
        self.require(channels, "this read")
        return _read_layers([self._layer(name) for name in channels], window)

    def _layer(self, name: str) -> Layer:
        """Return the layer of a channel; slope is computed where the scene has elevation only."""
        if name == "slope" and name not in self.layers:
            elevation = self.layers["elevation"]
            how = "by Horn's method" if self.slope_rule == "horn" else "as in Landslide4Sense, on a grid of 12.5 m"
            origin = f"computed from elevation {how} ({elevation.origin})"
            return Layer(ElevationSlope(elevation, self.geobox, self.slope_rule), 1, origin)
        return self.layers[name]

    def origins(self, channels: Sequence[str] = ()) -> dict[str, str]:
        """Return the source and conversion of each channel of the scene, and of channels computed from them.

        Args:
            channels: that are used; ``slope`` among them is listed where it is computed from elevation.
        """
        names = [*self.layers, *(name for name in channels if name not in self.layers)]
        return {name: self._layer(name).describe() for name in names}

    def has(self, channels: Sequence[str]) -> bool:
        """Return whether all channels can be read; slope can where the scene has elevation."""
        return all(name in self.layers or (name == "slope" and "elevation" in self.layers) for name in channels)

    def require(self, channels: Sequence[str], needed_by: str, instead: str = "") -> None:
        """Check that the scene has the channels.

        Args:
            channels: names.
            needed_by: what needs them, for the error message: ``detector 'true-colour'``.
            instead: what to do, for the error message; "add the missing files" if empty.

        Raises:
            ChannelError: a channel is missing.
        """
        missing = [name for name in channels if not self.has([name])]
        if not missing:
            return
        left_out = [note for note in self.notes if note.startswith("left out") and "names no channel" not in note]
        why = "".join(f"; {note}" for note in left_out[:3])
        if "B10" in missing:
            why += "; B10 (cirrus) is in Level-1C products only, no Level-2A product has it"
        remedy = f": {instead}" if instead else ": add the missing files, or name the bands"
        raise ChannelError(
            f"{needed_by} needs {', '.join(missing)}, which scene '{self.name}' lacks (it has "
            f"{', '.join(self.channels)}{why}){remedy}",
            parameter="channels",
        )

    def describe(self) -> tuple[str, ...]:
        """Return one line for the source of each channel, and the notes."""
        return (*(f"{name}: {layer.describe()}" for name, layer in self.layers.items()), *self.notes)

    def issue_warnings(self, *, stacklevel: int = 2) -> None:
        """Issue the scene's warnings through the module ``warnings``, as ``SceneWarning``.

        Args:
            stacklevel: whose line to name: 1 for the caller, 2 for its caller.
        """
        for message in self.warnings:
            warnings.warn(message, SceneWarning, stacklevel=stacklevel + 1)

    def __repr__(self) -> str:
        names = " ".join(self.channels) if len(self.channels) <= 5 else f"{len(self.channels)} channels"
        crs = self.geobox.crs
        grid = "no CRS" if crs is None else f"EPSG:{crs.epsg}" if crs.epsg else "CRS without EPSG code"
        return f"Scene({self.name!r}, {names}, {self.height} x {self.width} px, {grid})"


@dataclass(frozen=True, slots=True, eq=False)
class ElevationSlope:
    """Slope in degrees, computed from the elevation of a scene; the same in any window."""

    elevation: Layer
    geobox: GeoBox
    rule: SlopeRule = "horn"

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read the slope (n, h, w), and where it and all its neighbours have an elevation (n, h, w)."""
        slope = self._horn(window) if self.rule == "horn" else landslide4sense_slope(self._ground, self.geobox, window)
        known = np.isfinite(slope)
        shape = (len(bands), *window.shape)
        return np.broadcast_to(np.where(known, slope, 0), shape).astype(np.float32), np.broadcast_to(known, shape)

    def _horn(self, window: Window) -> NDArray[np.float32]:
        """Return the slope on the grid of the scene, NaN where unknown."""
        height, width = self.geobox.shape
        # The slope needs neighbours beyond the window.
        around = window.expand(1).intersection(Window(0, 0, int(height), int(width))) or window
        return slope_on_grid(self._ground(around), self.geobox, around)[window.relative_to(around).slices]

    def _ground(self, window: Window) -> NDArray[np.float32]:
        """Return the elevation of a window, NaN where nodata."""
        values, valid = self.elevation.read(window)
        return np.where(valid, values, np.float32(np.nan))


def _read_layers(layers: Sequence[Layer], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read layers, each source once, in their units; valid where all are.

    Several sources are read at a time: decoding and resampling do not hold Python's lock.
    """
    values = np.empty((len(layers), *window.shape), np.float32)
    by_source: dict[int, list[int]] = {}
    for position, layer in enumerate(layers):
        by_source.setdefault(id(layer.source), []).append(position)

    def read(positions: list[int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
        return _read_source(layers, positions, window, values)

    threads = min(len(by_source), os.cpu_count() or 1, _MAX_THREADS)
    # Of a large window the sources would hold too much at a time.
    if threads > 1 and window.height * window.width <= _MAX_PARALLEL_PX:
        with ThreadPoolExecutor(threads, "landslip-source") as executor:
            read_masks = list(executor.map(read, by_source.values()))
    else:
        read_masks = [read(positions) for positions in by_source.values()]
    valid = np.ones(window.shape, np.bool_)
    blank: NDArray[np.bool_] | None = None
    for source_valid, source_blank in read_masks:
        valid &= source_valid
        if source_blank is not None:
            blank = source_blank if blank is None else blank & source_blank
    if blank is not None:
        valid &= ~blank
    if not valid.all():
        values[:, ~valid] = 0
    return values, valid


def _read_source(
    layers: Sequence[Layer], positions: list[int], window: Window, values: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Read the layers of one source into their positions in ``values``.

    Returns:
        Where all of them are valid (h, w); and where those in which 0 may be nodata are 0, None without such a layer.
    """
    source = layers[positions[0]].source
    # Bands that follow each other are read to where they belong.
    together = positions == list(range(positions[0], positions[0] + len(positions)))
    out = values[positions[0] : positions[0] + len(positions)] if together else None
    stored, stored_valid = source.read([layers[position].band for position in positions], window, out)
    valid: NDArray[np.bool_] = stored_valid[0] if len(positions) == 1 else np.asarray(stored_valid.all(axis=0))
    blank: NDArray[np.bool_] | None = None
    for position, band_values in zip(positions, stored, strict=True):
        layer = layers[position]
        if layer.blank_zero:
            zero = band_values == 0
            blank = zero if blank is None else blank & zero
        if layer.gain == 1 and layer.offset == 0:
            if stored is not out:
                values[position] = band_values
            continue
        with np.errstate(over="ignore"):
            np.multiply(band_values, np.float32(layer.gain), out=values[position])
            values[position] += np.float32(layer.offset)
        finite = np.isfinite(values[position])
        if not finite.all():
            valid = valid & finite
    return valid, blank
