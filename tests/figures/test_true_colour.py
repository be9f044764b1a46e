"""True colour: one stretch for every picture, over valid pixels only."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from landslip.figures.true_colour import stretch_true_colour

IMAGES = hnp.arrays(np.float32, (3, 6, 5), elements=st.floats(1, 8192, width=32))


@given(IMAGES, st.sampled_from([np.nan, np.inf, 0.0, 65_535.0]))
def test_values_of_nodata_pixels_do_not_change_the_picture(rgb: NDArray[np.float32], fill: float) -> None:
    valid = np.ones((6, 5), np.bool_)
    valid[:2] = False
    filled = np.where(valid, rgb, np.float32(fill))
    one, other = stretch_true_colour(rgb, valid), stretch_true_colour(filled, valid)
    np.testing.assert_array_equal(one, other)
    assert (one[:2] == 0).all()


@given(IMAGES)
def test_pixels_that_are_not_finite_are_nodata(rgb: NDArray[np.float32]) -> None:
    valid = np.ones((6, 5), np.bool_)
    valid[3, 2] = False
    broken = rgb.copy()
    broken[1, 3, 2] = np.nan
    np.testing.assert_array_equal(stretch_true_colour(broken, np.ones_like(valid)), stretch_true_colour(rgb, valid))


def test_an_image_without_valid_pixels_is_black() -> None:
    assert (stretch_true_colour(np.ones((3, 4, 4), np.float32), np.zeros((4, 4), np.bool_)) == 0).all()


def test_per_channel_scales_each_channel_to_its_own_maximum() -> None:
    ramp = np.linspace(0, 1, 50, dtype=np.float32)
    rgb = np.stack([ramp * 4000, ramp * 400, ramp * 400])[:, np.newaxis]
    valid = np.ones((1, 50), np.bool_)
    assert stretch_true_colour(rgb, valid)[..., 1].max() < 80
    assert stretch_true_colour(rgb, valid, per_channel=True).max(axis=(0, 1)).tolist() == [237, 237, 237]


def _hills() -> NDArray[np.float32]:
    """Forest, bare soil and water in DN, with haze."""
    rng = np.random.default_rng(5)
    cover = rng.choice(3, (40, 50), p=[0.6, 0.3, 0.1])
    tones = np.array([[600, 800, 900], [1900, 1500, 1300], [420, 560, 820]], np.float32)[cover]
    texture = rng.lognormal(0, 0.15, (40, 50, 1))
    return np.moveaxis(tones * texture, -1, 0).astype(np.float32)


@given(
    fraction=st.floats(0, 0.3),
    colour=st.sampled_from([(9000, 8800, 9200), (5000, 4900, 5300), (14000, 14000, 14000), (0, 0, 0), (65535,) * 3]),
    declared=st.booleans(),
    seed=st.integers(0, 5),
)
def test_clouds_and_nodata_hardly_change_the_colours_of_the_rest(
    fraction: float, colour: tuple[int, int, int], declared: bool, seed: int
) -> None:
    rgb = _hills()
    covered = np.random.default_rng(seed).random((40, 50)) < fraction
    clouded = np.where(covered, np.array(colour, np.float32)[:, None, None], rgb)
    plain = stretch_true_colour(rgb, np.ones((40, 50), np.bool_)).astype(int)
    other = stretch_true_colour(clouded, ~covered if declared else np.ones((40, 50), np.bool_))
    assert np.abs(plain - other)[~covered].mean() < 4
    assert np.abs(plain - other)[~covered].max() <= 16


def test_highlights_keep_some_texture() -> None:
    rgb = _hills()
    rgb[:, :4] = np.linspace(3000, 9000, 50, dtype=np.float32)
    drawn = stretch_true_colour(rgb, np.ones((40, 50), np.bool_))[0, :, 0]
    assert drawn.max() > 250
    assert len(set(drawn.tolist())) > 3
