"""A scene read on the grid of another, with its shift to that other taken out, and several of them as a composite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslip.change.registration import ShiftField
from landslip.channels import TRUE_COLOUR
from landslip.grid.alignment import locate_pixels, same_grid
from landslip.grid.resampling import sample_bilinear, sample_mask, window_around
from landslip.grid.window import Window
from landslip.scenes.scene import Scene

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

_LEAST_SHIFT_PX: Final = 0.1
"""Smaller shifts are left: resampling would blur the image more than it would gain."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneOnGrid:
    """A scene on the grid of a reference."""

    scene: Scene
    grid: GeoBox
    """Of the reference."""
    shift: ShiftField
    """Of the scene relative to the reference, in pixels of the grid."""
    hidden: Callable[[Window], Mask] | None = None
    """Where masks hide the ground in a window of the scene itself, (h, w); that is not valid."""
    light: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Gain and offset in DN, by channel, that bring the scene to the light of the reference; none are applied where
    missing."""

    def moved(self, shift: ShiftField) -> "SceneOnGrid":
        """Return the same scene with another shift."""
        return replace(self, shift=shift)

    def read(self, channels: Sequence[str], window: Window) -> tuple[Values, Mask]:
        """Read channels (C, h, w) in a window of the grid, and where they are valid (h, w).

        Raises:
            SceneError: a file cannot be read.
        """
        if self._aligned:
            return self._read_scene(channels, window)
        x, y = self._locate(window)
        values = np.zeros((len(channels), *window.shape), np.float32)
        needed = window_around(x, y, (self.scene.height, self.scene.width))
        if needed is None:
            return values, np.zeros(window.shape, np.bool_)
        stored, usable = self._read_scene(channels, needed)
        x, y = x - needed.col, y - needed.row
        for position in range(len(channels)):
            values[position] = sample_bilinear(stored[position], usable, x, y)
        valid = np.broadcast_to(sample_mask(usable, x, y), window.shape)
        values[:, ~valid] = 0
        return values, valid

    def _read_scene(self, channels: Sequence[str], window: Window) -> tuple[Values, Mask]:
        """Read channels of the scene itself, in the light of the reference, where nothing hides the ground."""
        values, valid = self.scene.read(channels, window)
        for layer, name in zip(values, channels, strict=True):
            gain, offset = self.light.get(name, (1.0, 0.0))
            if (gain, offset) != (1.0, 0.0):
                layer[valid] = np.float32(gain) * layer[valid] + np.float32(offset)
        return values, valid & ~self.hidden(window) if self.hidden else valid

    def sample(self, find: Callable[[Window], Mask], window: Window) -> Mask:
        """Sample a mask of the scene in a window of the grid (h, w), by the nearest pixel; False outside.

        Args:
            find: returns the mask (h, w) of a window of the scene itself.
            window: of the grid.
        """
        if self._aligned:
            return find(window)
        x, y = self._locate(window)
        needed = window_around(x, y, (self.scene.height, self.scene.width))
        if needed is None:
            return np.zeros(window.shape, np.bool_)
        return np.broadcast_to(sample_mask(find(needed), x - needed.col, y - needed.row), window.shape)

    @property
    def _aligned(self) -> bool:
        """Whether the pixels of the scene are taken as they are."""
        height, width = self.grid.shape
        rows, cols = np.array([0.0, 0.0, height, height]), np.array([0.0, width, 0.0, width])
        moves = max(float(np.abs(one).max()) for one in self.shift.at(rows, cols))
        return same_grid(self.scene.geobox, self.grid) and moves < _LEAST_SHIFT_PX

    def _locate(self, window: Window) -> tuple[Points, Points]:
        """Locate the pixels of a window in the scene, with its shift."""
        x, y = locate_pixels(self.scene.geobox, self.grid, window)
        if self.shift == ShiftField() or not self.shift.trusted:
            return x, y
        rows = np.arange(window.row, window.bottom)[:, None] + 0.5
        cols = np.arange(window.col, window.right)[None, :] + 0.5
        down, right = self.shift.at(rows, cols)
        across, along = self._steps()
        if self.shift.down[1:] == (0.0, 0.0) == self.shift.right[1:] and across[1] == 0 == along[0]:
            # The axes stay apart, which resampling makes use of.
            return x + across[0] * self.shift.right[0], y + along[1] * self.shift.down[0]
        return x + across[0] * right + along[0] * down, y + across[1] * right + along[1] * down

    def _steps(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return how far one pixel of the grid to the right, and one down, is in the scene: x and y each."""
        height, width = self.grid.shape
        window = Window(max(height // 2 - 1, 0), max(width // 2 - 1, 0), min(2, height), min(2, width))
        x, y = (np.broadcast_to(one, window.shape) for one in locate_pixels(self.scene.geobox, self.grid, window))
        if min(window.shape) < 2:
            return (1.0, 0.0), (0.0, 1.0)
        return (
            (float(x[0, 1] - x[0, 0]), float(y[0, 1] - y[0, 0])),
            (float(x[1, 0] - x[0, 0]), float(y[1, 0] - y[0, 0])),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """Several scenes on one grid; each pixel is that of the scene of median brightness, so that no spectrum is mixed.

    Brightness is that of red, green and blue, whatever is read, so that every channel of a pixel is of one scene. Of an
    even number it is the darker one of the two in the middle: clouds are bright. Of two as bright it is the first.
    """

    members: tuple[SceneOnGrid, ...]

    @property
    def date(self) -> datetime | None:
        """The latest date of the scenes; None where one is unknown."""
        known = [member.scene.date for member in self.members if member.scene.date is not None]
        return max(known) if len(known) == len(self.members) else None

    def read(self, channels: Sequence[str], window: Window) -> tuple[Values, Mask]:
        """Read channels (C, h, w) in a window of the grid, and where the chosen scene is valid (h, w).

        Raises:
            ChannelError: a scene lacks a channel; several need red, green and blue.
            SceneError: a file cannot be read.
        """
        if len(self.members) == 1:
            return self.members[0].read(channels, window)
        read = [member.read(TRUE_COLOUR, window) for member in self.members]
        visible = np.stack([valid for _, valid in read])
        chosen = choose_median(np.stack([values.mean(axis=0) for values, _ in read]), visible)
        further = [name for name in channels if name not in TRUE_COLOUR]
        values, valid = np.zeros((len(channels), *window.shape), np.float32), np.zeros(window.shape, np.bool_)
        for number, (member, (colours, _)) in enumerate(zip(self.members, read, strict=True)):
            here = (chosen == number) & visible[number]
            if not here.any():
                continue
            layers = dict(zip(TRUE_COLOUR, colours, strict=True))
            if further:
                more, seen = member.read(further, window)
                layers |= dict(zip(further, more, strict=True))
                here &= seen
            for layer, name in zip(values, channels, strict=True):
                layer[here] = layers[name][here]
            valid |= here
        return values, valid

    def without_masks(self) -> "Composite":
        """Return the composite of the images as they are, with what masks hide in them."""
        return Composite(tuple(replace(member, hidden=None) for member in self.members))

    def sees(self, window: Window) -> Mask:
        """Return where any scene is valid and not hidden, in red, green and blue, (h, w) of a window of the grid.

        Raises:
            SceneError: a file cannot be read.
        """
        return np.asarray(np.any([member.read(TRUE_COLOUR, window)[1] for member in self.members], axis=0))


def choose_median(brightness: Values, valid: Mask) -> NDArray[np.intp]:
    """Choose at each pixel the image of median brightness among those that are valid there.

    Args:
        brightness: (N, h, w) in any unit.
        valid: (N, h, w).

    Returns:
        Numbers of the images (h, w), counted from 0.

    Example:
        >>> brightness = np.array([[[900.0]], [[5000.0]], [[1000.0]]], np.float32)
        >>> choose_median(brightness, np.ones((3, 1, 1), bool)).tolist()
        [[2]]
    """
    order = np.argsort(np.where(valid, brightness, np.float32(np.inf)), axis=0, kind="stable")
    middle = np.maximum(valid.sum(axis=0) - 1, 0) // 2
    return np.asarray(np.take_along_axis(order, middle[None], axis=0)[0])
