"""White ground by colour: mixtures with white are found at any fraction and in any light, bare soil is not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from landslip.change.pair import ScenePair
from landslip.change.white_ground import LEAST_DN, WhiteTest, measure_white
from landslip.grid.window import Window
from landslip.synthetic.patch_pairs import smooth_field
from scenes_made import memory_scene

SIDE = 120
GROUND = np.array([350.0, 500.0, 650.0])
SOIL = np.array([2200.0, 1700.0, 1400.0])
SNOW = np.array([6000.0, 5800.0, 5600.0])
SNOWY = (slice(20, 40), slice(20, 50))
BARE = (slice(70, 90), slice(60, 90))


def landscape(seed: int = 1) -> np.ndarray:
    """Forest with relief and bare soil in one place."""
    relief = np.exp(0.05 * smooth_field(SIDE, SIDE, 12, np.random.default_rng(seed)))
    image = GROUND[:, None, None] * relief
    image[:, *BARE] = SOIL[:, None, None] * relief[BARE]
    return image.astype(np.float32)


def mix(image: np.ndarray, place: tuple[slice, slice], fraction: float, white: np.ndarray = SNOW) -> np.ndarray:
    mixed = image.copy()
    mixed[:, *place] += np.float32(fraction) * (white[:, None, None] - mixed[:, *place]).astype(np.float32)
    return mixed


def find(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    test, _ = measure_white(*(one.reshape(3, -1).T.astype(float) for one in (image, other)))
    return test.find(image, np.ones(image.shape[1:], np.bool_))


@settings(max_examples=25, deadline=None)
@given(st.floats(0.08, 1.0), st.floats(0.6, 1.6))
def test_a_mixture_with_white_is_found_at_any_fraction_and_in_any_light(fraction: float, light: float) -> None:
    before, after = light * mix(landscape(), SNOWY, fraction), light * landscape()
    found = find(before.astype(np.float32), after.astype(np.float32))
    assert found[SNOWY].all()
    assert not found[BARE].any()
    assert found.sum() < 1.5 * 20 * 30


@settings(max_examples=25, deadline=None)
@given(st.floats(1.6, 4.0), st.floats(300, 4000))
def test_ground_that_brightens_most_in_red_is_not_white(red_over_blue: float, blue: float) -> None:
    image = landscape()
    image[:, *SNOWY] += np.array([red_over_blue, (1 + red_over_blue) / 2, 1.0], np.float32)[:, None, None] * np.float32(
        blue
    )
    assert not find(image, landscape()).any()


def test_pale_ground_is_kept_without_white_around() -> None:
    """A mixed limit of 1.5 holds near white only; grey rock alone, redder than white, is no snow."""
    rock = np.full((3, SIDE, SIDE), 500, np.float32)
    rock[:, *BARE] += np.array([1400, 1150, 1000], np.float32)[:, None, None]
    every = np.ones((SIDE, SIDE), np.bool_)
    test = WhiteTest((500, 500, 500), 1.5)
    assert not test.find(rock, every).any()
    beside = mix(rock, (slice(70, 80), slice(90, 100)), 0.3)
    assert test.find(beside, every)[BARE].all()


def test_what_is_dim_narrow_or_nodata_is_not_white() -> None:
    test = WhiteTest((500, 500, 500), 1.5)
    image = np.full((3, 20, 20), 500, np.float32)
    every = np.ones((20, 20), np.bool_)
    image[:, 4, 4] += 3000
    assert not test.find(image, every).any()
    image[:, 10:14, 10:14] += np.float32(0.9 * LEAST_DN)
    assert not test.find(image, every).any()
    assert not test.find(image + 3000, ~every).any()


def test_white_ground_of_a_pair_does_not_depend_on_the_window() -> None:
    before, after = mix(landscape(), SNOWY, 0.3), mix(landscape(), (slice(5, 15), slice(90, 110)), 0.8)
    pair = ScenePair.open(memory_scene(after), [memory_scene(before)])
    whole = pair.read(Window(0, 0, SIDE, SIDE))
    assert whole.white_before[SNOWY].all()
    assert not whole.white_after[SNOWY].any()
    for window in (Window(0, 0, 33, 50), Window(31, 44, 17, 60), Window(100, 100, 20, 20)):
        part = pair.read(window)
        np.testing.assert_array_equal(part.white_before, whole.white_before[window.slices])
        np.testing.assert_array_equal(part.white_after, whole.white_after[window.slices])
