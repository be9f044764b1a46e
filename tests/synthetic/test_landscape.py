"""Simulated images: windows equal the whole, landslides follow their distributions."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from landslip.channels import ndvi
from landslip.grid.window import Window
from landslip.synthetic.atmosphere import SPECTRAL
from landslip.synthetic.landscape import GRID_PX, Landscape, View
from landslip.synthetic.landslides import (
    AREA_SCALE_M2,
    AREA_SHAPE,
    AREA_SHIFT_M2,
    LARGEST_M2,
    SMALLEST_M2,
    START_DEG,
    Landslide,
    draw_areas_m2,
)
from landslip.synthetic.region import PIXEL_M, make_region

WHOLE = Window(0, 0, 600, 600)


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(make_region(0, 1, WHOLE.height, WHOLE.width))


@pytest.fixture(scope="module")
def whole(landscape: Landscape) -> View:
    return landscape.render(WHOLE)


@pytest.fixture(scope="module")
def landslides(landscape: Landscape) -> list[Landslide]:
    return landscape.landslides.starting_in(WHOLE)


@given(row=st.integers(0, 90), col=st.integers(0, 90), height=st.integers(1, 10), width=st.integers(1, 10))
@settings(max_examples=12)
def test_any_window_equals_that_of_the_whole(
    landscape: Landscape, whole: View, row: int, col: int, height: int, width: int
) -> None:
    window = Window(row * GRID_PX, col * GRID_PX, height * GRID_PX, width * GRID_PX)
    view = landscape.render(window)
    assert np.array_equal(view.landslide, whole.landslide[window.slices])
    assert np.array_equal(view.terrain.elevation_m, whole.terrain.elevation_m[window.slices])
    assert np.array_equal(view.terrain.slope_deg, whole.terrain.slope_deg[window.slices])
    for name in SPECTRAL:
        step = WHOLE.height // whole.dn[name].shape[0]
        coarse = Window(window.row // step, window.col // step, window.height // step, window.width // step)
        assert np.array_equal(view.dn[name], whole.dn[name][coarse.slices]), name


def test_equal_seeds_give_equal_images_and_others_do_not() -> None:
    window = Window(60, 120, 60, 60)
    one, again, other = (Landscape(make_region(0, seed, 240, 240)).render(window) for seed in (1, 1, 2))
    assert np.array_equal(again.dn["B04"], one.dn["B04"])
    assert not np.array_equal(other.dn["B04"], again.dn["B04"])


def test_dn_are_integers_in_the_range_of_the_sensor(whole: View) -> None:
    for name, dn in whole.dn.items():
        assert dn.dtype == np.uint16, name
        assert dn.min() >= 1, name
    medians = {name: float(np.median(dn)) for name, dn in whole.dn.items()}
    # Between the 1st and the 99th percentile of 18 real Landslide4Sense images.
    real = {
        "B01": (766, 1481), "B02": (536, 1303), "B03": (354, 1255), "B04": (194, 1331), "B05": (240, 1509),
        "B06": (459, 2677), "B07": (530, 3345), "B08": (458, 3470), "B09": (365, 2374), "B10": (7, 267),
        "B11": (256, 3015), "B12": (109, 2100),
    }  # fmt: skip
    assert {name for name, (low, high) in real.items() if not low < medians[name] < high} == set()


def test_landslides_have_a_lower_ndvi_than_their_surroundings(whole: View) -> None:
    index = ndvi(whole.dn["B04"].astype(np.float32), whole.dn["B08"].astype(np.float32))
    assert whole.landslide.sum() > 500
    assert np.median(index[whole.landslide == 1]) < np.median(index[whole.landslide == 0]) - 0.15


def test_landslides_start_on_steep_slopes_and_run_downhill(landscape: Landscape, landslides: list[Landslide]) -> None:
    assert len(landslides) > 50
    elevation = landscape.terrain(WHOLE).elevation_m
    drops = []
    for one in landslides:
        assert one.start_slope_deg > START_DEG
        x, y = (int(np.clip(value, 0, 599)) for value in one.start)
        end_x, end_y = (int(np.clip(value, 0, 599)) for value in one.outline.centroid.coords[0])
        drops.append(elevation[y, x] - elevation[end_y, end_x])
    # Landslides of a few pixels may cross a bump that the coarse relief does not resolve.
    assert np.mean(np.array(drops) > 0) > 0.95


def test_starts_are_steeper_than_the_mean_slope(landscape: Landscape, landslides: list[Landslide]) -> None:
    slope = landscape.terrain(WHOLE).slope_deg
    starts = [slope[int(one.start[1]), int(one.start[0])] for one in landslides]
    assert np.mean(starts) > slope.mean()


def area_fraction_below(area_m2: np.ndarray) -> np.ndarray:
    """The cumulative distribution of Malamud et al. (2004), truncated at both ends, by integrating its density."""
    grid = np.geomspace(SMALLEST_M2, LARGEST_M2, 20_001)
    moved = grid - AREA_SHIFT_M2
    density = (AREA_SCALE_M2 / moved) ** (AREA_SHAPE + 1) * np.exp(-AREA_SCALE_M2 / moved)
    total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    fraction: np.ndarray = np.interp(area_m2, grid, total / total[-1])
    return fraction


def kolmogorov_smirnov_distance(areas_m2: np.ndarray) -> float:
    """The largest difference of the empirical and the expected distribution."""
    ordered = np.sort(areas_m2)
    return float(np.abs(area_fraction_below(ordered) - (np.arange(len(ordered)) + 0.5) / len(ordered)).max())


def test_areas_drawn_follow_the_inverse_gamma_distribution() -> None:
    areas = draw_areas_m2(np.random.default_rng(0), 20_000)
    assert SMALLEST_M2 <= areas.min() <= areas.max() <= LARGEST_M2
    assert kolmogorov_smirnov_distance(areas) < 1.63 / np.sqrt(len(areas))
    # The tail is a power law of exponent -(rho + 1); Hill's estimate.
    tail = areas[areas > 10_000]
    assert 1 + 1 / np.mean(np.log(tail / 10_000)) == pytest.approx(AREA_SHAPE + 1, abs=0.3)


def test_outlines_have_about_the_drawn_areas(landslides: list[Landslide]) -> None:
    areas = np.array([one.area_m2 for one in landslides])
    assert kolmogorov_smirnov_distance(areas) < 0.08 + 1.63 / np.sqrt(len(areas))


def test_outlines_are_valid_and_their_areas_correct(landslides: list[Landslide]) -> None:
    for one in landslides:
        assert one.outline.is_valid
        assert one.area_m2 == pytest.approx(shapely.area(one.outline) * PIXEL_M**2)
        assert one.outline.distance(shapely.Point(one.start)) < 3


def test_windows_that_tile_a_region_yield_each_landslide_once(
    landscape: Landscape, landslides: list[Landslide]
) -> None:
    parts = [
        one.start
        for row in range(0, 600, 200)
        for col in range(0, 600, 300)
        for one in landscape.landslides.starting_in(Window(row, col, 200, 300))
    ]
    assert sorted(parts) == sorted(one.start for one in landslides)


def test_clouds_are_bright_and_cover_about_the_requested_fraction(whole: View) -> None:
    before = whole
    after = Landscape(make_region(0, 1, WHOLE.height, WHOLE.width, clouds=0.4)).render(WHOLE)
    brighter = after.dn["B02"].astype(int) - before.dn["B02"] > 1500
    assert 0.1 < brighter.mean() < 0.7
    # Shadows are darker; low clouds are nearly invisible in the cirrus channel.
    assert (after.dn["B08"].astype(int) - before.dn["B08"] < -300).mean() > 0.02
    assert after.dn["B10"].max() < 1000
    assert np.array_equal(before.landslide, after.landslide)


def test_a_window_off_the_60_m_grid_is_an_error(landscape: Landscape) -> None:
    with pytest.raises(ValueError, match="must be aligned"):
        landscape.render(Window(3, 0, 60, 60))
