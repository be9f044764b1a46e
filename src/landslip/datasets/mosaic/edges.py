"""Edges of patches in a form in which touching patches agree.

Two adjacent patches share no pixel: the last column of one is next to the first column of the other. Both are
extrapolated linearly by half a pixel, to the line between them, and compared there.

Elevation is compared if the patches have it: whole metres, without any gain. Otherwise the logarithm of reflectance
is compared, where an unknown gain of a patch (equal for all channels) is an additive constant. It is compared in two
parts: brightness, the mean over the channels, minus its mean over the edge; and hue, the difference of each channel
from the brightness, from which the gain cancels, so that its level counts as well.
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
"""Darker values are raised to this: steps of 8-bit pictures are about 10 DN, large in the logarithm."""
_BEYOND_PX: Final = 0.5
_HUE_WEIGHT: Final = 2.0
"""Hue varies less from pixel to pixel than brightness, so its differences have a larger weight."""
_COLOUR_NOISE: Final = 0.02
"""Expected difference of true neighbours: two percent of reflectance ..."""
_ELEVATION_NOISE_M: Final = 0.5
"""... and the rounding of elevation to whole metres."""
_INNER_PERCENTILE: Final = 99.0
"""Percentile of the distances across a line in the middle of every patch."""


class Direction(IntEnum):
    """Direction from a patch to its neighbour."""

    RIGHT = 0
    DOWN = 1

    @property
    def step(self) -> tuple[int, int]:
        """Rows and columns to the neighbour."""
        return (0, 1) if self is Direction.RIGHT else (1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class EdgeProfiles:
    """The edges of N patches in a fixed order."""

    kind: Literal["elevation", "colour"]
    outgoing: NDArray[np.float64]
    """(2, N, F): by direction, the edge towards the neighbour, right or lower."""
    incoming: NDArray[np.float64]
    """(2, N, F): by direction, the opposite edge, left or upper."""
    outgoing_level: NDArray[np.float64]
    """(2, N): mean logarithm of reflectance of these edges, including the gain; 0 for elevation."""
    incoming_level: NDArray[np.float64]
    """(2, N): the same of the incoming edges."""
    inner_distance: float
    """Largest usual distance across a line inside a patch, an estimate of that of true neighbours."""

    def __len__(self) -> int:
        return int(self.outgoing.shape[1])

    def distances(self, way: Direction, first: slice) -> NDArray[np.float64]:
        """Return the edge distances of some patches to all others: (n, N), positive, infinite to itself.

        Elevation: mean squared difference in m². Colour: mean squared difference of the logarithms, divided by the
        contrast of both edges, so that two featureless edges do not match too well.
        """
        outgoing, incoming = self.outgoing[way, first], self.incoming[way]
        length = outgoing.shape[1]
        own, others = _mean_square(outgoing), _mean_square(incoming)
        distances = self._normalised_distance(
            own[:, None] + others - outgoing @ incoming.T * (2 / length), own[:, None], others
        )
        numbers = np.arange(len(self))[first]
        distances[np.arange(len(numbers)), numbers] = np.inf
        return distances

    def distance(self, way: Direction, first: int, second: int) -> float:
        """Return the edge distance of one pair."""
        outgoing, incoming = self.outgoing[way, first], self.incoming[way, second]
        squared = np.atleast_1d(_mean_square(outgoing - incoming))
        return float(self._normalised_distance(squared, _mean_square(outgoing), _mean_square(incoming))[0])

    def _normalised_distance(
        self, squared: NDArray[np.float64], own: NDArray[np.float64], others: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return distances from mean squared differences and the mean squares of both edges."""
        # Rounding may give small negative values.
        squared = np.maximum(squared, 0)
        if self.kind == "elevation":
            return squared + _ELEVATION_NOISE_M**2
        noise = _COLOUR_NOISE**2
        contrast: NDArray[np.float64] = np.sqrt(np.maximum(own, noise) * np.maximum(others, noise))
        return (squared + noise) / contrast


