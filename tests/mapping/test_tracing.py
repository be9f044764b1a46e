"""Properties of traced polygons: those that a union of pixels gives, on every kind of mask, however it is cut."""

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from rasterio.features import shapes

from landslip.grid.window import Window
from landslip.mapping.inventory import rings as rings_module
from landslip.mapping.inventory.outlines import trace_outlines
from landslip.mapping.inventory.rings import Polygons, build_geometries, centroids, extreme_points
from landslip.mapping.inventory.tracing import RingTracer, doubled_areas

Mask = NDArray[np.bool_]
masks = hnp.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def traced(mask: Mask, heights: Sequence[int] = (10_000,)) -> list[shapely.MultiPolygon]:
    """The geometries of a mask that comes in strips of these heights, again and again."""
    pieces, row = [], 0
    while row < len(mask):
        part = mask[row : row + heights[len(pieces) % len(heights)]]
        pieces.append((Window(row, 0, *part.shape), np.where(part, 250, 0).astype(np.uint8)))
        row += len(part)
    return [outline.geometry for outline in trace_outlines(pieces, 0.5)]


def union_of_pixels(mask: Mask) -> shapely.MultiPolygon:
    """One geometry of all pixels, without vertices on straight lines."""
    rows, cols = np.nonzero(mask)
    whole = shapely.union_all(shapely.box(cols, rows, cols + 1, rows + 1))
    return shapely.normalize(shapely.simplify(shapely.normalize(whole), 0))


def spiral(size: int) -> Mask:
    """A path one pixel wide that winds inwards, with one pixel between its turns."""
    mask = np.zeros((size, size), np.bool_)
    row, col, step_row, step_col = 0, 0, 0, 1
    mask[0, 0] = True
    while True:
        ahead = row + 2 * step_row, col + 2 * step_col
        next_row, next_col = row + step_row, col + step_col
        inside = 0 <= next_row < size and 0 <= next_col < size
        taken = 0 <= ahead[0] < size and 0 <= ahead[1] < size and mask[ahead]
        if inside and not taken:
            row, col = next_row, next_col
            mask[row, col] = True
            continue
        step_row, step_col = step_col, -step_row
        if not (0 <= row + step_row < size and 0 <= col + step_col < size) or mask[row + step_row, col + step_col]:
            return mask
        ahead = row + 2 * step_row, col + 2 * step_col
        if 0 <= ahead[0] < size and 0 <= ahead[1] < size and mask[ahead]:
            return mask


def comb(size: int) -> Mask:
    mask = np.zeros((size, size), np.bool_)
    mask[:, ::2] = True
    mask[-1] = True
    return mask


def nested_rings(size: int) -> Mask:
    distance = np.minimum.outer(np.minimum(np.arange(size), np.arange(size)[::-1]), np.arange(size))
    distance = np.minimum(distance, distance[:, ::-1])
    return distance % 2 == 0


STRUCTURED = {
    "spiral": spiral(41),
    "comb": comb(30),
    "comb upside down": comb(30)[::-1],
    "checkerboard": np.indices((25, 24)).sum(axis=0) % 2 == 0,
    "full": np.ones((17, 23), np.bool_),
    "nested rings": nested_rings(31),
    "stripes": np.broadcast_to(np.arange(20)[:, None] % 2 == 0, (20, 15)).copy(),
    "diagonals": np.indices((20, 20)).sum(axis=0) % 3 == 0,
    "single pixel": np.ones((1, 1), np.bool_),
    "nothing": np.zeros((5, 4), np.bool_),
}


