"""Scenes in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from landslip.channels import CHANNELS, find_channels
from landslip.errors import SceneError
from landslip.grid.window import Window
from landslip.scenes.plausibility import check_array, scale_array
from landslip.scenes.scene import Layer, Scene


@dataclass(frozen=True, slots=True, eq=False)
class ArraySource:
    """Values (C, H, W), all finite, and their validity mask (H, W)."""

    values: NDArray[np.float32]
    valid: NDArray[np.bool_]

    def read(
        self, bands: Sequence[int], window: Window, out: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as (n, h, w), and their validity (n, h, w)."""
        rows, cols = window.slices
        values = self.values[[band - 1 for band in bands], rows, cols]
        return values, np.broadcast_to(self.valid[rows, cols], values.shape)


def array_scene(
    values: ArrayLike,
    channels: Sequence[str],
    geobox: GeoBox,
    valid: ArrayLike | None = None,
    *,
    scale: float | None = None,
    name: str = "array",
) -> Scene:
    """Make a scene from an array.

    Args:
        values: (C, H, W) in DN, degrees or metres; NaN and infinite values are nodata.
        channels: names of the C channels.
        geobox: the grid, H x W; its CRS may be None.
        valid: bool (H, W); where all values are finite if None.
        scale: factor from the values of reflectance channels to DN: 10000 for reflectance in 0..1.
        name: of the scene.

    Raises:
        SceneError: the shapes do not fit together, or the values cannot be DN.
        ChannelError: a channel is unknown or given twice.

    Example:
        >>> from affine import Affine
        >>> grid = GeoBox((40, 50), Affine(10, 0, 500_000, 0, -10, 2_500_000), "EPSG:32646")
        >>> array_scene(np.full((2, 40, 50), 800), ["red", "green"], grid)
        Scene('array', B04 B03, 40 x 50 px, EPSG:32646)
    """
    names = find_channels(channels)
    with np.errstate(over="ignore"):
        stack = np.array(values, np.float32)
    if stack.ndim != 3 or stack.shape[0] != len(names) or stack.shape[1:] != tuple(geobox.shape) or not stack.size:
        shape = (len(names), int(geobox.shape[0]), int(geobox.shape[1]))
        raise SceneError(
            f"values must have the shape {shape} of channels and grid, got {stack.shape}",
            parameter="values",
        )
    finite: NDArray[np.bool_] = np.all(np.isfinite(stack), axis=0)
    if valid is not None:
        given = np.asarray(valid, np.bool_)
        if given.shape != finite.shape:
            raise SceneError(f"valid must have the shape {finite.shape}, got {given.shape}", parameter="valid")
        finite = finite & given
    optical = [index for index, channel in enumerate(names) if CHANNELS[channel].kind == "reflectance"]
    stack[optical] = scale_array(stack[optical], scale)
    check_array(stack[optical][:, finite])
    stack[:, ~finite] = 0
    source = ArraySource(stack, finite)
    layers = {channel: Layer(source, band, f"array, band {band}") for band, channel in enumerate(names, start=1)}
    return Scene(geobox=geobox, layers=layers, name=name)
