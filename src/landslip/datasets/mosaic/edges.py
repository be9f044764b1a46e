"""Edges of patches, made comparable: what two patches that touched would share, and what is unknown taken out.

Two patches cut side by side share no pixel: the last column of one lies a pixel beside the first of the other. Both
are continued by half a pixel, straight on, to the line between them, and compared there.

Where the patches have elevation, that is compared: whole metres that no gain has changed. Elsewhere reflectance is,
as its logarithm, to which an unknown gain a patch (the same in all its channels) only adds a number. It is compared in
two parts: brightness, the mean over the channels, less its mean over the edge; and hue, what each channel is above
brightness, from which the gain falls out by itself, so that its level counts too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from landslip.channels import CHANNELS
from landslip.datasets.patch_set import Patch
from landslip.errors import PatchesError

_DARKEST_DN: Final = 20.0
"""Darker is not told apart: steps of 8-bit pictures are about 10 DN, and the logarithm would make cliffs of them."""
_BEYOND_PX: Final = 0.5
_HUE_WEIGHT: Final = 2.0
"""Hue changes less than brightness does from one pixel to the next, so a difference in it says more."""
_COLOUR_NOISE: Final = 0.02
"""What two true neighbours may differ by: two percent of reflectance ..."""
_ELEVATION_NOISE_M: Final = 0.5
"""... and the rounding of elevation to whole metres."""


_USUAL_PERCENTILE: Final = 99.0
"""Of the seams through the middle of every patch."""


class Way(IntEnum):
    """How a neighbour is reached."""

    ACROSS = 0
    """From a patch to the one at its right."""
    DOWN = 1
    """From a patch to the one below."""

    @property
    def step(self) -> tuple[int, int]:
        """Rows and columns to the neighbour."""
        return (0, 1) if self is Way.ACROSS else (1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class EdgeProfiles:
    """The edges of N patches in a fixed order."""

    kind: Literal["elevation", "colour"]
    leaving: NDArray[np.float64]
    """(2, N, F): by way, the edge towards the neighbour: the right one, the lower one."""
    arriving: NDArray[np.float64]
    """(2, N, F): by way, the edge where one arrives: the left one, the upper one."""
    leaving_level: NDArray[np.float64]
    """(2, N): mean logarithm of reflectance along these edges, the gain with it; 0 for elevation."""
    arriving_level: NDArray[np.float64]
    """(2, N): likewise."""
    usual_distance: float
    """How badly the two sides of a seam within a patch may fit: what true neighbours can be held to."""

    def __len__(self) -> int:
        return int(self.leaving.shape[1])

    def distances(self, way: Way, first: slice) -> NDArray[np.float64]:
        """How badly some patches fit each of all as their neighbour: (n, N), positive, infinite for a patch itself.

        Elevation: mean squared difference in m². Colour: mean squared difference of the logarithms, over the
        contrast of both edges, so that a match of two featureless edges is worth no more than it should.
        """
        leaving, arriving = self.leaving[way, first], self.arriving[way]
        length = leaving.shape[1]
        own, others = _mean_square(leaving), _mean_square(arriving)
        distances = self._judged(own[:, None] + others - leaving @ arriving.T * (2 / length), own[:, None], others)
        numbers = np.arange(len(self))[first]
        distances[np.arange(len(numbers)), numbers] = np.inf
        return distances

    def distance(self, way: Way, first: int, second: int) -> float:
        """The same for one pair."""
        leaving, arriving = self.leaving[way, first], self.arriving[way, second]
        squared = np.atleast_1d(_mean_square(leaving - arriving))
        return float(self._judged(squared, _mean_square(leaving), _mean_square(arriving))[0])

    def _judged(
        self, squared: NDArray[np.float64], own: NDArray[np.float64], others: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Distances from mean squared differences and the mean squares of the edges themselves."""
        # Rounding may leave a hair below zero.
        squared = np.maximum(squared, 0)
        if self.kind == "elevation":
            return squared + _ELEVATION_NOISE_M**2
        noise = _COLOUR_NOISE**2
        contrast: NDArray[np.float64] = np.sqrt(np.maximum(own, noise) * np.maximum(others, noise))
        return (squared + noise) / contrast


def kind_of_edges(channels: Sequence[str]) -> Literal["elevation", "colour"]:
    """What patches of these channels are compared by.

    Raises:
        PatchesError: they have neither elevation nor reflectance.
    """
    if "elevation" in channels:
        return "elevation"
    if any(CHANNELS[name].kind == "reflectance" for name in channels):
        return "colour"
    raise PatchesError(
        f"patches of {', '.join(channels)} cannot be matched: their edges are compared by elevation or by reflectance"
    )


