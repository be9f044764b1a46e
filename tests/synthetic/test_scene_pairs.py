"""Synthetic pairs: truth is consistent, what a setting turns off is absent, and windows equal the whole."""

import numpy as np
import pytest

from landslip.grid.window import Window
from landslip.synthetic.region import make_region
from landslip.synthetic.scene_pairs import LOOKALIKES, PairSettings, SyntheticPair, make_scene_pair

WHOLE = Window(0, 0, 300, 300)
REGION = make_region(0, 7, WHOLE.height, WHOLE.width)


@pytest.fixture(scope="module")
def pair() -> SyntheticPair:
    return make_scene_pair(REGION, WHOLE)


def test_new_and_old_landslides_are_those_after(pair: SyntheticPair) -> None:
    assert pair.new.any()
    assert pair.old.any()
    assert not (pair.new & pair.old).any()
    np.testing.assert_array_equal(pair.new | pair.old, pair.after.landslide > 0)
    np.testing.assert_array_equal(pair.old, pair.before.landslide > 0)


def test_masks_of_lookalikes_hold_no_new_landslide(pair: SyntheticPair) -> None:
    for name in LOOKALIKES:
        assert not (getattr(pair, name) & pair.new).any(), name
    assert pair.flooded.any()
    assert pair.snow.any()


def test_the_ground_is_the_same_on_both_dates(pair: SyntheticPair) -> None:
    np.testing.assert_array_equal(pair.before.terrain.elevation_m, pair.after.terrain.elevation_m)


def test_new_landslides_brighten_in_red_and_snow_is_brightest_before(pair: SyntheticPair) -> None:
    gain = pair.after.dn["B04"].astype(float) - pair.before.dn["B04"]
    assert np.median(gain[pair.new & ~pair.snow]) > np.median(gain[~pair.new]) + 200
    assert np.median(pair.before.dn["B02"][pair.snow]) > 2 * np.median(pair.after.dn["B02"][pair.snow])


@pytest.mark.parametrize(
    ("off", "absent"),
    [
        ({"old_fraction": 0}, "old"),
        ({"old_fraction": 1}, "new"),
        ({"water_stage": 1, "turbidity": 0}, "flooded"),
        ({"snow_fraction": 0}, "snow"),
    ],
)
def test_what_is_turned_off_is_absent(off: dict, absent: str) -> None:
    assert not getattr(make_scene_pair(REGION, Window(60, 60, 120, 120), PairSettings(**off)), absent).any()


def test_a_window_equals_that_of_the_whole(pair: SyntheticPair) -> None:
    window = Window(60, 120, 90, 60)
    part = make_scene_pair(REGION, window)
    for name in ("new", "old", "harvested", "flooded", "snow"):
        np.testing.assert_array_equal(getattr(part, name), getattr(pair, name)[window.slices])
    for channel, dn in part.before.dn.items():
        np.testing.assert_array_equal(dn, pair.before.dn[channel][window.slices])
