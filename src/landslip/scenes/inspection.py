"""Summary of a scene: its grid, and the values of each channel in a sample."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.grid.alignment import ground_resolution_m
from landslip.grid.window import Window
from landslip.scenes.raster_file import RasterFile
from landslip.scenes.scene import Layer, Scene

_LEVEL = re.compile(r"(?i)(?<![A-Za-z])(?:MSI)?L(1C|2A)(?![A-Za-z0-9])")
_DARKEST_BLUE_DN = 300.0
"""Air without aerosol scatters 320 DN of blue into the view at 5,000 m under a sun in the zenith, and more elsewhere:
darker ground is surface reflectance."""
_BRIGHTNESS_BELOW = 256.0
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
    gain: float
    """DN, degrees or metres = stored value x gain + offset."""
    offset: float


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
    level: str | None
    """Processing level, ``L1C`` or ``L2A``; None if unknown."""
    level_from: str | None
    """How the level is known: ``product``, ``names`` of the files, or ``values`` of blue, too dark for Level-1C."""
    product: dict[str, object] | None
    """Level, baseline, tile, orbit and sun angles of a Sentinel-2 product; None for other rasters."""
    channels: tuple[ChannelValues, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def sample_scene(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read all channels in windows spread evenly over the scene.

    Returns:
        Values (C, N) in DN, degrees or metres, and their validity (N,).

    Raises:
        SceneError: a file cannot be read.
    """
    parts = [scene.read(scene.channels, window) for window in _spread_windows(scene)]
    values = np.concatenate([part.reshape(len(scene.channels), -1) for part, _ in parts], axis=1)
    return values, np.concatenate([mask.ravel() for _, mask in parts])


def inspect_scene(scene: Scene, sample: tuple[NDArray[np.float32], NDArray[np.bool_]] | None = None) -> Inspection:
    """Summarise a scene from a sample.

    Args:
        scene: to inspect.
        sample: of ``sample_scene``; read now where None.

    Raises:
        SceneError: a file cannot be read.

    Example:
        >>> import landslip
        >>> inspect_scene(landslip.open_scene("examples/wayanad/wayanad.tif")).channels[0].unit
        'DN'
    """
    values, valid = sample_scene(scene) if sample is None else sample
    values = values[:, valid]
    level, level_from = find_level(scene, values)
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
        level=level,
        level_from=level_from,
        product=None if scene.product is None else scene.product.to_dict(),
        channels=tuple(
            _channel_values(name, scene.layers[name], values[index]) for index, name in enumerate(scene.channels)
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


def _channel_values(name: str, layer: Layer, values: NDArray[np.float32]) -> ChannelValues:
    """Compute percentiles of a channel's valid values."""
    p1, median, p99 = (
        (float(value) for value in np.percentile(values, [1, 50, 99])) if values.size else (None, None, None)
    )
    return ChannelValues(name, CHANNELS[name].unit, layer.describe(), p1, median, p99, layer.gain, layer.offset)


def is_surface_reflectance(scene: Scene) -> bool:
    """Return whether a scene is Level-2A by its product, its names or its values, and was not converted.

    Raises:
        SceneError: a file cannot be read.
    """
    if scene.to_toa:
        return False
    level, _ = find_level(scene, np.empty((0, 0), np.float32))
    if level is None and "B02" in scene.channels:
        parts = [scene.read(["B02"], window) for window in _spread_windows(scene)]
        return _is_darker_than_air(np.concatenate([values[0][valid] for values, valid in parts]))
    return level == "L2A"


def find_level(scene: Scene, values: NDArray[np.float32]) -> tuple[str | None, str | None]:
    """Return the processing level of a scene, and how it is known: by the product, the names of files, or the values.

    Args:
        scene: to judge.
        values: (C, N) valid values of its channels, of a sample.
    """
    if scene.product is not None:
        return scene.product.level, "product"
    names = " ".join([scene.name, *(layer.origin for layer in scene.layers.values())])
    levels = {f"L{found.upper()}" for found in _LEVEL.findall(names)}
    if len(levels) == 1:
        return levels.pop(), "names"
    if "B02" in scene.channels and values.size and _is_darker_than_air(values[scene.channels.index("B02")]):
        return "L2A", "values"
    return None, None


def _is_darker_than_air(blue: NDArray[np.float32]) -> bool:
    """Return whether valid values of B02 cannot be top-of-atmosphere reflectance."""
    # Brightness of pictures, with all values below 256, is no reflectance.
    return bool(blue.size and 0 < np.percentile(blue, 1) < _DARKEST_BLUE_DN and blue.max() >= _BRIGHTNESS_BELOW)
