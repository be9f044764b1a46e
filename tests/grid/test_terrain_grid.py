"""Terrain on grids in metres, degrees and feet, rotated and south up; curvature and relief."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from odc.geo.geobox import GeoBox
from pyproj import Geod

from landslip.grid.curvature import plan_curvature, profile_curvature, zevenbergen_thorne
from landslip.grid.relief import relief_m
from landslip.grid.terrain import aspect_deg, horn_gradient, slope_deg
from landslip.grid.terrain_grid import derivatives_on_grid, gradient_on_grid, pixel_size_on_grid, slope_on_grid
from landslip.grid.window import Window

SHAPE = (9, 11)
WHOLE = Window(0, 0, *SHAPE)
FOOT_M = 0.3048
GRIDS = {
    "north up": (Affine(10, 0, 500_000, 0, -20, 2_500_000), "EPSG:32646", 1.0),
    "south up": (Affine(10, 0, 500_000, 0, 20, 2_500_000), "EPSG:32646", 1.0),
    "rotated": (Affine(8, 6, 500_000, 6, -8, 2_500_000), "EPSG:32646", 1.0),
    "sheared": (Affine(8, 3, 500_000, -2, -12, 2_500_000), "EPSG:32646", 1.0),
    "feet": (Affine(30, 0, 0, 0, -30, 0), "EPSG:2222", FOOT_M),
}
coefficients = st.lists(st.floats(-1, 1), min_size=5, max_size=5)
grounds = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-400, 8800))


def _metres(affine, unit):
    """Coordinates of the pixel centres in metres."""
    cols, rows = np.meshgrid(np.arange(SHAPE[1]) + 0.5, np.arange(SHAPE[0]) + 0.5)
    return tuple(unit * (one - one.mean()) for one in affine * (cols, rows))


@pytest.mark.parametrize("grid", GRIDS)
@given(coefficients)
def test_a_quadratic_surface_has_the_derivatives_of_its_formula(grid, numbers):
    affine, crs, unit = GRIDS[grid]
    x, y = _metres(affine, unit)
    east, north = numbers[:2]
    xx, yy, xy = (number / 100 for number in numbers[2:])
    ground = 500 + east * x + north * y + (xx * x**2 + yy * y**2) / 2 + xy * x * y
    geobox = GeoBox(SHAPE, affine, crs)
    inner = np.s_[1:-1, 1:-1]
    found = derivatives_on_grid(ground, geobox, WHOLE)
    np.testing.assert_allclose(found.x[inner], (east + xx * x + xy * y)[inner], atol=1e-6)
    np.testing.assert_allclose(found.y[inner], (north + yy * y + xy * x)[inner], atol=1e-6)
    for name, expected in (("xx", xx), ("yy", yy), ("xy", xy)):
        np.testing.assert_allclose(getattr(found, name)[inner], expected, atol=1e-6)
    gradient = gradient_on_grid(ground, geobox, WHOLE)
    np.testing.assert_allclose(gradient.east[inner], found.x[inner], atol=1e-6)
    np.testing.assert_allclose(gradient.south[inner], -found.y[inner], atol=1e-6)


def test_in_degrees_the_ground_is_measured_at_the_latitude_of_each_pixel():
    degrees = Affine(1 / 3600, 0, 77.0, 0, -1 / 3600, 62.4)
    geobox = GeoBox(SHAPE, degrees, "EPSG:4326")
    _, latitude = degrees * (SHAPE[1] / 2, SHAPE[0] / 2)
    geodesic, step = Geod(ellps="WGS84"), 1 / 3600
    width = geodesic.inv(77, latitude, 77 + step, latitude)[2]
    height = geodesic.inv(77, latitude - step / 2, 77, latitude + step / 2)[2]
    assert pixel_size_on_grid(geobox) == pytest.approx((height, width), rel=1e-6)
    rng = np.random.default_rng(0)
    ground = rng.normal(0, 5, SHAPE).cumsum(0).cumsum(1)
    np.testing.assert_allclose(slope_on_grid(ground, geobox, WHOLE), slope_deg(ground, width, height), atol=0.02)
    gradient = gradient_on_grid(ground, geobox, WHOLE)
    np.testing.assert_allclose(gradient.aspect_deg(), aspect_deg(ground, width, height), atol=0.05)
    found = derivatives_on_grid(ground, geobox, WHOLE).profile_curvature()
    np.testing.assert_allclose(found, profile_curvature(ground, width, height), rtol=2e-3, atol=1e-6)


def test_an_image_without_a_crs_has_north_up():
    ground = np.random.default_rng(1).normal(0, 5, SHAPE).cumsum(0)
    image = GeoBox(SHAPE, Affine(10, 0, 0, 0, 10, 0), None)
    np.testing.assert_allclose(gradient_on_grid(ground, image, WHOLE).aspect_deg(), aspect_deg(ground, 10, 10))


@given(grounds, st.integers(-1000, 1000))
def test_a_constant_added_to_elevation_changes_no_curvature(ground, metres):
    for curvature in (profile_curvature, plan_curvature):
        np.testing.assert_allclose(curvature(ground, 10, 10), curvature(ground + metres, 10, 10), atol=1e-9)


@given(grounds)
def test_inverted_terrain_has_the_opposite_curvature(ground):
    for curvature in (profile_curvature, plan_curvature):
        np.testing.assert_allclose(curvature(-ground, 10, 10), -curvature(ground, 10, 10), rtol=1e-5, atol=1e-9)


@given(grounds)
def test_profile_minus_plan_is_the_total_curvature(ground):
    """Zevenbergen and Thorne: -2 (D + E), where D and E are half of the second derivatives."""
    found = zevenbergen_thorne(ground, 10, 20)
    total = found.profile_curvature() - found.plan_curvature()
    known = np.isfinite(total)
    np.testing.assert_allclose(total[known], -(found.xx + found.yy)[known], rtol=1e-4, atol=1e-4)


def test_a_cone_has_no_profile_curvature_and_the_plan_curvature_of_its_circles():
    y, x = np.mgrid[-300:310:10.0, -300:310:10.0]
    radius = np.hypot(x, y)
    known = (radius > 100) & (radius < 280)
    np.testing.assert_allclose(profile_curvature(-0.5 * radius, 10, 10)[known], 0, atol=1e-4)
    # Water diverges: negative.
    np.testing.assert_allclose(plan_curvature(-0.5 * radius, 10, 10)[known], -0.5 / radius[known], rtol=0.02)


def test_level_ground_has_no_curvature():
    assert np.isnan(profile_curvature(np.full((5, 5), 7.0), 10, 10)).all()


@given(grounds, st.sampled_from([1, 3, 5]), st.sampled_from([1, 3, 7]), st.data())
def test_relief_is_the_range_in_each_window_and_unknown_beside_a_void(ground, rows, cols, data):
    if data.draw(st.booleans()):
        row, col = (data.draw(st.integers(0, side - 1)) for side in ground.shape)
        ground[row, col] = np.nan
    found = relief_m(ground, rows, cols)
    padded = np.pad(ground, ((rows // 2, rows // 2), (cols // 2, cols // 2)), constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (rows, cols))
    np.testing.assert_array_equal(found, windows.max((2, 3)) - windows.min((2, 3)))


@pytest.mark.parametrize("size", [0, 2, -3])
def test_relief_needs_a_window_with_a_centre(size):
    with pytest.raises(ValueError, match="odd"):
        relief_m(np.zeros((5, 5)), size, 3)


@given(st.floats(0, 360), st.floats(1, 90))
def test_hillshade_of_level_ground_is_the_sine_of_the_altitude(azimuth, altitude):
    shade = horn_gradient(np.zeros((3, 3)), 10, 10).hillshade(azimuth, altitude)
    np.testing.assert_allclose(shade, np.sin(np.radians(altitude)), rtol=1e-5)


@given(grounds, st.floats(0, 360), st.floats(1, 90))
def test_hillshade_is_between_0_and_1(ground, azimuth, altitude):
    shade = horn_gradient(ground, 10, 10).hillshade(azimuth, altitude)
    assert ((shade >= 0) & (shade <= 1)).all()


def test_ground_that_faces_the_light_is_bright():
    ground = np.tile(np.arange(5) * 10.0, (5, 1))
    from_west, from_east = (horn_gradient(ground, 10, 10).hillshade(azimuth, 45) for azimuth in (270, 90))
    np.testing.assert_allclose(from_west, 1, atol=1e-6)
    np.testing.assert_allclose(from_east, 0, atol=1e-6)


@pytest.mark.parametrize("quantity", ["slope", "aspect", "shade", "profile", "plan"])
def test_no_value_comes_from_a_void(quantity):
    rng = np.random.default_rng(2)
    ground = rng.normal(0, 5, (12, 12)).cumsum(0)
    compute = {
        "slope": lambda z: horn_gradient(z, 10, 10).slope_deg(),
        "aspect": lambda z: horn_gradient(z, 10, 10).aspect_deg(),
        "shade": lambda z: horn_gradient(z, 10, 10).hillshade(),
        "profile": lambda z: profile_curvature(z, 10, 10),
        "plan": lambda z: plan_curvature(z, 10, 10),
    }[quantity]
    whole = compute(ground)
    for row, col in ((5, 6), (0, 0), (11, 3)):
        holed = ground.copy()
        holed[row, col] = np.nan
        found = compute(holed)
        around = np.zeros(ground.shape, bool)
        around[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2] = True
        assert np.isnan(found[around]).all()
        # Everything else is as without the void, except that the edge beside it cannot be extrapolated.
        away = np.isfinite(found)
        np.testing.assert_array_equal(found[away], whole[away])
        rows, cols = np.nonzero(~away & np.isfinite(whole))
        assert (np.maximum(abs(rows - row), abs(cols - col)) <= 2).all()
