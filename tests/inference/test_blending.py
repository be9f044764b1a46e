"""Laws of blending: weights are positive everywhere, neighbours add up to one, a mean lies between its parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.grid.lattice import Lattice
from landslip.grid.window import Window
from landslip.inference.blending import Canvas, ramp, tile_weights

SIDE = st.integers(1, 200)


@given(SIDE, SIDE, st.integers(0, 250))
def test_weights_are_positive_everywhere(height: int, width: int, overlap: int) -> None:
    weights = tile_weights(height, width, overlap)
    assert weights.shape == (height, width)
    assert weights.dtype == np.float32
    assert (weights > 0).all()
    assert (weights <= 1).all()


@given(SIDE, st.integers(0, 250))
def test_weights_are_the_same_from_both_ends(size: int, overlap: int) -> None:
    np.testing.assert_array_equal(ramp(size, overlap), ramp(size, overlap)[::-1])


@given(st.integers(2, 200), st.data())
def test_two_neighbours_add_up_to_one(size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(1, size // 2))
    weights = ramp(size, overlap)
    np.testing.assert_allclose(weights[-overlap:] + weights[:overlap], 1, atol=1e-6)
    assert (weights[overlap : size - overlap] == 1).all()


def test_without_overlap_every_pixel_counts_alike() -> None:
    assert (tile_weights(7, 5, 0) == 1).all()


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(0, 39), st.integers(0, 2**32 - 1))
def test_the_mean_lies_between_the_values_of_the_tiles(
    height: int, width: int, tile: int, overlap: int, seed: int
) -> None:
    lattice = Lattice.over(height, width, tile=tile, overlap=min(overlap, tile - 1), multiple=1)
    random, scene = np.random.default_rng(seed), Window(0, 0, height, width)
    canvas = Canvas(scene, tile_weights(lattice.tile_height, lattice.tile_width, lattice.overlap))
    low, high = np.full((height, width), np.inf), np.full((height, width), -np.inf)
    for place in lattice.tiles_touching(scene):
        said = random.random(place.shape, np.float32)
        canvas.add(place, said)
        shared = place.intersection(scene)
        inside = said[shared.relative_to(place).slices]
        low[shared.slices] = np.minimum(low[shared.slices], inside)
        high[shared.slices] = np.maximum(high[shared.slices], inside)
    mean = canvas.mean()
    assert (mean >= low - 1e-6).all()
    assert (mean <= high + 1e-6).all()


def test_where_no_tile_was_added_there_is_no_value() -> None:
    canvas = Canvas(Window(0, 0, 4, 6), tile_weights(2, 2, 0))
    canvas.add(Window(1, 1, 2, 2), np.full((2, 2), 0.25, np.float32))
    canvas.add(Window(50, 50, 2, 2), np.full((2, 2), 0.75, np.float32))
    mean = canvas.mean()
    assert (mean[1:3, 1:3] == 0.25).all()
    assert np.isnan(mean).sum() == 4 * 6 - 4


@pytest.mark.parametrize("rows", [(0, 20), (7, 9), (13, 33)])
def test_a_pixel_comes_out_the_same_in_any_window(rows: tuple[int, int]) -> None:
    lattice, random = Lattice.over(40, 40, tile=16, overlap=6, multiple=1), np.random.default_rng(1)
    weights = tile_weights(16, 16, 6)
    scene, part = Window(0, 0, 40, 40), Window(rows[0], 3, rows[1] - rows[0], 31)
    whole, cut = Canvas(scene, weights), Canvas(part, weights)
    for tile in lattice.tiles_touching(scene):
        said = random.random(tile.shape, np.float32)
        whole.add(tile, said)
        cut.add(tile, said)
    np.testing.assert_array_equal(whole.mean()[part.slices], cut.mean())
