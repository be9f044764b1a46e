"""Rings of pixel corners as arrays: in normal order, as geometries, and what is measured on them.

A landslide may have millions of vertices. They stay integers, 8 bytes each, until its geometry is built, which happens
once and by way of WKB: a geometry made of rings that are made of points would exist three times. What needs more than a
few bytes per vertex is done in blocks of rings.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from landslip.mapping.inventory.tracing import Indices, Points, doubled_areas

_BLOCK: Final = 1 << 19
"""Vertices of a block of rings."""
_HEADER: Final = np.dtype([("little_endian", "u1"), ("kind", "<u4"), ("count", "<u4")])
_POLYGON: Final = 3
_MULTIPOLYGON: Final = 6
_LONGEST: Final = 2 * _HEADER.itemsize + 4
"""Most bytes of WKB between the points of two rings."""

Transform: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From coordinates (n, 2) to coordinates (n, 2)."""


@dataclass(frozen=True, slots=True)
class Polygons:
    """Landslides as polygons of pixel corners; in each polygon the exterior ring comes first, then its holes."""

    points: Points
    """Of all rings, one after the other; the first point of a ring is not repeated at its end."""
    sizes: Indices
    """(k,) points of each ring."""
    exterior: NDArray[np.bool_]
    """(k,) whether a ring begins a polygon."""
    owners: Indices
    """(k,) number of the landslide of each ring, 0, 0, 1, ..."""

    @property
    def firsts(self) -> Indices:
        """(n + 1,) the first ring of each landslide, and the number of rings."""
        return np.flatnonzero(np.diff(self.owners, prepend=-1, append=-1))

    def split(self) -> Iterator["Polygons"]:
        """Yield each landslide by itself, as views of the same arrays."""
        bounds = self.firsts.tolist()
        ends = [0, *np.cumsum(self.sizes)[self.firsts[1:] - 1].tolist()]
        for n, (first, last) in enumerate(pairwise(bounds)):
            rings = slice(first, last)
            yield Polygons(
                self.points[ends[n] : ends[n + 1]], self.sizes[rings], self.exterior[rings], self.owners[rings] - n
            )

    @classmethod
    def join(cls, several: Sequence["Polygons"]) -> "Polygons":
        """Put landslides, each by itself, one after the other."""
        if len(several) == 1:
            return several[0]
        none = cls(np.zeros((0, 2), np.int32), np.zeros(0, np.intp), np.zeros(0, np.bool_), np.zeros(0, np.intp))
        points, sizes, exterior = (
            np.concatenate([getattr(one, name) for one in (none, *several)]) for name in ("points", "sizes", "exterior")
        )
        return cls(points, sizes, exterior, np.repeat(np.arange(len(several)), [len(one.sizes) for one in several]))