def edge_kind(channels: Sequence[str]) -> Literal["elevation", "colour"]:
    """Return what the edges of patches with these channels are compared by.

    Raises:
        PatchesError: the patches have neither elevation nor reflectance.
    """
    if "elevation" in channels:
        return "elevation"
    if any(CHANNELS[name].kind == "reflectance" for name in channels):
        return "colour"
    raise PatchesError(
        f"patches of {', '.join(channels)} cannot be matched: their edges are compared by elevation or by reflectance"
    )


def extract_edges(patches: Iterable[Patch]) -> EdgeProfiles:
    """Extract the edges of patches, with one patch in memory at a time.

    Raises:
        PatchesError: there are no patches, they differ in channels or size, or are not squares of at least 8 px.
    """
    first: Patch | None = None
    lines: list[list[NDArray[np.float64]]] = []
    for patch in patches:
        first = first or patch
        if patch.channels != first.channels or patch.values.shape != first.values.shape:
            raise PatchesError(
                f"patch {patch.id} is {patch.values.shape} of {', '.join(patch.channels)}, patch {first.id} is "
                f"{first.values.shape} of {', '.join(first.channels)}: a mosaic needs equal channels and sizes"
            )
        layers = _comparison_layers(patch)
        lines.append([*_lines(layers, 0), *_lines(layers, layers.shape[-1] // 2)])
    if first is None:
        raise PatchesError("the set has no patches: give a set with patches")
    # Border or middle, outgoing or incoming, two directions, N patches, C channels, n pixels.
    ends = np.moveaxis(np.array(lines), 0, 1).reshape(2, 2, 2, len(lines), *lines[0][0].shape)
    kind = edge_kind(first.channels)
    if kind == "elevation":
        # Subtracting one constant keeps all differences and their precision.
        profiles = ends[..., 0, :] - ends.mean()
        levels = np.zeros((2, 2, len(lines)))
    else:
        profiles = _colour_profiles(ends)
        levels = ends[0].mean(axis=(-1, -2))
    seams = EdgeProfiles(kind, profiles[1, 0], profiles[1, 1], levels[0], levels[1], np.inf)
    inside = [seams.distance(way, number, number) for way in Direction for number in range(len(lines))]
    return EdgeProfiles(
        kind, profiles[0, 0], profiles[0, 1], levels[0], levels[1], float(np.percentile(inside, _INNER_PERCENTILE))
    )


def _lines(layers: NDArray[np.float64], seam: int) -> list[NDArray[np.float64]]:
    """Return both sides of the line before a column and before a row: outgoing right, down, incoming right, down.

    Line 0 is the border of the patch: the outgoing side is then its last column or row, the incoming its first.
    """
    across, down = layers, np.swapaxes(layers, -1, -2)
    outgoing = [_extrapolate(one[..., seam - 1], one[..., seam - 2]) for one in (across, down)]
    return outgoing + [_extrapolate(one[..., seam], one[..., seam + 1]) for one in (across, down)]


def log_reflectance(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of DN, limited for dark values."""
    logarithm: NDArray[np.float64] = np.log(np.maximum(values.astype(np.float64), _DARKEST_DN))
    return logarithm


def _comparison_layers(patch: Patch) -> NDArray[np.float64]:
    """Return the layers (C, H, W) whose edges are compared."""
    _, height, width = patch.values.shape
    if height != width or height < 8:
        raise PatchesError(
            f"patch {patch.id} is {height} x {width} px: a mosaic needs square patches of at least 8 x 8 px"
        )
    if edge_kind(patch.channels) == "elevation":
        return patch.values[[patch.channels.index("elevation")]].astype(np.float64)
    reflectance = [name for name in patch.channels if CHANNELS[name].kind == "reflectance"]
    # Coarser channels were resampled to the pixels of the patch, so their edges add little information.
    finest = min(CHANNELS[name].resolution_m or np.inf for name in reflectance)
    return log_reflectance(patch.values[[CHANNELS[name].resolution_m == finest for name in patch.channels]])


def _extrapolate(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Extrapolate the outermost line of pixels (C, n) linearly to the border of the patch."""
    return outer + _BEYOND_PX * (outer - inner)


def _colour_profiles(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return brightness and hue of lines (..., C, n), smoothed along the lines.

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
