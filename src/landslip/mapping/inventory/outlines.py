"""Landslides as outlines: connected pixels at or above the threshold, joined across strips of any raster size.

Pixels that touch by a side or a corner belong to one landslide. The raster is read in strips whose height follows from
its width alone; what touches a strip's edge stays open until the next one has been seen. So memory holds one strip and
the landslides still open, and every landslide comes out as one geometry, however the map was cut into blocks.
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
from landslip.mapping.inventory.ground import Ground, GroundSums
from landslip.probability import STEP, reaches_threshold

STRIP_PX = 1 << 22


@dataclass(frozen=True, slots=True)
class Outline:
    """One landslide in pixel coordinates (x = column, y = row, from the raster's upper left corner)."""

    geometry: shapely.MultiPolygon
    area_px: int
    probability_mean: float
    probability_max: float
    ground: GroundSums | None


@dataclass(slots=True)
class _Open:
    """A landslide that may go on in the next strip."""

    pieces: list[shapely.Polygon]
    area_px: int
    level_sum: int
    level_max: int
    ground: GroundSums | None

    def join(self, other: "_Open") -> None:
        self.pieces += other.pieces
        self.area_px += other.area_px
        self.level_sum += other.level_sum
        self.level_max = max(self.level_max, other.level_max)
        if self.ground is not None and other.ground is not None:
            self.ground = self.ground.merged(other.ground)

    def closed(self) -> Outline:
        return Outline(
            _joined(self.pieces),
            self.area_px,
            self.level_sum * STEP / self.area_px,
            self.level_max * STEP,
            self.ground,
        )


def strips(height: int, width: int) -> Iterator[Window]:
    """Cut a raster into full-width strips of about 4 million pixels, at most 512 rows and at least 16."""
    rows = min(max(STRIP_PX // width, 16), 512)
    for row in range(0, height, rows):
        yield Window(row, 0, min(rows, height - row), width)


def outlines(
    pieces: Iterable[tuple[Window, NDArray[np.uint8]]],
    threshold: float,
    ground: Callable[[Window], Ground] | None = None,
) -> Iterator[Outline]:
    """Find the landslides of a raster.

    Args:
        pieces: strips from top to bottom without gaps, each with its levels (h, w) uint8.
        threshold: probability from which a pixel counts.
        ground: gives elevation and slope of a strip, where the scene knows them.

    Yields:
        Each landslide once, when no further strip can touch it; the order depends on the raster alone.
    """
    going_on: dict[int, _Open] = {}
    above = np.zeros(0, np.int64)  # which landslide each pixel of the row above belongs to, 0 for none
    next_key = 1
    for window, levels in pieces:
        mask = reaches_threshold(levels, threshold)
        labels, count = _connected(mask)
        keys = np.concatenate([[0], np.arange(next_key, next_key + count)])
        next_key += count
        parts = _measure(window, levels, labels, count, ground)
        root = _roots(above, keys[labels[0]])
        landslides: dict[int, _Open] = {}
        for key, part in (*going_on.items(), *zip(keys[1:].tolist(), parts, strict=True)):
            if (first := landslides.setdefault(root.get(key, key), part)) is not part:
                first.join(part)
        above = np.array([root.get(key, key) for key in keys[labels[-1]].tolist()])
        going_on = {key: landslides.pop(key) for key in sorted(set(above.tolist()) - {0})}
        yield from (landslides[key].closed() for key in sorted(landslides))
    yield from (landslide.closed() for landslide in going_on.values())


def _connected(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number the groups of pixels that touch by a side or a corner 1, 2, ...; 0 elsewhere."""
    labels, count = cc3d.connected_components(mask.astype(np.uint8), connectivity=8, return_N=True)
    return labels.astype(np.int32, copy=False), int(count)


def _roots(above: NDArray[np.int64], first_row: NDArray[np.int64]) -> dict[int, int]:
    """Which keys are one landslide because their pixels touch across two rows: each such key with its lowest."""
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
    levels: NDArray[np.uint8],
    labels: NDArray[np.int32],
    count: int,
    ground: Callable[[Window], Ground] | None,
) -> list[_Open]:
    """What a strip knows of each of its labels 1 ... count."""
    if not count:
        return []
    inside = np.flatnonzero(labels)
    label, level = labels.ravel()[inside].astype(np.intp) - 1, levels.ravel()[inside]
    area_px = np.bincount(label, minlength=count)
    level_sum = np.bincount(label, weights=level, minlength=count)
    level_max = np.zeros(count, np.uint8)
    np.maximum.at(level_max, label, level)
    sums = ground(window).sums(inside, label, count) if ground else [None] * count
    parts = [_Open([], int(area_px[i]), int(level_sum[i]), int(level_max[i]), sums[i]) for i in range(count)]
    # Side by side only: rings of pixels that touch by a corner alone would not be valid polygons.
    for polygon, value in shapes(labels, mask=labels > 0, connectivity=4, transform=Affine.translation(0, window.row)):
        exterior, *holes = polygon["coordinates"]
        parts[int(value) - 1].pieces.append(shapely.Polygon(exterior, holes))
    return parts


def _joined(pieces: list[shapely.Polygon]) -> shapely.MultiPolygon:
    """One valid geometry of a landslide's pieces, the same however they were cut."""
    whole = pieces[0] if len(pieces) == 1 else shapely.union_all(pieces)
    if not whole.is_valid:
        whole = shapely.make_valid(whole)
    # A ring starts at a true corner once normalised; then every vertex on a straight line can go. The order of the
    # parts hung on those vertices too, so it is settled anew.
    whole = shapely.normalize(shapely.simplify(shapely.normalize(whole), 0))
    return shapely.MultiPolygon([part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"])