@given(masks, st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_the_polygons_are_those_of_a_union_of_pixels(mask: Mask, heights: list[int]) -> None:
    found = traced(mask, heights)
    assert all(geometry.is_valid for geometry in found)
    assert sum(geometry.area for geometry in found) == mask.sum()
    if found:
        assert shapely.normalize(shapely.MultiPolygon(shapely.get_parts(found))).equals_exact(
            shapely.normalize(shapely.MultiPolygon(shapely.get_parts(union_of_pixels(mask)))), 0
        )


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.parametrize("heights", [(10_000,), (1,), (2, 3), (7,)])
def test_structured_masks_are_exact(name: str, heights: tuple[int, ...]) -> None:
    mask = STRUCTURED[name]
    found = traced(mask, heights)
    assert {geometry.wkb for geometry in found} == {geometry.wkb for geometry in traced(mask)}
    parts = shapely.get_parts(found)
    assert sum(part.area for part in parts) == mask.sum()
    if len(parts):
        assert shapely.normalize(shapely.MultiPolygon(parts)).equals_exact(
            shapely.normalize(shapely.MultiPolygon(shapely.get_parts(union_of_pixels(mask)))), 0
        )


@given(masks)
def test_parts_are_the_polygons_of_gdal(mask: Mask) -> None:
    ours = {shapely.normalize(part).area for part in shapely.get_parts(traced(mask))}
    gdal = [shapely.geometry.shape(polygon) for polygon, _ in shapes(mask.astype(np.uint8), mask=mask, connectivity=4)]
    # GDAL lets a ring touch itself, so geometries are compared after they are made valid.
    assert ours == {shapely.make_valid(polygon).area for polygon in gdal}
    assert len(shapely.get_parts(traced(mask))) == len(gdal)


@given(masks, st.integers(1, 4))
def test_areas_of_rings_add_up_to_the_pixels(mask: Mask, height: int) -> None:
    tracer = RingTracer(mask.shape[1])
    total = 0
    for row in range(0, len(mask), height):
        rings = tracer.add(mask[row : row + height])
        total += int(doubled_areas(rings.points, rings.sizes).sum()) if len(rings.sizes) else 0
    rings = tracer.add(np.zeros((1, mask.shape[1]), np.bool_))
    total += int(doubled_areas(rings.points, rings.sizes).sum()) if len(rings.sizes) else 0
    assert total == 2 * mask.sum()


@pytest.mark.slow
@pytest.mark.parametrize("height", [64, 1000])
def test_a_percolating_mask_is_the_same_however_it_is_cut(height: int) -> None:
    mask = np.random.default_rng(0).random((700, 700)) < 0.62
    whole, cut = traced(mask), traced(mask, (height,))
    assert {geometry.wkb for geometry in whole} == {geometry.wkb for geometry in cut}
    largest = max(whole, key=lambda geometry: geometry.area)
    assert largest.is_valid
    assert largest.area > 0.5 * mask.sum()
    assert sum(geometry.area for geometry in whole) == mask.sum()


@pytest.mark.slow
def test_a_million_components_are_all_found() -> None:
    mask = np.zeros((3000, 3000), np.bool_)
    mask[::3, ::3] = True
    found = traced(mask, (512,))
    assert len(found) == 1_000_000
    assert all(geometry.area == 1 for geometry in found[::997])


@given(masks, st.integers(1, 4))
def test_geometries_are_normalised(mask: Mask, height: int) -> None:
    for geometry in traced(mask, (height,)):
        assert geometry.wkb == shapely.normalize(geometry).wkb


@pytest.mark.parametrize("mask", STRUCTURED.values(), ids=STRUCTURED)
def test_many_landslides_are_measured_as_their_geometries(mask: Mask) -> None:
    encoded = np.where(mask, 250, 0).astype(np.uint8)
    polygons = Polygons.join([one.polygons for one in trace_outlines([(Window(0, 0, *mask.shape), encoded)], 0.5)])
    geometries = build_geometries(polygons)
    assert geometries.tolist() == traced(mask)
    np.testing.assert_allclose(
        centroids(polygons), shapely.get_coordinates(shapely.centroid(geometries)).reshape(-1, 2), rtol=1e-12
    )
    hulls = [shapely.convex_hull(parts) for parts in (extreme_points(polygons), geometries)]
    assert shapely.equals(*hulls).all()


def test_blocks_of_rings_do_not_change_a_geometry(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(1).random((60, 60)) < 0.62
    whole = [geometry.wkb for geometry in traced(mask, (16,))]
    monkeypatch.setattr(rings_module, "_BLOCK", 40)
    assert [geometry.wkb for geometry in traced(mask, (16,))] == whole
