"""Laws of synthetic ground: noise by place, water downhill, slopes by Horn, sun and air as physics has them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import PatchesError
from landslip.grid.terrain import slope_deg
from landslip.grid.window import Window
from landslip.synthetic.atmosphere import COVERS, air
from landslip.synthetic.drainage import breached, drain
from landslip.synthetic.landscape import Landscape
from landslip.synthetic.noise import fractal, octave, octave_at, spline, white
from landslip.synthetic.region import LARGEST_PX, PIXEL_M, make_region
from landslip.synthetic.relief import LARGEST_GRID, make_relief

places = st.integers(-5000, 5000)
lengths = st.integers(1, 40)
windows = st.builds(Window, places, places, lengths, lengths)


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(make_region(0, 3, 300, 360))


@given(windows, st.integers(0, 2**31), st.floats(2, 300))
def test_noise_belongs_to_a_place_whatever_the_window(window: Window, seed: int, period_px: float) -> None:
    wide = window.expanded(7)
    inside = window.relative_to(wide).slices
    assert np.array_equal(white(seed, wide)[inside], white(seed, window))
    assert np.array_equal(octave(seed, wide, period_px)[inside], octave(seed, window, period_px))
    assert np.array_equal(fractal(seed, wide, period_px, 4)[inside], fractal(seed, window, period_px, 4))


@given(windows, st.integers(0, 2**31), st.floats(2, 300))
def test_noise_at_scattered_places_is_that_of_the_window(window: Window, seed: int, period_px: float) -> None:
    rows, cols = np.mgrid[window.row : window.bottom, window.col : window.right].astype(np.float64)
    scattered = octave_at(seed, rows, cols, period_px)
    assert np.allclose(scattered, octave(seed, window, period_px), atol=1e-5)


def test_noise_has_mean_0_and_deviation_near_1() -> None:
    window = Window(-300, 500, 600, 600)
    for noise in (white(5, window), octave(5, window, 4.0)):
        assert abs(noise.mean()) < 0.05
        assert 0.85 < noise.std() < 1.15


def test_noise_of_other_seeds_and_places_is_not_alike() -> None:
    window = Window(0, 0, 200, 200)
    first = white(1, window)
    for other in (white(2, window), white(1, Window(0, 200, 200, 200)), white(1, window).T):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.03


@given(st.floats(-100, 100), st.floats(-3, 3), st.floats(-3, 3))
def test_a_spline_keeps_planes(level: float, along: float, across: float) -> None:
    rows, cols = np.mgrid[:9, :9]
    plane = (level + along * rows + across * cols).astype(np.float32)
    at = np.linspace(2, 6, 17)
    assert np.allclose(spline(plane, at, at), level + along * at[:, None] + across * at[None], atol=1e-3)


@given(st.integers(2, 14), st.integers(2, 14), st.integers(0, 10_000))
def test_all_water_reaches_a_mouth_and_none_is_lost(height: int, width: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    mouths = np.zeros((height, width), np.bool_)
    mouths[-1, draw.integers(width)] = True
    heights = breached(draw.uniform(0, 100, (height, width)), mouths)
    drainage = drain(heights, mouths, np.ones((8, height, width), np.float32))
    own = draw.uniform(1, 2, height * width)
    area = drainage.area(own)
    assert area[mouths.ravel()].sum() == pytest.approx(own.sum())
    runs = drainage.receiver != np.arange(height * width)
    assert np.array_equal(~runs, mouths.ravel())
    assert (heights.ravel()[runs] > heights.ravel()[drainage.receiver[runs]]).all()
    assert (area[drainage.receiver[runs]] > area[runs]).all()


def test_slope_is_that_of_the_elevation_by_horn(landscape: Landscape) -> None:
    window = Window(30, 42, 96, 120)
    around = landscape.ground(window.expanded(1)).elevation_m
    terrain = landscape.ground(window)
    assert np.array_equal(terrain.slope_deg, slope_deg(around, PIXEL_M, PIXEL_M)[1:-1, 1:-1])
    assert np.array_equal(terrain.elevation_m, around[1:-1, 1:-1])


def test_it_is_a_mountain_and_not_noise(landscape: Landscape) -> None:
    terrain = landscape.ground(Window(0, 0, 300, 360))
    assert np.ptp(terrain.elevation_m) > 300
    assert 15 < np.median(terrain.slope_deg) < 45
    assert terrain.slope_deg.max() < 85
    # Neighbours stand at nearly one height; noise would not.
    east = terrain.elevation_m[:, 1:] - terrain.elevation_m[:, :-1]
    assert east.std() < 0.1 * terrain.elevation_m.std()


def test_ground_facing_the_sun_is_brighter_and_shadow_is_dark(landscape: Landscape) -> None:
    terrain = landscape.ground(Window(0, 0, 300, 360))
    assert terrain.sun.min() >= 0
    assert ((terrain.sky > 0) & (terrain.sky <= 1)).all()
    # The sun stands in the south: ground that faces north gets less of it.
    assert terrain.sun[terrain.north > 0.3].mean() < terrain.sun[terrain.north < -0.3].mean()


def test_the_grid_of_the_relief_is_bounded_whatever_the_size_of_the_region() -> None:
    relief = make_relief(make_region(1, 0, 9_000, 600))
    assert max(relief.elevation_m.shape) <= LARGEST_GRID + 8


def test_air_is_brightest_in_the_blue_and_haze_takes_sun() -> None:
    region = make_region(0, 0, 10, 10)
    paths = [air(region, name, 500).path for name in ("B01", "B02", "B03", "B04", "B08", "B11")]
    assert paths == sorted(paths, reverse=True)
    hazy = replace(region, aerosol=region.aerosol + 0.3)
    for name in ("B02", "B04", "B08"):
        assert air(hazy, name, 500).path > air(region, name, 500).path
        assert air(hazy, name, 500).sun < air(region, name, 500).sun
        assert air(region, name, 3000).path < air(region, name, 500).path
    # Nothing gets through to the ground in the cirrus channel.
    assert air(region, "B10", 0).sun < 0.01
    with pytest.raises(ValueError, match="elevation"):
        air(region, "elevation", 0)


def test_spectra_are_those_of_their_kind() -> None:
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
def test_a_size_that_cannot_be_made_is_refused(height: int, width: int) -> None:
    with pytest.raises(PatchesError, match="cannot be made"):
        make_region(0, 0, height, width)
