"""Outlines of landslides: 8-connected pixels at or above the threshold, joined across strips of any raster size.

The raster is read in strips whose height depends on its width alone; a component that touches the lower edge of a strip
stays open until the next strip is read. Boundaries are traced (``tracing.py``), so that time is linear in pixels and
vertices whatever the components. Memory holds one strip and the vertices of the open components, and every landslide
is one geometry, whatever the blocks of the map.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cc3d
import numpy as np
import shapely
from numpy.typing import NDArray

from landslip.grid.window import Window
from landslip.mapping.inventory.rings import Polygons, build_geometries, normal_order
from landslip.mapping.inventory.terrain_attributes import Terrain, TerrainSums
from landslip.mapping.inventory.tracing import Indices, Points, Rings, RingTracer
from landslip.probability import STEP, reaches_threshold


@dataclass(frozen=True, slots=True)
class Outline:
    """A landslide in pixel coordinates (x = column, y = row, from the raster's upper left corner)."""

    polygons: Polygons
    area_px: int
    probability_mean: float
    probability_max: float
    peak: tuple[int, int]
    """Row and column of the most probable pixel, the first in reading order among equals."""
    terrain: TerrainSums | None

    @property
    def geometry(self) -> shapely.MultiPolygon:
        """The landslide as one geometry; of many landslides, ``build_geometries`` is faster."""
        geometry: shapely.MultiPolygon = build_geometries(self.polygons)[0]
        return geometry


@dataclass(slots=True)
class _Open:
    """A component that may continue in the next strip."""

    area_px: int
    encoded_sum: int
    encoded_max: int
    peak: tuple[int, int]
    terrain: TerrainSums | None
    rings: list[tuple[Points, Indices, NDArray[np.int64]]] = field(default_factory=list)
    """The rings that have closed: points, sizes, and the key of the 4-connected part that each bounds."""
    joined: dict[int, int] = field(default_factory=dict)
    """Keys of parts that turned out to belong to another part, whose key is lower."""

    def join(self, other: "_Open") -> None:
        # The shorter list moves, so that a component that grows over many strips is not copied each time.
        if len(other.rings) > len(self.rings):
            self.rings, other.rings = other.rings, self.rings
        if len(other.joined) > len(self.joined):
            self.joined, other.joined = other.joined, self.joined
        self.rings += other.rings
        self.joined |= other.joined
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

    def beside(self, rings: Rings) -> NDArray[np.int64]:
        """Return the key of the component that each ring bounds, (k,)."""
        here = self.keys[self.labels[np.maximum(rings.rows - 1, 0), rings.cols]]
        return self.resolve(np.where(rings.rows == 0, self.above[rings.cols], here))

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
    tracer: RingTracer | None = None
    top = 0
    for window, encoded in pieces:
        mask = reaches_threshold(encoded, threshold)
        if tracer is None:
            tracer = RingTracer(window.width)
            components, parts = _Labels(window.width, 8), _Labels(window.width, 4)
        components.add(mask)
        parts.add(mask)
        found = _measure(window, top, encoded, components.labels, len(components.keys) - 1, terrain)
        top += window.height
        landslides: dict[int, _Open] = {}
        for key, component in (*open_ones.items(), *zip(components.keys[1:].tolist(), found, strict=True)):
            if (first := landslides.setdefault(components.roots.get(key, key), component)) is not component:
                first.join(component)
        of_parts = dict(zip(parts.above.tolist(), components.resolve(components.above).tolist(), strict=True))
        for key, root in parts.roots.items():
            # Keys of this strip are resolved before they are used.
            if key != root and key in of_parts:
                landslides[of_parts[key]].joined[key] = root
        rings = tracer.add(mask)
        _assign(rings, components.beside(rings), parts.beside(rings), landslides)
        open_ones = {key: landslides.pop(key) for key in components.still_open}
        yield from _close([landslides.pop(key) for key in sorted(landslides)])
    if tracer is not None:
        rings = tracer.add(np.zeros((1, len(parts.last_row)), np.bool_))
        _assign(rings, components.last_row[rings.cols], parts.last_row[rings.cols], open_ones)
        yield from _close([open_ones.pop(key) for key in list(open_ones)])


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
            int(area_px[i]),
            int(encoded_sum[i]),
            int(encoded_max[i]),
            (top + int(rows[i]), int(cols[i])),
            sums[i],
        )
        for i in range(count)
    ]


def _assign(rings: Rings, keys: NDArray[np.int64], parts: NDArray[np.int64], components: Mapping[int, _Open]) -> None:
    """Add rings to the components that they bound.

    Args:
        rings: that have closed.
        keys: (k,) of the component of each.
        parts: (k,) key of the part that each bounds.
        components: by key.
    """
    if not len(keys):
        return
    order = np.argsort(keys, kind="stable")
    sizes, parts = rings.sizes[order], parts[order]
    ends = np.cumsum(sizes)
    points = rings.points[np.repeat(rings.starts[order] - (ends - sizes), sizes) + np.arange(ends[-1])]
    firsts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    bounds = [*firsts.tolist(), len(order)]
    cuts = [0, *ends[np.array(bounds[1:]) - 1].tolist()]
    for n, key in enumerate(keys[order][firsts].tolist()):
        here = slice(bounds[n], bounds[n + 1])
        components[key].rings.append((points[cuts[n] : cuts[n + 1]], sizes[here], parts[here]))


def _close(components: list[_Open]) -> Iterator[Outline]:
    """Make the outlines of components that are complete."""
    if not components:
        return
    counts = [sum(len(sizes) for _, sizes, _ in component.rings) for component in components]
    points, sizes, parts = (
        np.concatenate([ring[place] for component in components for ring in component.rings]) for place in range(3)
    )
    owners = np.repeat(np.arange(len(components)), counts)
    joined: dict[int, int] = {}
    for component in components:
        joined |= component.joined
        component.rings = []
    whole = normal_order(points, sizes, _resolve(parts, joined), owners)
    del points
    for component, polygons in zip(components, whole.split(), strict=True):
        yield Outline(
            polygons,
            component.area_px,
            component.encoded_sum * STEP / component.area_px,
            component.encoded_max * STEP,
            component.peak,
            component.terrain,
        )


def _resolve(keys: NDArray[np.int64], joined: Mapping[int, int]) -> NDArray[np.int64]:
    """Replace keys of parts by the lowest key of the part that they turned out to belong to."""
    if not joined:
        return keys
    lowest: dict[int, int] = {}
    for key in sorted(joined):
        # In rising order, so that what a key was joined to is known.
        lowest[key] = lowest.get(joined[key], joined[key])
    old, new = (np.array(list(values), np.int64) for values in (lowest.keys(), lowest.values()))
    place = np.minimum(np.searchsorted(old, keys), len(old) - 1)
    return np.where(old[place] == keys, new[place], keys)
