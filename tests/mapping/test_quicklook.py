"""Quicklook: cells are means of valid pixels, whatever the blocks and their order."""

import numpy as np
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from landslip.grid.lattice import split_blocks
from landslip.grid.map_grid import MapGrid
from landslip.grid.window import Window
from landslip.mapping.raster import quicklook
from landslip.mapping.raster.quicklook import Quicklook, picture_channels
from scenes_made import memory_scene


@given(
    st.integers(1, 70),
    st.integers(1, 70),
    st.integers(0, 9),
    st.integers(1, 30),
    st.integers(5, 80),
    st.integers(0, 99),
)
def test_cells_are_means_of_valid_pixels(
    height: int, width: int, offset: int, side: int, longest: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    region = Window(offset, 2 * offset, height, width)
    values = random.integers(0, 9000, (3, height, width)).astype(np.float32)
    valid = random.random((height, width)) < 0.7
    values[:, ~valid] = 0
    before = quicklook._LONGEST_PX
    quicklook._LONGEST_PX = longest
    try:
        small = Quicklook(region, ("B04", "B03", "B02"))
        order = list(split_blocks(region, side))
        random.shuffle(order)
        for block in order:
            rows, cols = block.relative_to(region).slices
            small.add(block, values[:, rows, cols], valid[rows, cols])
    finally:
        quicklook._LONGEST_PX = before
    grid = MapGrid(CRS.from_epsg(32646), Affine(10, 0, 4e5, 0, -10, 25e5), height, width)
    picture = small.picture(grid)
    cell = -(-max(height, width) // longest)
    assert picture.values.shape == (3, -(-height // cell), -(-width // cell))
    assert picture.transform == Affine(10 * cell, 0, 4e5, 0, -10 * cell, 25e5)
    for row, col in np.ndindex(picture.valid.shape):
        part = np.s_[row * cell : (row + 1) * cell, col * cell : (col + 1) * cell]
        assert picture.valid[row, col] == valid[part].any()
        if valid[part].any():
            expected = values[:, *part][:, valid[part]].mean(axis=1)
            np.testing.assert_allclose(picture.values[:, row, col], expected, rtol=1e-5)


def test_true_colour_is_shown_where_the_scene_has_it() -> None:
    scene = memory_scene(np.full((4, 3, 3), 100, np.float32), ("B08", "B02", "B03", "B04"))
    assert picture_channels(scene, ("B08", "B04")) == ("B04", "B03", "B02")
    scene = memory_scene(np.full((2, 3, 3), 100, np.float32), ("B08", "B11"))
    assert picture_channels(scene, ("B08", "B11")) == ("B08", "B11", "B08")
