"""The tile lattice covers every pixel, is anchored at the scene's corner, and does not depend on blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import SettingsError
from landslip.grid.lattice import Lattice, split_blocks
from landslip.grid.window import Window

SIDES = st.integers(1, 300) | st.sampled_from([1, 2, 31, 32, 33, 127, 128, 129, 211, 257])


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    multiple = draw(st.sampled_from([1, 2, 4, 32]))
    tile = multiple * draw(st.integers(1, 64 // multiple))
    return Lattice.over(
        draw(SIDES), draw(SIDES), tile=tile, overlap=draw(st.integers(0, max(tile - 1, 0))), multiple=multiple
    )


@given(lattices())
def test_every_pixel_lies_in_a_tile(lattice: Lattice) -> None:
    covered = np.zeros((lattice.height, lattice.width), int)
    scene = Window(0, 0, lattice.height, lattice.width)
    tiles = list(lattice.tiles_touching(scene))
    for tile in tiles:
        covered[tile.intersection(scene).slices] += 1
    assert covered.min() >= 1
    assert len(tiles) == len(lattice)


@given(lattices())
def test_a_tile_leaves_the_scene_only_where_the_scene_is_smaller(lattice: Lattice) -> None:
    for tile in lattice.tiles_touching(Window(0, 0, lattice.height, lattice.width)):
        assert min(tile.row, tile.col) >= 0
        assert tile.bottom <= max(lattice.height, lattice.tile_height)
        assert tile.right <= max(lattice.width, lattice.tile_width)
        assert (tile.height, tile.width) == (lattice.tile_height, lattice.tile_width)


@given(lattices())
def test_neighbours_share_at_least_the_overlap(lattice: Lattice) -> None:
    for starts, tile in ((lattice.rows, lattice.tile_height), (lattice.cols, lattice.tile_width)):
        assert starts[0] == 0
        steps = np.diff(starts)
        assert (steps > 0).all()
        assert (steps <= tile - lattice.overlap).all()


@given(lattices(), st.data())
def test_a_window_is_touched_by_the_tiles_that_share_a_pixel_with_it(lattice: Lattice, data: st.DataObject) -> None:
    row, col = data.draw(st.integers(0, lattice.height - 1)), data.draw(st.integers(0, lattice.width - 1))
    window = Window(
        row, col, data.draw(st.integers(1, lattice.height - row)), data.draw(st.integers(1, lattice.width - col))
    )
    everything = lattice.tiles_touching(Window(0, 0, lattice.height, lattice.width))
    assert list(lattice.tiles_touching(window)) == [tile for tile in everything if tile.intersection(window)]


@given(SIDES, SIDES, st.integers(0, 20), st.integers(0, 20), st.integers(1, 400))
def test_blocks_part_a_window(height: int, width: int, row: int, col: int, side: int) -> None:
    window = Window(row, col, height, width)
    counted = np.zeros((row + height, col + width), int)
    for block in split_blocks(window, side):
        assert max(block.shape) <= side
        counted[block.slices] += 1
    assert (counted[window.slices] == 1).all()
    assert counted.sum() == height * width


@pytest.mark.parametrize("overlap", [-1, 32, 100])
def test_an_overlap_that_leaves_no_new_pixel_is_refused(overlap: int) -> None:
    with pytest.raises(SettingsError, match="overlap must be at least 0"):
        Lattice(100, 100, 32, 32, overlap)


def test_an_empty_array_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 x 1"):
        Lattice(0, 5, 32, 32, 0)
