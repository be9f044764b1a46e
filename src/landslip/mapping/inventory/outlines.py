"""Outlines of landslides: 8-connected pixels at or above the threshold, joined across strips of any raster size.

The raster is read in strips whose height depends on its width alone; a component that touches the lower edge of a strip
stays open until the next strip is read. Memory holds one strip and the open components, and every landslide is one
geometry, whatever the blocks of the map.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cc3d
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import shapes

from landslip.grid.window import Window
from landslip.mapping.inventory.terrain_attributes import Terrain, TerrainSums
from landslip.probability import STEP, reaches_threshold


@dataclass(frozen=True, slots=True)
class Outline:
    """A landslide in pixel coordinates (x = column, y = row, from the raster's upper left corner)."""

    geometry: shapely.MultiPolygon
    area_px: int
    probability_mean: float
    probability_max: float
    terrain: TerrainSums | None


@dataclass(slots=True)
class _Open:
    """A component that may continue in the next strip."""

    pieces: list[shapely.Polygon]
    area_px: int
    encoded_sum: int
    encoded_max: int
    terrain: TerrainSums | None

    def join(self, other: "_Open") -> None:
        self.pieces += other.pieces
        self.area_px += other.area_px
        self.encoded_sum += other.encoded_sum
        self.encoded_max = max(self.encoded_max, other.encoded_max)
        if self.terrain is not None and other.terrain is not None:
            self.terrain = self.terrain.merge(other.terrain)

    def close(self) -> Outline:
        return Outline(
            _join(self.pieces),
            self.area_px,
            self.encoded_sum * STEP / self.area_px,
            self.encoded_max * STEP,
            self.terrain,
        )


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
    above = np.zeros(0, np.int64)  # component of each pixel of the row above, 0 for background
    next_key = 1
    for window, encoded in pieces:
        mask = reaches_threshold(encoded, threshold)
        labels, count = _connected(mask)
        keys = np.concatenate([[0], np.arange(next_key, next_key + count)])
        next_key += count
        parts = _measure(window, encoded, labels, count, terrain)
        root = _roots(above, keys[labels[0]])
        landslides: dict[int, _Open] = {}
        for key, part in (*open_ones.items(), *zip(keys[1:].tolist(), parts, strict=True)):
            if (first := landslides.setdefault(root.get(key, key), part)) is not part:
                first.join(part)
        above = np.array([root.get(key, key) for key in keys[labels[-1]].tolist()])
        open_ones = {key: landslides.pop(key) for key in sorted(set(above.tolist()) - {0})}
        yield from (landslides[key].close() for key in sorted(landslides))
    yield from (landslide.close() for landslide in open_ones.values())


def _connected(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Label 8-connected components 1, 2, ...; 0 elsewhere."""
    labels, count = cc3d.connected_components(mask.astype(np.uint8), connectivity=8, return_N=True)
    return labels.astype(np.int32, copy=False), int(count)


def _roots(above: NDArray[np.int64], first_row: NDArray[np.int64]) -> dict[int, int]:
    """Map each key that is connected across two rows to the lowest key of its component."""
    width = len(above)
    pairs: set[tuple[int, int]] = set()
    for shift in (-1, 0, 1):
        upper = above[max(shift, 0) : width + min(shift, 0)]
        lower = first_row[max(-shift, 0) :][: len(upper)]
        both = (upper > 0) & (lower > 0)
        pairs.update(zip(upper[both].tolist(), lower[both].tolist(), strict=True))
    parent: dict[int, int] = {}

    def root(key: int) -> int:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return {key: root(key) for key in parent}


def _measure(
    window: Window,
    encoded: NDArray[np.uint8],
    labels: NDArray[np.int32],
    count: int,
    terrain: Callable[[Window], Terrain] | None,
) -> list[_Open]:
    """Measure the components 1 ... count of a strip."""
    if not count:
        return []
    inside = np.flatnonzero(labels)
    label, values = labels.ravel()[inside].astype(np.intp) - 1, encoded.ravel()[inside]
    area_px = np.bincount(label, minlength=count)
    encoded_sum = np.bincount(label, weights=values, minlength=count)
    encoded_max = np.zeros(count, np.uint8)
    np.maximum.at(encoded_max, label, values)
    sums = terrain(window).sums(inside, label, count) if terrain else [None] * count
    parts = [_Open([], int(area_px[i]), int(encoded_sum[i]), int(encoded_max[i]), sums[i]) for i in range(count)]
    # 4-connected: rings that touch at a corner only would make invalid polygons.
    for polygon, value in shapes(labels, mask=labels > 0, connectivity=4, transform=Affine.translation(0, window.row)):
        exterior, *holes = polygon["coordinates"]
        parts[int(value) - 1].pieces.append(shapely.Polygon(exterior, holes))
    return parts


def _join(pieces: list[shapely.Polygon]) -> shapely.MultiPolygon:
    """Join the pieces of a landslide to one valid geometry, the same for any cut into strips."""
    whole = pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)
    if not whole.is_valid:
        whole = shapely.make_valid(whole)
    # A normalised ring starts at a true corner, so that every vertex on a straight line can be removed. The order of
    # the parts depended on those vertices, so it is normalised again.
    whole = shapely.normalize(shapely.simplify(shapely.normalize(whole), 0))
    return shapely.MultiPolygon([part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"])