def ring_blocks(sizes: Indices) -> Iterator[tuple[slice, slice]]:
    """Yield blocks of whole rings, as slices of the rings and of their points.

    Args:
        sizes: (k,) points of each ring.

    Example:
        >>> list(ring_blocks(np.array([5, 7])))
        [(slice(0, 2, None), slice(0, 12, None))]
    """
    ends = np.cumsum(sizes)
    first = done = 0
    while first < len(sizes):
        last = max(first + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        yield slice(first, last), slice(done, int(ends[last - 1]))
        first, done = last, int(ends[last - 1])


def normal_order(points: Points, sizes: Indices, parts: NDArray[np.int64], owners: Indices) -> Polygons:
    """Bring rings into the order of ``shapely.normalize``.

    Every ring begins at its leftmost and then lowest coordinate, exteriors run clockwise and holes counter-clockwise;
    holes and polygons are sorted by the points of their ring, most first, and then by where it begins, the last first.

    Args:
        points: of all rings, with the mask on their right.
        sizes: (k,) points of each ring.
        parts: (k,) key of the polygon of each.
        owners: (k,) number of the landslide of each, rising.
    """
    lowest, begins = np.empty(len(sizes), np.int64), np.empty(len(sizes), np.int64)
    hole = np.empty(len(sizes), np.bool_)
    for rings, inside in ring_blocks(sizes):
        block, here = points[inside].astype(np.int64), sizes[rings]
        keys = (block[:, 0] << 32) | block[:, 1]
        lowest[rings] = np.minimum.reduceat(keys, np.cumsum(here) - here)
        # A simple ring passes each point once.
        begins[rings] = inside.start + np.flatnonzero(keys == np.repeat(lowest[rings], here))
        hole[rings] = doubled_areas(points[inside], here) < 0
    polygon = np.unique(parts, return_inverse=True)[1]
    rank = np.empty(len(sizes), np.intp)
    rank[np.lexsort((lowest, sizes))] = np.arange(len(sizes))
    polygon_rank = np.empty(polygon.max() + 1, np.intp)
    polygon_rank[polygon[~hole]] = rank[~hole]
    order = np.lexsort((-rank, hole, -polygon_rank[polygon], owners))
    starts, begins = (np.cumsum(sizes) - sizes)[order], begins[order]
    sizes = sizes[order]
    ordered = np.empty_like(points)
    for rings, inside in ring_blocks(sizes):
        here = sizes[rings]
        firsts = np.repeat(starts[rings], here)
        steps = np.arange(here.sum()) - np.repeat(np.cumsum(here) - here, here)
        # Backwards, since the mask is to be on the other side.
        ordered[inside] = points[firsts + (np.repeat(begins[rings], here) - firsts - steps) % np.repeat(here, here)]
    return Polygons(ordered, sizes, ~hole[order], owners)


def build_geometries(polygons: Polygons, transform: Transform | None = None) -> NDArray[np.object_]:
    """Build one multipolygon of each landslide, (n,).

    Args:
        polygons: of the landslides.
        transform: from pixel coordinates to those of the geometries; pixel coordinates where None.

    Example:
        >>> corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]])
        >>> print(build_geometries(Polygons(corners, np.array([4]), np.array([True]), np.array([0])))[0])
        MULTIPOLYGON (((0 0, 0 1, 1 1, 1 0, 0 0)))
    """
    return np.array(shapely.from_wkb(_to_wkb(polygons, transform)), dtype=object)


def _to_wkb(polygons: Polygons, transform: Transform | None) -> list[bytes]:
    """Write each landslide as well-known binary, in a number of steps that does not grow with that of the rings."""
    points, sizes, exterior = polygons.points, polygons.sizes, polygons.exterior
    firsts, counted = polygons.firsts, np.flatnonzero(exterior)
    new = np.zeros(len(sizes), np.intp)
    new[firsts[:-1]] = 1
    before = 4 + _HEADER.itemsize * (exterior + new)
    lengths = before + 16 * (sizes + 1)
    starts = np.cumsum(lengths) - lengths
    wkb = np.empty(lengths.sum(), np.uint8)
    _write(wkb, starts[firsts[:-1]], _headers(_MULTIPOLYGON, np.add.reduceat(exterior, firsts[:-1], dtype=np.intp)))
    _write(
        wkb,
        starts[counted] + _HEADER.itemsize * new[counted],
        _headers(_POLYGON, np.diff(counted, append=len(sizes))),
    )
    _write(wkb, starts + before - 4, (sizes + 1).astype("<u4"))
    for rings, inside in ring_blocks(sizes):
        here, base = sizes[rings], starts[rings.start]
        holds_point = np.ones(lengths[rings].sum(), np.bool_)
        places = (starts[rings, None] - base) + np.arange(_LONGEST)
        holds_point[places[np.arange(_LONGEST) < before[rings, None]]] = False
        ends = np.cumsum(here)
        coordinates = points[inside][np.insert(np.arange(ends[-1]), ends, ends - here)].astype(np.float64)
        if transform:
            coordinates = transform(coordinates)
        block = wkb[base : base + len(holds_point)]
        block[holds_point] = np.ascontiguousarray(coordinates, "<f8").view(np.uint8).ravel()
    bounds = [*starts[firsts[:-1]].tolist(), len(wkb)]
    return [wkb[start:end].tobytes() for start, end in pairwise(bounds)]


def _headers(code: int, counts: Indices) -> NDArray[np.void]:
    headers = np.empty(len(counts), _HEADER)
    headers["little_endian"], headers["kind"], headers["count"] = 1, code, counts
    return headers


def _write(wkb: NDArray[np.uint8], places: Indices, values: NDArray[np.generic]) -> None:
    wkb[places[:, None] + np.arange(values.itemsize)] = values.view(np.uint8).reshape(-1, values.itemsize)


def extreme_points(polygons: Polygons) -> NDArray[np.object_]:
    """Return the leftmost and the rightmost corner of every row of each landslide as one multipoint, (n,).

    They have the convex hull of the landslide, and are at most two a row, whatever the number of vertices.
    """
    sizes, owners = polygons.sizes, polygons.owners
    top, bottom = (np.empty(len(sizes), np.int64) for _ in range(2))
    for rings, inside in ring_blocks(sizes):
        starts, rows = np.cumsum(sizes[rings]) - sizes[rings], polygons.points[inside, 1]
        top[rings], bottom[rings] = np.minimum.reduceat(rows, starts), np.maximum.reduceat(rows, starts)
    firsts = polygons.firsts[:-1]
    top, bottom = np.minimum.reduceat(top, firsts), np.maximum.reduceat(bottom, firsts)
    heights = bottom - top + 1
    # Rows of all landslides, one landslide after the other.
    shift = np.cumsum(heights) - heights - top
    left, right = (np.full(heights.sum(), value, np.int32) for value in (np.iinfo(np.int32).max, -1))
    for rings, inside in ring_blocks(sizes):
        cols, rows = polygons.points[inside].T
        places = rows + np.repeat(shift[owners[rings]], sizes[rings])
        np.minimum.at(left, places, cols)
        np.maximum.at(right, places, cols)
    known = np.flatnonzero(right >= 0)
    owner = np.repeat(np.arange(len(heights)), heights)[known]
    ends = np.column_stack([left[known], known - shift[owner], right[known], known - shift[owner]]).reshape(-1, 2)
    return np.array(shapely.multipoints(np.asarray(shapely.points(ends)), indices=np.repeat(owner, 2)), dtype=object)


def centroids(polygons: Polygons) -> NDArray[np.float64]:
    """Return the centroid of each landslide, (n, 2) column and row.

    Example:
        >>> corners = np.array([[2, 0], [2, 1], [3, 1], [3, 0]])
        >>> centroids(Polygons(corners, np.array([4]), np.array([True]), np.array([0]))).tolist()
        [[2.5, 0.5]]
    """
    sizes, owners = polygons.sizes, polygons.owners
    # From a point of the landslide, so that digits are not lost far from the corner of the raster.
    origins = polygons.points[(np.cumsum(sizes) - sizes)[polygons.firsts[:-1]]]
    sums = np.zeros((len(sizes), 3))
    for rings, inside in ring_blocks(sizes):
        here = sizes[rings]
        starts = np.cumsum(here) - here
        x, y = (polygons.points[inside] - np.repeat(origins[owners[rings]], here, axis=0)).T.astype(np.float64)
        following = np.arange(1, len(x) + 1)
        following[starts + here - 1] = starts
        cross = x * y[following] - x[following] * y
        for place, values in enumerate((cross, cross * (x + x[following]), cross * (y + y[following]))):
            sums[rings, place] = np.add.reduceat(values, starts)
    area, *moments = np.add.reduceat(sums, polygons.firsts[:-1]).T
    return np.asarray(origins + np.column_stack(moments) / (3 * area[:, None]))
