"""Outlines: the landslides that an independent method finds on the whole raster, whatever the strips."""

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.features import rasterize

from landslip.grid.window import Window
from landslip.mapping.inventory.outlines import Outline, trace_outlines
from landslip.mapping.inventory.terrain_attributes import Terrain
from landslip.mapping.raster.block_order import strips
from landslip.probability import NODATA, STEP

THRESHOLD = 0.5


def cut(encoded: NDArray[np.uint8], heights: Sequence[int]) -> list[tuple[Window, NDArray[np.uint8]]]:
    """Strips of these heights, again and again, from top to bottom."""
    pieces, row = [], 0
    while row < len(encoded):
        height = min(heights[len(pieces) % len(heights)], len(encoded) - row)
        pieces.append((Window(row, 0, height, encoded.shape[1]), encoded[row : row + height]))
        row += height
    return pieces


def found(encoded: NDArray[np.uint8], heights: Sequence[int] = (10_000,)) -> list[Outline]:
    return list(trace_outlines(cut(encoded, heights), THRESHOLD))


def mask_of(text: str) -> NDArray[np.uint8]:
    """Encoded probability drawn with # for landslide."""
    return np.array([[240 if sign == "#" else 10 for sign in line] for line in text.split()], np.uint8)


def components(mask: NDArray[np.bool_]) -> set[frozenset[tuple[int, int]]]:
    """Pixels that touch by a side or a corner, by walking from neighbour to neighbour."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    groups = set()
    while left:
        group, edge = set(), [left.pop()]
        while edge:
            row, col = edge.pop()
            group.add((row, col))
            near = {(row + i, col + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge += near
        groups.add(frozenset(group))
    return groups


def pixels_of(geometry: shapely.MultiPolygon, shape: tuple[int, int]) -> frozenset[tuple[int, int]]:
    burnt = rasterize([geometry], shape, transform=Affine.identity())
    return frozenset(zip(*(axis.tolist() for axis in np.nonzero(burnt)), strict=True))


def as_tuple(one: Outline) -> tuple[object, ...]:
    return one.geometry.wkb, one.area_px, one.probability_mean, one.probability_max, one.peak


def corners(ring: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a closed ring has corners."""
    steps = np.diff(ring, axis=0)
    before = np.roll(steps, 1, axis=0)
    return (before[:, 0] * steps[:, 1] - before[:, 1] * steps[:, 0]) != 0


@st.composite
def rasters(draw: st.DrawFn) -> NDArray[np.uint8]:
    shape = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    encoded = np.where(
        random.random(shape) < draw(st.sampled_from([0.1, 0.35, 0.5, 0.65, 0.9])),
        random.integers(125, 251, shape),
        random.integers(0, 125, shape),
    ).astype(np.uint8)
    encoded[random.random(shape) < draw(st.sampled_from([0, 0.1]))] = NODATA
    return encoded


CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@given(rasters(), CUTS)
def test_outlines_are_the_components_of_the_mask(encoded: NDArray[np.uint8], heights: list[int]) -> None:
    mask = (encoded >= 125) & (encoded != NODATA)
    landslides = found(encoded, heights)
    assert {pixels_of(one.geometry, mask.shape) for one in landslides} == components(mask)
    assert len(landslides) == len(components(mask))


@given(rasters(), CUTS)
def test_attributes_are_those_of_the_pixels(encoded: NDArray[np.uint8], heights: list[int]) -> None:
    for one in found(encoded, heights):
        inside = np.array([encoded[pixel] for pixel in pixels_of(one.geometry, encoded.shape)]).astype(int)
        assert one.area_px == len(inside)
        assert one.geometry.area == len(inside)
        assert one.probability_mean == pytest.approx(inside.mean() * STEP)
        assert one.probability_max == pytest.approx(inside.max() * STEP)
        assert one.peak == min(
            pixel for pixel in pixels_of(one.geometry, encoded.shape) if encoded[pixel] == inside.max()
        )
        assert one.terrain is None


@given(rasters(), CUTS)
def test_geometries_are_valid_without_redundant_vertices(encoded: NDArray[np.uint8], heights: list[int]) -> None:
    for one in found(encoded, heights):
        assert isinstance(one.geometry, shapely.MultiPolygon)
        assert one.geometry.is_valid
        for polygon in one.geometry.geoms:
            for ring in (polygon.exterior, *polygon.interiors):
                assert corners(shapely.get_coordinates(ring)).all(), "a vertex lies on a straight line"


@given(rasters(), CUTS)
def test_outlines_do_not_depend_on_the_strips(encoded: NDArray[np.uint8], heights: list[int]) -> None:
    assert sorted(map(as_tuple, found(encoded, heights))) == sorted(map(as_tuple, found(encoded)))


@given(rasters(), CUTS)
def test_the_same_raster_gives_the_same_order(encoded: NDArray[np.uint8], heights: list[int]) -> None:
    assert list(map(as_tuple, found(encoded, heights))) == list(map(as_tuple, found(encoded, heights)))


