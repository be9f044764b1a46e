"""A scene that lies in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from odc.geo.geobox import GeoBox

from landslip.channels import channels_named
from landslip.errors import SceneError
from landslip.grid.window import Window
from landslip.scenes.scene import Layer, Scene


@dataclass(frozen=True, slots=True, eq=False)
class ArraySource:
    """Values (C, H, W), all finite, and what was observed (H, W)."""

    values: NDArray[np.float32]
    observed: NDArray[np.bool_]

    def read(self, bands: Sequence[int], window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read bands, counted from 1, as (n, h, w), and what was observed (n, h, w)."""
        rows, cols = window.slices
        values = self.values[[band - 1 for band in bands], rows, cols]
        return values, np.broadcast_to(self.observed[rows, cols], values.shape)


def array_scene(
    values: ArrayLike,
    channels: Sequence[str],
    geobox: GeoBox,
    observed: ArrayLike | None = None,
    *,
    name: str = "array",
) -> Scene:
    """Make a scene of arrays.

    Args:
        values: (C, H, W) in DN, degrees or metres; NaN and infinite values were not observed.
        channels: names of the C channels.
        geobox: the grid, H x W; with crs None where the place is unknown.
        observed: bool (H, W); everything finite where left out.
        name: what to call the scene.

    Raises:
        SceneError: the shapes do not fit together.
        ChannelError: a channel is unknown or given twice.
    """
    names = channels_named(channels)
    with np.errstate(over="ignore"):
        stack = np.array(values, np.float32)
    if stack.ndim != 3 or stack.shape[0] != len(names) or stack.shape[1:] != tuple(geobox.shape) or not stack.size:
        raise SceneError(
            f"values of shape {stack.shape} do not fit {len(names)} channels on a grid of "
            f"{geobox.shape[0]} x {geobox.shape[1]} pixels: give (channels, height, width)"
        )
    finite: NDArray[np.bool_] = np.all(np.isfinite(stack), axis=0)
    if observed is not None:
        given = np.asarray(observed, np.bool_)
        if given.shape != finite.shape:
            raise SceneError(f"observed of shape {given.shape} does not fit values of {finite.shape}: make them equal")
        finite = finite & given
    stack[:, ~finite] = 0
    source = ArraySource(stack, finite)
    layers = {channel: Layer(source, band, f"array, band {band}") for band, channel in enumerate(names, start=1)}
    return Scene(geobox=geobox, layers=layers, name=name)
