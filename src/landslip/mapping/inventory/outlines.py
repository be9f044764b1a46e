"""Outlines of landslides: 8-connected pixels at or above the threshold, joined across strips of any raster size.

The raster is read in strips whose height depends on its width alone; a component that touches the lower edge of a strip
stays open until the next strip is read. Boundaries are traced (``tracing.py``), so that time is linear in pixels and
vertices whatever the components. Memory holds one strip and the open components, and every landslide is one geometry,
whatever the blocks of the map.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cc3d
import numpy as np
import shapely
from numpy.typing import NDArray

from landslip.grid.window import Window
from landslip.mapping.inventory.terrain_attributes import Terrain, TerrainSums
from landslip.mapping.inventory.tracing import Indices, Points, Rings, RingTracer, doubled_areas
from landslip.probability import STEP, reaches_threshold


@dataclass(frozen=True, slots=True)
class Outline:
    """A landslide in pixel coordinates (x = column, y = row, from the raster's upper left corner)."""

    geometry: shapely.MultiPolygon
    area_px: int
    probability_mean: float
    probability_max: float
    peak: tuple[int, int]
    """Row and column of the most probable pixel, the first in reading order among equals."""
    terrain: TerrainSums | None


@dataclass(slots=True)
class _Part:
    """4-connected pixels, which make one polygon: the rings that have closed, as points and sizes."""

    rings: list[tuple[Points, Indices]] = field(default_factory=list)
    absorbed: bool = False

    def join(self, other: "_Part") -> None:
        # The shorter list moves, so that a part that grows over many strips is not copied each time.
        if len(other.rings) > len(self.rings):
            self.rings, other.rings = other.rings, self.rings
        self.rings += other.rings
        other.rings, other.absorbed = [], True


@dataclass(slots=True)
class _Open:
    """A component that may continue in the next strip."""

    parts: list[_Part]
    area_px: int
    encoded_sum: int
    encoded_max: int
    peak: tuple[int, int]
    terrain: TerrainSums | None

    def join(self, other: "_Open") -> None:
        if len(other.parts) > len(self.parts):
            self.parts, other.parts = other.parts, self.parts
        self.parts += other.parts
        self.area_px += other.area_px
        self.encoded_sum += other.encoded_sum
        if (-other.encoded_max, other.peak) < (-self.encoded_max, self.peak):
            self.encoded_max, self.peak = other.encoded_max, other.peak
        if self.terrain is not None and other.terrain is not None:
            self.terrain = self.terrain.merge(other.terrain)


class _Labels:
    """Connected components of consecutive strips: each has a key, and some keys turn out to be one component."""

    def __init__(self, width: int, connectivity: Literal[4, 8]) -> None:
        self.last_row = np.zeros(width, np.int64)
        """Key of each pixel of the last row, 0 for background."""
        self._connectivity = connectivity
        self._next_key = 1

    def add(self, mask: NDArray[np.bool_]) -> None:
        """Label the next strip."""
        self.above = self.last_row
        labels, count = cc3d.connected_components(mask.astype(np.uint8), connectivity=self._connectivity, return_N=True)
        self.labels: NDArray[np.int32] = labels.astype(np.int32, copy=False)
        self.keys = np.arange(self._next_key - 1, self._next_key + count)
        self._next_key += count
        self.keys[0] = 0
        shifts = (-1, 0, 1) if self._connectivity == 8 else (0,)
        self.roots = _roots(self.above, self.keys[self.labels[0]], shifts)
        self.last_row = self.resolve(self.keys[self.labels[-1]])

    def resolve(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replace keys by the lowest key of their component."""
        return np.array([self.roots.get(key, key) for key in keys.tolist()], np.int64)

    @property
    def still_open(self) -> list[int]:
        """Keys of the components that touch the last row, in order."""
        return sorted(set(self.last_row.tolist()) - {0})


def trace_outlines(
    pieces: Iterable[tuple[Window, NDArray[np.uint8]]],
    threshold: float,
    terrain: Callable[[Window], Terrain] | None = None,
) -> Iterator[Outline]:
    """Trace the outlines of the landslides of a raster.

    Args:
        pieces: strips from top to bottom without gaps, each with its encoded probability (H, W) uint8.
        threshold: probability from which a pixel is landslide.
        terrain: reads the terrain of a strip, if there is any.

    Yields:
        Each landslide once, when no further strip can touch it; the order depends on the raster alone.
    """
    open_ones: dict[int, _Open] = {}
    open_parts: dict[int, _Part] = {}
    tracer: RingTracer | None = None
    top = 0
    for window, encoded in pieces:
        mask = reaches_threshold(encoded, threshold)
        if tracer is None:
            tracer = RingTracer(window.width)
            components, sides = _Labels(window.width, 8), _Labels(window.width, 4)
        components.add(mask)
        sides.add(mask)
        found = _measure(window, top, encoded, components.labels, len(components.keys) - 1, terrain)
        top += window.height
        new_parts = [_Part() for _ in sides.keys[1:]]
        owner = np.zeros(len(sides.keys), np.intp)
        owner[sides.labels] = components.labels
        for number, part in zip(owner[1:].tolist(), new_parts, strict=True):
            found[number - 1].parts.append(part)
        parts: dict[int, _Part] = {}
        for key, part in (*open_parts.items(), *zip(sides.keys[1:].tolist(), new_parts, strict=True)):
            if (first_part := parts.setdefault(sides.roots.get(key, key), part)) is not part:
                first_part.join(part)
        landslides: dict[int, _Open] = {}
        for key, component in (*open_ones.items(), *zip(components.keys[1:].tolist(), found, strict=True)):
            if (first := landslides.setdefault(components.roots.get(key, key), component)) is not component:
                first.join(component)
        rings = tracer.add(mask)
        here = sides.keys[sides.labels[np.maximum(rings.rows - 1, 0), rings.cols]]
        _assign(rings, sides.resolve(np.where(rings.rows == 0, sides.above[rings.cols], here)), parts)
        open_parts = {key: parts[key] for key in sides.still_open}
        open_ones = {key: landslides.pop(key) for key in components.still_open}
        yield from _close([landslides[key] for key in sorted(landslides)])
    if tracer is not None:
        rings = tracer.add(np.zeros((1, len(sides.last_row)), np.bool_))
        _assign(rings, sides.last_row[rings.cols], open_parts)
        yield from _close(list(open_ones.values()))


def _roots(above: NDArray[np.int64], first_row: NDArray[np.int64], shifts: Sequence[int]) -> dict[int, int]:
    """Map each key that is connected across two rows to the lowest key of its component."""
    width = len(above)
    pairs: set[tuple[int, int]] = set()
    for shift in shifts:
        upper = above[max(shift, 0) : width + min(shift, 0)]
        lower = first_row[max(-shift, 0) :][: len(upper)]
        both = (upper > 0) & (lower > 0)
        pairs.update(zip(upper[both].tolist(), lower[both].tolist(), strict=True))
    parent: dict[int, int] = {}

    def root(key: int) -> int:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {key: root(key) for key in parent}


def _measure(
    window: Window,
    top: int,
    encoded: NDArray[np.uint8],
    labels: NDArray[np.int32],
    count: int,
    terrain: Callable[[Window], Terrain] | None,
) -> list[_Open]:
    """Measure the components 1 ... count of a strip whose first row is row ``top`` of the raster."""
    if not count:
        return []
    inside = np.flatnonzero(labels)
    label, values = labels.ravel()[inside].astype(np.intp) - 1, encoded.ravel()[inside]
    area_px = np.bincount(label, minlength=count)
    encoded_sum = np.bincount(label, weights=values, minlength=count)
    encoded_max = np.zeros(count, np.uint8)
    np.maximum.at(encoded_max, label, values)
    highest = np.flatnonzero(values == encoded_max[label])[::-1]
    peaks = np.zeros(count, np.intp)
    # In reverse order, so that the first pixel of each component remains.
    peaks[label[highest]] = inside[highest]
    rows, cols = np.divmod(peaks, labels.shape[1])
    sums = terrain(window).sums(inside, label, count) if terrain else [None] * count
    return [
        _Open(
            [],
            int(area_px[i]),
            int(encoded_sum[i]),
            int(encoded_max[i]),
            (top + int(rows[i]), int(cols[i])),
            sums[i],
        )
        for i in range(count)
    ]


def _assign(rings: Rings, keys: NDArray[np.int64], parts: Mapping[int, _Part]) -> None:
    """Add rings to the parts that they bound.

    Args:
        rings: that have closed.
        keys: (k,) of the part of each.
        parts: by key.
    """
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    sizes = rings.sizes[order]
    ends = np.cumsum(sizes)
    points = rings.points[np.repeat(rings.starts[order] - (ends - sizes), sizes) + np.arange(ends[-1])]
    firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    bounds = [*firsts.tolist(), len(order)]
    cuts = [0, *ends[np.array(bounds[1:]) - 1].tolist()]
    for n, key in enumerate(keys[order][firsts].tolist()):
        parts[key].rings.append((points[cuts[n] : cuts[n + 1]], sizes[bounds[n] : bounds[n + 1]]))


def _close(components: Sequence[_Open]) -> Iterator[Outline]:
    """Make the outlines of components that are complete."""
    if not components:
        return
    owners, counts, rings = [], [], []
    for number, component in enumerate(components):
        for part in component.parts:
            if not part.absorbed:
                owners.append(number)
                counts.append(sum(len(sizes) for _, sizes in part.rings))
                rings += part.rings
        component.parts = []
    points = np.concatenate([piece for piece, _ in rings])
    sizes = np.concatenate([size for _, size in rings])
    polygon = np.repeat(np.arange(len(counts)), counts)
    # The exterior of a polygon comes first, then its holes.
    order = np.lexsort((doubled_areas(points, sizes) < 0, polygon))
    lines = np.asarray(shapely.linearrings(points.astype(np.float64), indices=np.repeat(np.arange(len(sizes)), sizes)))
    polygons = np.asarray(shapely.polygons(lines[order], indices=polygon[order]))
    geometries = shapely.normalize(np.asarray(shapely.multipolygons(polygons, indices=np.array(owners))))
    for component, geometry in zip(components, geometries, strict=True):
        yield Outline(
            geometry,
            component.area_px,
            component.encoded_sum * STEP / component.area_px,
            component.encoded_max * STEP,
            component.peak,
            component.terrain,
        )