def edge_profiles(patches: Iterable[Patch]) -> EdgeProfiles:
    """Take the edges of patches, one patch in memory at a time.

    Raises:
        PatchesError: there is no patch, they differ in channels or size, are no squares, or are under 8 px.
    """
    first: Patch | None = None
    lines: list[list[NDArray[np.float64]]] = []
    for patch in patches:
        first = first or patch
        if patch.channels != first.channels or patch.values.shape != first.values.shape:
            raise PatchesError(
                f"patch {patch.id} is {patch.values.shape} of {', '.join(patch.channels)}, patch {first.id} is "
                f"{first.values.shape} of {', '.join(first.channels)}: a mosaic takes patches of one kind and size"
            )
        layers = _compared(patch)
        lines.append([*_lines(layers, 0), *_lines(layers, layers.shape[-1] // 2)])
    if first is None:
        raise PatchesError("there is no patch to make a mosaic of: give a set that holds some")
    # Border or seam, two ends, two ways, N patches, C channels, n pixels.
    ends = np.moveaxis(np.array(lines), 0, 1).reshape(2, 2, 2, len(lines), *lines[0][0].shape)
    kind = kind_of_edges(first.channels)
    if kind == "elevation":
        # The same number off all of them keeps every difference, and the digits that the differences need.
        profiles = ends[..., 0, :] - ends.mean()
        levels = np.zeros((2, 2, len(lines)))
    else:
        profiles = _colour_profiles(ends)
        levels = ends[0].mean(axis=(-1, -2))
    seams = EdgeProfiles(kind, profiles[1, 0], profiles[1, 1], levels[0], levels[1], np.inf)
    inside = [seams.distance(way, number, number) for way in Way for number in range(len(lines))]
    return EdgeProfiles(
        kind, profiles[0, 0], profiles[0, 1], levels[0], levels[1], float(np.percentile(inside, _USUAL_PERCENTILE))
    )


def _lines(layers: NDArray[np.float64], seam: int) -> list[NDArray[np.float64]]:
    """Both sides of the seam before a column, and before a row: leaving across, down, arriving across, down.

    Seam 0 is the border, where the patch's own far side is left and its near side arrived at.
    """
    across, down = layers, np.swapaxes(layers, -1, -2)
    leaving = [_continued(one[..., seam - 1], one[..., seam - 2]) for one in (across, down)]
    return leaving + [_continued(one[..., seam], one[..., seam + 1]) for one in (across, down)]


def log_reflectance(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The logarithm of DN, the darkest of them not told apart."""
    logarithm: NDArray[np.float64] = np.log(np.maximum(values.astype(np.float64), _DARKEST_DN))
    return logarithm


def _compared(patch: Patch) -> NDArray[np.float64]:
    """The layers (C, H, W) that edges are compared by."""
    _, height, width = patch.values.shape
    if height != width or height < 8:
        raise PatchesError(
            f"patch {patch.id} is {height} x {width} px: edges are matched between squares of at least 8 x 8 px"
        )
    if kind_of_edges(patch.channels) == "elevation":
        return patch.values[[patch.channels.index("elevation")]].astype(np.float64)
    reflectance = [name for name in patch.channels if CHANNELS[name].kind == "reflectance"]
    # Coarser channels were resampled to the patch's pixels: their edges say little that is not in the fine ones.
    finest = min(CHANNELS[name].resolution_m or np.inf for name in reflectance)
    return log_reflectance(patch.values[[CHANNELS[name].resolution_m == finest for name in patch.channels]])


def _continued(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """The outermost line of pixels (C, n), continued straight on to the patch's border."""
    return outer + _BEYOND_PX * (outer - inner)


def _colour_profiles(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness and hue of lines (..., C, n), each mixed with its neighbours along it against noise.

    Returns:
        (..., (1 + C) n).
    """
    longer = np.concatenate([lines[..., :1], lines, lines[..., -1:]], axis=-1)
    smooth = (longer[..., :-2] + 2 * longer[..., 1:-1] + longer[..., 2:]) / 4
    brightness = smooth.mean(axis=-2, keepdims=True)
    hue = _HUE_WEIGHT * (smooth - brightness)
    parts = np.concatenate([brightness - brightness.mean(axis=-1, keepdims=True), hue], axis=-2)
    return parts.reshape(*parts.shape[:-2], -1)


def _mean_square(profiles: NDArray[np.float64]) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.einsum("...f,...f->...", profiles, profiles)
    total /= profiles.shape[-1]
    return total
