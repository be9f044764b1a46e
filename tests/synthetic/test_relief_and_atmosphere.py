"""Physical laws of simulated terrain: noise by position, flow downhill, slope after Horn, sun and atmosphere."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import PatchesError
from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.synthetic.atmosphere import COVERS, compute_atmosphere
from landslip.synthetic.drainage import breach_depressions, route_flow
from landslip.synthetic.landscape import Landscape
from landslip.synthetic.noise import evaluate_spline, fractal_noise, octave_noise, octave_noise_at, white_noise
from landslip.synthetic.region import LARGEST_PX, PIXEL_M, make_region
from landslip.synthetic.relief import LARGEST_GRID, make_relief

positions = st.integers(-5000, 5000)
lengths = st.integers(1, 40)
windows = st.builds(Window, positions, positions, lengths, lengths)


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(make_region(0, 3, 300, 360))


@given(windows, st.integers(0, 2**31), st.floats(2, 300))
def test_noise_depends_on_position_not_on_the_window(window: Window, seed: int, period_px: float) -> None:
    wide = window.expand(7)
    inside = window.relative_to(wide).slices
    assert np.array_equal(white_noise(seed, wide)[inside], white_noise(seed, window))
    assert np.array_equal(octave_noise(seed, wide, period_px)[inside], octave_noise(seed, window, period_px))
    assert np.array_equal(fractal_noise(seed, wide, period_px, 4)[inside], fractal_noise(seed, window, period_px, 4))


@given(windows, st.integers(0, 2**31), st.floats(2, 300))
def test_noise_at_scattered_positions_equals_that_of_the_window(window: Window, seed: int, period_px: float) -> None:
    rows, cols = np.mgrid[window.row : window.bottom, window.col : window.right].astype(np.float64)
    scattered = octave_noise_at(seed, rows, cols, period_px)
    assert np.allclose(scattered, octave_noise(seed, window, period_px), atol=1e-5)


def test_noise_has_mean_0_and_standard_deviation_near_1() -> None:
    window = Window(-300, 500, 600, 600)
    for noise in (white_noise(5, window), octave_noise(5, window, 4.0)):
        assert abs(noise.mean()) < 0.05
        assert 0.85 < noise.std() < 1.15


def test_noise_of_other_seeds_and_positions_is_uncorrelated() -> None:
    window = Window(0, 0, 200, 200)
    first = white_noise(1, window)
    for other in (white_noise(2, window), white_noise(1, Window(0, 200, 200, 200)), white_noise(1, window).T):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.03


@given(st.floats(-100, 100), st.floats(-3, 3), st.floats(-3, 3))
def test_a_spline_reproduces_planes(level: float, along: float, across: float) -> None:
    rows, cols = np.mgrid[:9, :9]
    plane = (level + along * rows + across * cols).astype(np.float32)
    at = np.linspace(2, 6, 17)
    assert np.allclose(evaluate_spline(plane, at, at), level + along * at[:, None] + across * at[None], atol=1e-3)


@given(st.integers(2, 14), st.integers(2, 14), st.integers(0, 10_000))
def test_all_flow_reaches_an_outlet_and_area_is_conserved(height: int, width: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    outlets = np.zeros((height, width), np.bool_)
    outlets[-1, draw.integers(width)] = True
    heights = breach_depressions(draw.uniform(0, 100, (height, width)), outlets)
    drainage = route_flow(heights, outlets, np.ones((8, height, width), np.float32))
    own = draw.uniform(1, 2, height * width)
    area = drainage.accumulate(own)
    assert area[outlets.ravel()].sum() == pytest.approx(own.sum())
    runs = drainage.receiver != np.arange(height * width)
    assert np.array_equal(~runs, outlets.ravel())
    assert (heights.ravel()[runs] > heights.ravel()[drainage.receiver[runs]]).all()
    assert (area[drainage.receiver[runs]] > area[runs]).all()


def test_slope_is_computed_from_elevation_after_horn(landscape: Landscape) -> None:
    window = Window(30, 42, 96, 120)
    around = landscape.terrain(window.expand(1)).elevation_m
    terrain = landscape.terrain(window)
    assert np.array_equal(terrain.slope_deg, slope_deg(around, PIXEL_M, PIXEL_M)[1:-1, 1:-1])
    assert np.array_equal(terrain.elevation_m, around[1:-1, 1:-1])


def test_terrain_is_mountainous_and_smooth(landscape: Landscape) -> None:
    terrain = landscape.terrain(Window(0, 0, 300, 360))
    assert np.ptp(terrain.elevation_m) > 300
    assert 15 < np.median(terrain.slope_deg) < 45
    assert terrain.slope_deg.max() < 85
    # Neighbouring pixels differ little; white noise would not.
    east = terrain.elevation_m[:, 1:] - terrain.elevation_m[:, :-1]
    assert east.std() < 0.1 * terrain.elevation_m.std()


def test_slopes_facing_the_sun_are_brighter(landscape: Landscape) -> None:
    terrain = landscape.terrain(Window(0, 0, 300, 360))
    assert terrain.sun.min() >= 0
    assert ((terrain.sky > 0) & (terrain.sky <= 1)).all()
    # The sun is in the south: slopes that face north receive less light.
    assert terrain.sun[terrain.north > 0.3].mean() < terrain.sun[terrain.north < -0.3].mean()


def test_the_grid_of_the_relief_is_bounded_for_any_region() -> None:
    relief = make_relief(make_region(1, 0, 9_000, 600))
    assert max(relief.elevation_m.shape) <= LARGEST_GRID + 8


def test_path_reflectance_is_highest_in_blue_and_haze_reduces_sunlight() -> None:
    region = make_region(0, 0, 10, 10)
    paths = [compute_atmosphere(region, name, 500).path for name in ("B01", "B02", "B03", "B04", "B08", "B11")]
    assert paths == sorted(paths, reverse=True)
    hazy = replace(region, aerosol=region.aerosol + 0.3)
    for name in ("B02", "B04", "B08"):
        assert compute_atmosphere(hazy, name, 500).path > compute_atmosphere(region, name, 500).path
        assert compute_atmosphere(hazy, name, 500).sun < compute_atmosphere(region, name, 500).sun
        assert compute_atmosphere(region, name, 3000).path < compute_atmosphere(region, name, 500).path
    # The cirrus channel does not reach the surface.
    assert compute_atmosphere(region, "B10", 0).sun < 0.01
    with pytest.raises(ValueError, match="elevation"):
        compute_atmosphere(region, "elevation", 0)


def test_spectral_indices_of_land_covers_are_typical() -> None:
    def index(cover: str, one: str, other: str) -> float:
        first, second = COVERS[cover][one], COVERS[cover][other]
        return (first - second) / (first + second)

    for cover, spectrum in COVERS.items():
        assert all(0 < value < 1 for value in spectrum.values()), cover
    for green in ("conifers", "broadleaf", "meadow", "crop"):
        assert index(green, "B08", "B04") > 0.6
    for bare in ("grey soil", "pale soil", "brown soil", "red soil", "gravel", "rock", "built", "stubble"):
        assert 0 < index(bare, "B08", "B04") < 0.3
    assert index("snow", "B03", "B11") > 0.4
    assert index("water", "B03", "B08") > 0.3


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (LARGEST_PX + 1, 5)])
def test_a_size_out_of_range_is_an_error(height: int, width: int) -> None:
    with pytest.raises(PatchesError, match="height and width of a region"):
        make_region(0, 0, height, width)
