"""Laws of what is seen of synthetic ground: windows agree with the whole, landslides are as they should be."""

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
    return landscape.view(WHOLE)


@pytest.fixture(scope="module")
def landslides(landscape: Landscape) -> list[Landslide]:
    return landscape.landslides.starting(WHOLE)


@given(row=st.integers(0, 90), col=st.integers(0, 90), height=st.integers(1, 10), width=st.integers(1, 10))
@settings(max_examples=12)
def test_any_window_is_that_of_the_whole(
    landscape: Landscape, whole: View, row: int, col: int, height: int, width: int
) -> None:
    window = Window(row * GRID_PX, col * GRID_PX, height * GRID_PX, width * GRID_PX)
    view = landscape.view(window)
    assert np.array_equal(view.landslide, whole.landslide[window.slices])
    assert np.array_equal(view.ground.elevation_m, whole.ground.elevation_m[window.slices])
    assert np.array_equal(view.ground.slope_deg, whole.ground.slope_deg[window.slices])
    for name in SPECTRAL:
        step = WHOLE.height // whole.dn[name].shape[0]
        coarse = Window(window.row // step, window.col // step, window.height // step, window.width // step)
        assert np.array_equal(view.dn[name], whole.dn[name][coarse.slices]), name


def test_made_again_it_is_the_same_and_with_another_seed_it_is_not(whole: View) -> None:
    window = Window(120, 240, 60, 60)
    again = Landscape(make_region(0, 1, WHOLE.height, WHOLE.width)).view(window)
    assert np.array_equal(again.dn["B04"], whole.dn["B04"][window.slices])
    other = Landscape(make_region(0, 2, WHOLE.height, WHOLE.width)).view(window)
    assert not np.array_equal(other.dn["B04"], again.dn["B04"])


def test_dn_are_whole_and_like_those_of_the_sensor(whole: View) -> None:
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


def test_landslides_are_less_green_than_the_ground_around_them(whole: View) -> None:
    index = ndvi(whole.dn["B04"].astype(np.float32), whole.dn["B08"].astype(np.float32))
    assert whole.landslide.sum() > 500
    assert np.median(index[whole.landslide == 1]) < np.median(index[whole.landslide == 0]) - 0.15


def test_landslides_start_on_steep_ground_and_run_down(landscape: Landscape, landslides: list[Landslide]) -> None:
    assert len(landslides) > 50
    elevation = landscape.ground(WHOLE).elevation_m
    falls = []
    for one in landslides:
        assert one.start_slope_deg > START_DEG
        x, y = (int(np.clip(place, 0, 599)) for place in one.start)
        end_x, end_y = (int(np.clip(place, 0, 599)) for place in one.outline.centroid.coords[0])
        falls.append(elevation[y, x] - elevation[end_y, end_x])
    # Those of a few pixels may lie across a bump that the coarse ground does not know.
    assert np.mean(np.array(falls) > 0) > 0.95


def test_the_ground_where_they_start_is_steeper_than_the_rest(
    landscape: Landscape, landslides: list[Landslide]
) -> None:
    slope = landscape.ground(WHOLE).slope_deg
    starts = [slope[int(one.start[1]), int(one.start[0])] for one in landslides]
    assert np.mean(starts) > slope.mean()


def area_share_below(area_m2: np.ndarray) -> np.ndarray:
    """The distribution of Malamud et al. (2004) cut off at both ends, by adding up its density."""
    grid = np.geomspace(SMALLEST_M2, LARGEST_M2, 20_001)
    moved = grid - AREA_SHIFT_M2
    density = (AREA_SCALE_M2 / moved) ** (AREA_SHAPE + 1) * np.exp(-AREA_SCALE_M2 / moved)
    total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    share: np.ndarray = np.interp(area_m2, grid, total / total[-1])
    return share


def distance_of_distributions(areas_m2: np.ndarray) -> float:
    """Kolmogorov and Smirnov's."""
    ordered = np.sort(areas_m2)
    return float(np.abs(area_share_below(ordered) - (np.arange(len(ordered)) + 0.5) / len(ordered)).max())


def test_areas_drawn_follow_the_inverse_gamma_distribution() -> None:
    areas = draw_areas_m2(np.random.default_rng(0), 20_000)
    assert SMALLEST_M2 <= areas.min() <= areas.max() <= LARGEST_M2
    assert distance_of_distributions(areas) < 1.63 / np.sqrt(len(areas))
    # The tail is a power law of exponent -(rho + 1); Hill's estimate.
    tail = areas[areas > 10_000]
    assert 1 + 1 / np.mean(np.log(tail / 10_000)) == pytest.approx(AREA_SHAPE + 1, abs=0.3)


def test_outlines_have_about_the_areas_drawn(landslides: list[Landslide]) -> None:
    areas = np.array([one.area_m2 for one in landslides])
    assert distance_of_distributions(areas) < 0.08 + 1.63 / np.sqrt(len(areas))


def test_outlines_are_sound_and_their_areas_true(landslides: list[Landslide]) -> None:
    for one in landslides:
        assert one.outline.is_valid
        assert one.area_m2 == pytest.approx(shapely.area(one.outline) * PIXEL_M**2)
        assert one.outline.distance(shapely.Point(one.start)) < 3


def test_windows_that_tile_a_region_tell_each_landslide_once(landscape: Landscape, landslides: list[Landslide]) -> None:
    parts = [
        one.start
        for row in range(0, 600, 200)
        for col in range(0, 600, 300)
        for one in landscape.landslides.starting(Window(row, col, 200, 300))
    ]
    assert sorted(parts) == sorted(one.start for one in landslides)


def test_clouds_are_white_cold_and_take_about_the_share_asked_for() -> None:
    clear, cloudy = (Landscape(make_region(0, 1, 600, 600, clouds=share)) for share in (0.0, 0.4))
    window = Window(0, 0, 600, 600)
    before, after = clear.view(window), cloudy.view(window)
    brighter = after.dn["B02"].astype(int) - before.dn["B02"] > 1500
    assert 0.1 < brighter.mean() < 0.7
    # Shadows are darker; in the cirrus channel low clouds hardly show.
    assert (after.dn["B08"].astype(int) - before.dn["B08"] < -300).mean() > 0.02
    assert after.dn["B10"].max() < 1000
    assert np.array_equal(before.landslide, after.landslide)


def test_a_window_off_the_grid_of_60_m_is_refused(landscape: Landscape) -> None:
    with pytest.raises(ValueError, match="widen it"):
        landscape.view(Window(3, 0, 60, 60))
