"""Prediction: every valid pixel gets a value, an identity gives the input back, and how the work is cut,
ordered and batched does not show.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.grid.lattice import Lattice, split_blocks
from landslip.grid.window import Window
from landslip.inference.predict import Predictor, Reading, cut_tiles, make_lattice, predict_array
from landslip.mapping.raster.block_order import plan_steps
from tiny_detectors import card

SIDES = st.integers(1, 90) | st.sampled_from([1, 2, 31, 37, 61, 89])


class PlainEngine:
    """Runs a function of one image; counts what it is asked."""

    name, version, precision = "plain", "1", "float32"

    def __init__(self, function: Callable[[NDArray[np.float32]], NDArray[np.float32]], batch: int = 4) -> None:
        self.batch = batch
        self.images: list[NDArray[np.float32]] = []
        self._function = function

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        assert images.dtype == np.float32
        assert 1 <= len(images) <= self.batch
        self.images += list(images)
        return np.stack([self._function(image) for image in images])


def same(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return image[0] / np.float32(10_000)


def over_the_tile(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a pixel gets hangs on its whole tile."""
    return 1 / (1 + np.exp((image.mean() - image[0]) / np.float32(2000)))


@st.composite
def arrays(draw: st.DrawFn) -> tuple[Lattice, NDArray[np.float32], NDArray[np.bool_]]:
    multiple = draw(st.sampled_from([1, 4, 32]))
    tile = multiple * draw(st.integers(1, max(48 // multiple, 1)))
    lattice = Lattice.over(
        draw(SIDES), draw(SIDES), tile=tile, overlap=draw(st.integers(0, tile - 1)), multiple=multiple
    )
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = lattice.height, lattice.width
    values = random.uniform(0, 10_000, (1, *shape)).astype(np.float32)
    return lattice, values, random.random(shape) < draw(st.sampled_from([0, 0.02, 0.7, 1, 1]))


@given(arrays())
def test_every_valid_pixel_gets_a_value_and_no_other(
    scene: tuple[Lattice, NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    lattice, values, observed = scene
    probability = predict_array(Predictor(PlainEngine(over_the_tile), lattice), values, observed)
    assert probability.shape == observed.shape
    assert probability.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(probability), observed)


@given(arrays())
def test_an_identity_gives_the_input_back(
    scene: tuple[Lattice, NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    lattice, values, observed = scene
    probability = predict_array(Predictor(PlainEngine(same), lattice), values, observed)
    # A pixel is the mean of at most every tile: so many float32 sums and products may round.
    rounding = 2 * len(lattice) * np.finfo(np.float32).eps
    np.testing.assert_allclose(probability[observed], values[0][observed] / 10_000, rtol=0, atol=rounding)


@given(arrays(), st.integers(1, 70), st.integers(0, 30), st.integers(1, 40))
def test_the_result_does_not_depend_on_blocks_kept_tiles_or_batches(
    scene: tuple[Lattice, NDArray[np.float32], NDArray[np.bool_]], side: int, kept_tiles: int, batch: int
) -> None:
    lattice, values, observed = scene
    whole = predict_array(Predictor(PlainEngine(over_the_tile, batch=10**6), lattice), values, observed)
    predictor = Predictor(PlainEngine(over_the_tile, batch=batch), lattice)
    joined, tiles = np.full_like(whole, -1), {}
    cut = list(split_blocks(Window(0, 0, lattice.height, lattice.width), max(side, 8)))
    for step in plan_steps(lattice, cut, kept_tiles):
        rows, cols = step.read.slices
        tiles |= predictor.run(cut_tiles(step.tiles, Reading(step.read, values[:, rows, cols], observed[rows, cols])))
        here = step.block.slices
        joined[here] = np.where(observed[here], predictor.blend(step.block, tiles), np.float32(np.nan))
        for tile in step.release:
            del tiles[tile]
    np.testing.assert_array_equal(joined, whole)


@given(arrays())
def test_the_result_does_not_depend_on_the_order_of_tiles(
    scene: tuple[Lattice, NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    lattice, values, observed = scene
    window = Window(0, 0, lattice.height, lattice.width)
    predictor = Predictor(PlainEngine(over_the_tile), lattice)
    reading = Reading(window, values, observed)
    order = list(lattice.tiles_touching(window))
    forth, back = (predictor.run(cut_tiles(tiles, reading)) for tiles in (order, order[::-1]))
    np.testing.assert_array_equal(predictor.blend(window, forth), predictor.blend(window, back))


def test_the_network_gets_whole_tiles_and_none_without_a_valid_pixel() -> None:
    lattice = Lattice.over(40, 200, tile=32, overlap=0, multiple=32)
    engine = PlainEngine(same)
    observed = np.zeros((40, 200), bool)
    observed[:, :30] = True
    predict_array(Predictor(engine, lattice), np.full((1, 40, 200), 500, np.float32), observed)
    assert len(engine.images) == 2, "tiles with nothing observed need no network"
    for image in engine.images:
        assert image.shape == (1, 32, 32)
        assert (image == 500).all(), "gaps are shown as the ground around them"


def test_a_scene_smaller_than_a_tile_is_padded_by_reflection() -> None:
    lattice = Lattice.over(2, 3, tile=32, overlap=8, multiple=4)
    engine = PlainEngine(same)
    values = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    predict_array(Predictor(engine, lattice), values, np.ones((2, 3), bool))
    np.testing.assert_array_equal(engine.images[0][0], [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [0, 1, 2, 2]])


def test_only_the_network_is_timed() -> None:
    lattice = Lattice.over(40, 40, tile=32, overlap=0, multiple=1)
    predictor = Predictor(PlainEngine(same), lattice)
    assert predictor.network_s == 0
    predict_array(predictor, np.ones((1, 40, 40), np.float32), np.ones((40, 40), bool))
    assert predictor.network_s > 0


def test_the_lattice_of_a_detector_is_the_one_its_card_asks_for() -> None:
    asked = card("any", ["B04"], tile_px=64, overlap_px=16, size_multiple=32)
    assert make_lattice(asked, 500, 20) == Lattice(500, 20, 64, 32, 16)
    assert make_lattice(asked, 500, 500, 0).overlap == 0
    with pytest.raises(SettingsError, match="overlap_px must be smaller"):
        make_lattice(asked, 500, 500, 64)
