"""Which polygons of different maps are one landslide."""

from collections.abc import Callable
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

MIN_OVERLAP: Final = 0.25
"""Fraction of the smaller polygon. Pixels of other grids and small shifts between images leave less of small landslides
in common than of large ones."""


def group_duplicates(
    geometries: NDArray[np.object_],
    owners: NDArray[np.intp],
    *,
    min_overlap: float = MIN_OVERLAP,
    continues: Callable[[int, int], bool] = lambda _one, _other: False,
) -> NDArray[np.intp]:
    """Group polygons that are one landslide.

    Two polygons of different maps are one landslide where they overlap by at least a fraction of the smaller; where the
    maps are parts of one scene, also where they touch, since the border between the parts cut a landslide in two.
    Groups are closed: if A is B and B is C, all three are one, even if A and C are of one map.

    Args:
        geometries: (n,) polygons in one CRS.
        owners: (n,) number of the map of each.
        min_overlap: fraction of the area of the smaller polygon, above 0 and at most 1.
        continues: tells for the numbers of two maps whether they are parts of one scene.

    Returns:
        Number of the group of each polygon (n,), from 0, in the order of the first polygon of each group.

    Example:
        >>> boxes = np.array([shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2), shapely.box(9, 9, 10, 10)])
        >>> group_duplicates(boxes, np.array([0, 1, 1])).tolist()
        [0, 0, 1]
    """
    first, second = _touching(geometries, owners)
    common = shapely.area(shapely.intersection(geometries[first], geometries[second]))
    areas = shapely.area(geometries)
    smaller = np.minimum(areas[first], areas[second])
    joined = common >= min_overlap * smaller
    for pair in np.flatnonzero(~joined):
        joined[pair] = continues(int(owners[first[pair]]), int(owners[second[pair]]))
    return _components(len(geometries), first[joined], second[joined])


def _touching(geometries: NDArray[np.object_], owners: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of polygons of different maps that have a point in common, each pair once."""
    tree = shapely.STRtree(geometries)
    first, second = tree.query(geometries, predicate="intersects")
    kept = (first < second) & (owners[first] != owners[second])
    return first[kept], second[kept]


def _components(count: int, first: NDArray[np.intp], second: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the connected components of a graph, in the order of their first node."""
    parents = np.arange(count)

    def root(node: int) -> int:
        while parents[node] != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        low, high = sorted((root(one), root(other)))
        parents[high] = low
    roots = np.array([root(node) for node in range(count)], np.intp)
    # The root of a component is its first node.
    return np.asarray(np.unique(roots, return_inverse=True)[1], np.intp).reshape(count)