SHAPES = {
    "a ring with a hole": "##### #...# #...# #...# #####",
    "a ring that touches itself in a corner": "#### #..# #.## ###. .##.",
    "holes that touch in a corner": "##### #.### ##.## #####",
    "a chequerboard": "#.#.# .#.#. #.#.# .#.#.",
    "a U that joins late": "#...# #...# #...# #...# #####",
    "a W that joins twice": "#.#.# #.#.# #.#.# ###.# ..#.# ..###",
    "an arch that parts and never joins": "##### #...# #...# #...#",
    "a spiral": "####### ......# #####.# #...#.# #.#.#.# #.###.# #.....# #######",
    "an island in a lake": "##### #...# #.#.# #...# #####",
    "a diagonal": "#.... .#... ..#.. ...#. ....#",
    "the other diagonal": "....# ...#. ..#.. .#... #....",
    "one pixel": "#",
    "everything": "### ### ###",
    "nothing": "... ...",
}


@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("heights", [(1,), (2,), (3, 1), (7,)])
def test_difficult_shapes_do_not_depend_on_the_strips(text: str, heights: tuple[int, ...]) -> None:
    encoded = mask_of(text)
    landslides = found(encoded, heights)
    assert {pixels_of(one.geometry, encoded.shape) for one in landslides} == components(encoded > 125)
    assert all(one.geometry.is_valid for one in landslides)
    assert sorted(map(as_tuple, landslides)) == sorted(map(as_tuple, found(encoded)))


def test_holes_are_holes() -> None:
    (ring,) = found(mask_of(SHAPES["a ring with a hole"]), (2,))
    assert len(ring.geometry.geoms) == 1
    assert len(ring.geometry.geoms[0].interiors) == 1
    assert len(shapely.get_coordinates(ring.geometry)) == 5 + 5


def test_pixels_that_touch_at_a_corner_are_one_landslide_of_two_parts() -> None:
    (one,) = found(mask_of("#. .#"), (1,))
    assert len(one.geometry.geoms) == 2


def test_a_landslide_is_yielded_once_no_strip_can_touch_it() -> None:
    """Only those still open are held: what lies far above is given before what lies below is read."""
    encoded = np.full((400, 30), 10, np.uint8)
    encoded[::4, ::3] = 240
    read = 0

    def reading():
        nonlocal read
        for piece in cut(encoded, (8,)):
            read += 1
            yield piece

    for one in trace_outlines(reading(), THRESHOLD):
        bottom = one.geometry.bounds[3]
        assert read <= bottom // 8 + 2


def test_a_large_noise_raster_gives_all_components() -> None:
    encoded = (np.random.default_rng(3).random((120, 120)) < 0.4).astype(np.uint8) * 200
    whole, strips_of_7 = found(encoded), found(encoded, (7,))
    assert sum(one.area_px for one in whole) == (encoded > 0).sum()
    assert sorted(map(as_tuple, whole)) == sorted(map(as_tuple, strips_of_7))


@given(st.integers(1, 5000), st.integers(1, 200_000))
def test_strips_partition_a_raster_and_are_small(height: int, width: int) -> None:
    pieces = list(strips(height, width))
    assert [piece.row for piece in pieces] == [0, *(piece.bottom for piece in pieces[:-1])]
    assert pieces[-1].bottom == height
    assert all(piece.width == width and piece.col == 0 for piece in pieces)
    assert max(piece.height for piece in pieces) * width <= max(1 << 22, 16 * width)


@given(rasters(), CUTS)
def test_terrain_attributes_are_those_of_the_pixels(encoded: NDArray[np.uint8], heights: list[int]) -> None:
    random = np.random.default_rng(int(encoded.sum()))
    elevation = random.uniform(0, 2000, encoded.shape).astype(np.float32)
    slope = random.uniform(0, 80, encoded.shape).astype(np.float32)
    slope[random.random(encoded.shape) < 0.2] = np.nan
    flat = np.zeros_like(slope)

    def terrain(window: Window) -> Terrain:
        return Terrain(*(layer[window.slices] for layer in (elevation, slope, flat + 1, flat)))

    for one in trace_outlines(cut(encoded, heights), THRESHOLD, terrain):
        rows, cols = np.array(list(pixels_of(one.geometry, encoded.shape))).T
        known = one.terrain.attributes()
        assert known["elevation_min_m"] == elevation[rows, cols].min()
        assert known["elevation_max_m"] == elevation[rows, cols].max()
        assert known["relief_m"] == pytest.approx(np.ptp(elevation[rows, cols]), abs=1e-3)
        assert known["aspect_deg"] == 90
        steepness = slope[rows, cols]
        if np.isfinite(steepness).any():
            assert known["slope_mean_deg"] == pytest.approx(np.nanmean(steepness), rel=1e-5)
            assert known["slope_max_deg"] == pytest.approx(np.nanmax(steepness))
        else:
            assert "slope_mean_deg" not in known
