"""A scene: rasters of one place on one grid, channels by name, with what was observed and what was not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.errors import ChannelError
from landslip.grid.window import Window


class Source(Protocol):
    """Stored values on the scene's grid: a file, a file resampled, an array."""

    def read(self, bands: Sequence[int], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as stored values (n, h, w) and whether each was observed (n, h, w).

        Every stored value is finite. Calls may come from several threads.

        Raises:
            SceneError: the values cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Layer:
    """One channel of a scene: a band of a source, and how its stored values become DN, degrees or metres."""

    source: Source
    band: int
    origin: str
    """What was taken and why: ``red.tif, band 1 (named 'red')``."""
    gain: float = 1.0
    offset: float = 0.0
    conversion: str = ""
    """How stored values were turned into the channel's unit, in words; empty where they were taken as they are."""
    blank_zero: bool = False
    """A stored 0 means nothing was observed, if every such layer is 0 there (Sentinel-2 products store it so)."""

    def read(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read values (h, w) in the channel's unit, 0 where not observed, and what was observed (h, w)."""
        values, observed = _read_layers([self], window)
        return values[0], observed

    def describe(self) -> str:
        """Say in one line what was taken, why, and how it was converted."""
        return f"{self.origin}; {self.conversion}" if self.conversion else self.origin


@dataclass(frozen=True, slots=True)
class Scene:
    """Rasters of one place on one grid, channels by name."""

    geobox: GeoBox
    """The grid. An image without a CRS has none here either: one unit is a metre, y runs down."""
    layers: Mapping[str, Layer]
    name: str
    date: datetime | None = None
    """When the image was taken, if the files say so."""
    warnings: tuple[str, ...] = ()
    """What a user must know before trusting a result."""
    notes: tuple[str, ...] = ()
    """What was taken, left out and assumed on opening."""
    identity: str = ""
    """A sha256 that changes when the inputs or the way they are read change; empty for a scene in memory."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(self.layers)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.geobox.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.geobox.shape[1])

    @property
    def window(self) -> Window:
        """The whole scene."""
        return Window(0, 0, self.height, self.width)

    @property
    def georeferenced(self) -> bool:
        """Whether the scene's place on the ground is known."""
        return self.geobox.crs is not None

    def read(self, channels: Sequence[str], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read channels in a window.

        A pixel is observed where every channel read was. Where several reflectance channels come from files that
        declare no nodata value, a pixel that is 0 in all of those read was not observed.

        Args:
            channels: names, at least one.
            window: pixels of the scene's grid, all inside it.

        Returns:
            Values float32 (C, h, w) in DN, degrees or metres, 0 where not observed; observed bool (h, w).

        Raises:
            ChannelError: the scene lacks a channel.
            SceneError: a file cannot be read.
            ValueError: the window reaches outside the scene, or no channel was asked for.
        """
        if not channels:
            raise ValueError("no channel was asked for: name at least one")
        if not self.window.contains(window):
            raise ValueError(f"{window} reaches outside the scene of {self.height} x {self.width} pixels")
        self.require(channels, "this reading")
        return _read_layers([self.layers[name] for name in channels], window)

    def require(self, channels: Sequence[str], for_whom: str) -> None:
        """Check that the scene has the channels.

        Args:
            channels: names.
            for_whom: who needs them, as the error names it: ``detector 'true-colour'``.

        Raises:
            ChannelError: a channel is missing; the message names it and what the scene has.
        """
        missing = [name for name in channels if name not in self.layers]
        if missing:
            raise ChannelError(
                f"{for_whom} needs {', '.join(missing)}, which scene '{self.name}' lacks (it has "
                f"{', '.join(self.channels)}): add the missing files, or name the bands with --channels"
            )

    def describe(self) -> tuple[str, ...]:
        """Say in lines what was taken for each channel and what was noted on opening."""
        return (*(f"{name}: {layer.describe()}" for name, layer in self.layers.items()), *self.notes)


def _read_layers(layers: Sequence[Layer], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read layers, each source once, in their units; observed where all were."""
    values = np.empty((len(layers), *window.shape), np.float32)
    observed = np.ones(window.shape, np.bool_)
    blank: NDArray[np.bool_] | None = None
    by_source: dict[int, list[int]] = {}
    for position, layer in enumerate(layers):
        by_source.setdefault(id(layer.source), []).append(position)
    for positions in by_source.values():
        stored, seen = layers[positions[0]].source.read([layers[p].band for p in positions], window)
        for position, band_values, band_seen in zip(positions, stored, seen, strict=True):
            layer = layers[position]
            observed &= band_seen
            if layer.blank_zero:
                zero = band_values == 0
                blank = zero if blank is None else blank & zero
            if layer.gain == 1 and layer.offset == 0:
                values[position] = band_values
            else:
                with np.errstate(over="ignore"):
                    values[position] = band_values * np.float32(layer.gain) + np.float32(layer.offset)
                observed &= np.isfinite(values[position])
    if blank is not None:
        observed &= ~blank
    if not observed.all():
        values[:, ~observed] = 0
    return values, observed
