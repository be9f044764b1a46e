"""Summary of a scene: its grid, and the values of each channel in a sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.grid.alignment import ground_resolution_m
from landslip.grid.window import Window
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.scene import Scene

_WINDOWS_PER_SIDE = 8
_WINDOW_PX = 64
_CLOUDY_CLASSES = (8, 9, 10)
"""Cloud of medium and of high probability, and thin cirrus, in the scene classification (SCL)."""


@dataclass(frozen=True, slots=True)
class ChannelValues:
    """Percentiles of the valid values of a channel; None where all are nodata."""

    name: str
    unit: str
    origin: str
    p1: float | None
    median: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """Summary of a scene. Values come from a sample: up to 64 evenly spread windows of 64 x 64 pixels."""

    name: str
    height: int
    width: int
    crs: str | None
    pixel_size_m: float
    """Side of a square with the area of a pixel at the scene's centre."""
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top in the CRS."""
    date: str | None
    """ISO 8601, UTC."""
    valid_fraction: float
    cloudy_fraction: float | None
    """Fraction of the classified pixels that are cloud or thin cirrus; None without a scene classification."""
    product: dict[str, object] | None
    """Level, baseline, tile, orbit and sun angles of a Sentinel-2 product; None for other rasters."""
    channels: tuple[ChannelValues, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_scene(scene: Scene) -> Inspection:
    """Summarise a scene from a sample.

    Raises:
        SceneError: a file cannot be read.

    Example:
        >>> import landslip
        >>> inspect_scene(landslip.open_scene("examples/chittagong/chittagong.tif")).channels[0].unit
        'DN'
    """
    sample = [scene.read(scene.channels, window) for window in _spread_windows(scene)]
    valid = np.concatenate([mask.ravel() for _, mask in sample])
    values = np.concatenate([part.reshape(len(scene.channels), -1) for part, _ in sample], axis=1)[:, valid]
    box = scene.geobox.boundingbox
    return Inspection(
        name=scene.name,
        height=scene.height,
        width=scene.width,
        crs=str(scene.geobox.crs) if scene.geobox.crs else None,
        pixel_size_m=ground_resolution_m(scene.geobox),
        bounds=(box.left, box.bottom, box.right, box.top),
        date=scene.date.isoformat() if scene.date else None,
        valid_fraction=float(valid.mean()),
        cloudy_fraction=None if scene.classification is None else _cloudy_fraction(scene.classification),
        product=None if scene.product is None else scene.product.to_dict(),
        channels=tuple(
            _channel_values(name, scene.layers[name].describe(), values[index])
            for index, name in enumerate(scene.channels)
        ),
        notes=scene.notes,
        warnings=scene.warnings,
    )


def _cloudy_fraction(classification: RasterFile) -> float | None:
    """Return the fraction of the classified pixels that are cloud, from a sample; None where all are nodata.

    Raises:
        SceneError: the classification cannot be read.
    """
    values, _ = classification.sample([1])
    classified = values[values != 0]
    return float(np.isin(classified, _CLOUDY_CLASSES).mean()) if classified.size else None


def _spread_windows(scene: Scene) -> list[Window]:
    """Return windows spread evenly over the scene, or the whole of a small scene."""
    if max(scene.height, scene.width) <= _WINDOWS_PER_SIDE * _WINDOW_PX:
        return [scene.window]
    height, width = min(scene.height, _WINDOW_PX), min(scene.width, _WINDOW_PX)
    rows = np.unique(np.linspace(0, scene.height - height, _WINDOWS_PER_SIDE).astype(int))
    cols = np.unique(np.linspace(0, scene.width - width, _WINDOWS_PER_SIDE).astype(int))
    return [Window(int(row), int(col), height, width) for row in rows for col in cols]


def _channel_values(name: str, origin: str, values: NDArray[np.float32]) -> ChannelValues:
    """Compute percentiles of a channel's valid values."""
    unit = CHANNELS[name].unit
    if not values.size:
        return ChannelValues(name, unit, origin, None, None, None)
    p1, median, p99 = (float(value) for value in np.percentile(values, [1, 50, 99]))
    return ChannelValues(name, unit, origin, p1, median, p99)
