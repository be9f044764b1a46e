"""Physical laws of slope and aspect."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landslip.grid.terrain import aspect_deg, slope_deg

ROWS, COLS = np.mgrid[:7, :9].astype(float)
grounds = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-400, 8800))
gradients = st.floats(-3, 3).filter(lambda rise: abs(rise) > 1e-3)


@given(st.floats(-500, 8848), st.integers(1, 6), st.integers(1, 6))
def test_flat_terrain_has_slope_0_and_no_aspect(height, rows, cols):
    flat = np.full((rows, cols), height)
    assert (slope_deg(flat, 10, 10) == 0).all()
    assert np.isnan(aspect_deg(flat, 10, 10)).all()


@pytest.mark.parametrize("pixel", [0.5, 10, 30])
def test_one_metre_up_per_metre_along_is_45_degrees_up_to_the_edge(pixel):
    np.testing.assert_allclose(slope_deg(COLS * pixel, pixel, 7), 45, rtol=1e-6)
    np.testing.assert_allclose(slope_deg(ROWS * pixel, 7, pixel), 45, rtol=1e-6)


@given(gradients, gradients)
def test_a_plane_has_the_slope_and_aspect_of_its_gradient_everywhere(east, north):
    plane = 1000 + east * COLS * 10 - north * ROWS * 20
    np.testing.assert_allclose(slope_deg(plane, 10, 20), np.degrees(np.arctan(np.hypot(east, north))), rtol=1e-4)
    downhill = np.radians(aspect_deg(plane, 10, 20).astype(float))
    steepness = np.hypot(east, north)
    np.testing.assert_allclose(np.sin(downhill), -east / steepness, atol=1e-4)
    np.testing.assert_allclose(np.cos(downhill), -north / steepness, atol=1e-4)


@pytest.mark.parametrize(
    ("plane", "aspect"), [(-COLS, 90), (COLS, 270), (-ROWS, 180), (ROWS, 0), (-COLS - ROWS, 135), (COLS + ROWS, 315)]
)
def test_aspect_is_where_water_runs_clockwise_from_north(plane, aspect):
    np.testing.assert_allclose(aspect_deg(plane * 10, 10, 10), aspect, atol=1e-4)


@given(grounds, st.integers(-1000, 1000))
def test_a_constant_added_to_elevation_changes_nothing(ground, metres):
    np.testing.assert_array_equal(slope_deg(ground, 10, 10), slope_deg(ground + metres, 10, 10))
    np.testing.assert_array_equal(aspect_deg(ground, 10, 10), aspect_deg(ground + metres, 10, 10))


@given(grounds)
def test_inverted_terrain_has_the_same_slope_and_the_opposite_aspect(ground):
    np.testing.assert_allclose(slope_deg(-ground, 10, 10), slope_deg(ground, 10, 10))
    turned = (aspect_deg(-ground, 10, 10) - aspect_deg(ground, 10, 10)) % 360
    np.testing.assert_allclose(turned[~np.isnan(turned)], 180, atol=1e-3)


@given(grounds)
def test_a_south_up_grid_gives_the_same_slope_and_aspect(ground):
    np.testing.assert_allclose(slope_deg(ground[::-1], 10, -10)[::-1], slope_deg(ground, 10, 10), rtol=1e-6)
    np.testing.assert_allclose(aspect_deg(ground[::-1], 10, -10)[::-1], aspect_deg(ground, 10, 10), atol=1e-3)


@given(grounds)
def test_slope_is_between_0_and_90_and_aspect_below_360(ground):
    slope, aspect = slope_deg(ground, 10, 10), aspect_deg(ground, 10, 10)
    assert ((slope >= 0) & (slope < 90)).all()
    assert ((aspect >= 0) & (aspect < 360) | np.isnan(aspect)).all()
    np.testing.assert_array_equal(np.isnan(aspect), slope == 0)
    assert slope.dtype == aspect.dtype == np.float32


def test_nodata_in_elevation_makes_only_its_neighbours_nodata():
    ground = COLS * 10.0
    ground[3, 4] = np.nan
    unknown = np.isnan(slope_deg(ground, 10, 10))
    assert unknown[2:5, 3:6].all()
    assert unknown.sum() == 9


def test_a_slope_as_gdal_computes_it():
    """Horn's weights on a single 3 x 3 neighbourhood, worked by hand: dz/dx = 4/8, dz/dy = 8/8 of a metre."""
    ground = np.array([[0.0, 1.0, 2.0], [1.0, 9.0, 2.0], [3.0, 3.0, 3.0]])
    east = ((2 + 2 * 2 + 3) - (0 + 2 * 1 + 3)) / 8
    south = ((3 + 2 * 3 + 3) - (0 + 2 * 1 + 2)) / 8
    assert slope_deg(ground, 1, 1)[1, 1] == pytest.approx(np.degrees(np.arctan(np.hypot(east, south))), rel=1e-6)


@pytest.mark.parametrize("sizes", [(0, 10), (10, 0), (np.nan, 10), (10, np.inf)])
def test_a_pixel_without_size_is_refused(sizes):
    with pytest.raises(ValueError, match="pixel size"):
        slope_deg(COLS, *sizes)


def test_elevation_must_be_an_image():
    with pytest.raises(ValueError, match="must have the shape"):
        slope_deg([1.0, 2.0], 10, 10)
