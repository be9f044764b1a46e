"""Gap filling: valid pixels are unchanged, filled ones lie in their range, and values in gaps have no effect."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.inference.gap_filling import fill_gaps


@st.composite
def gappy(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    observed = random.random(shape) < draw(st.sampled_from([0.01, 0.3, 0.9, 1]))
    observed[random.integers(shape[0]), random.integers(shape[1])] = True
    return random.uniform(1, 10_000, (draw(st.integers(1, 4)), *shape)).astype(np.float32), observed


@given(gappy())
def test_valid_pixels_are_unchanged_and_filled_ones_within_their_range(scene: tuple[np.ndarray, np.ndarray]) -> None:
    values, observed = scene
    filled = fill_gaps(values, observed)
    assert filled.shape == values.shape
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[:, observed], values[:, observed])
    low, high = values[:, observed].min(axis=1), values[:, observed].max(axis=1)
    assert (filled >= low[:, None, None] * (1 - 1e-5)).all()
    assert (filled <= high[:, None, None] * (1 + 1e-5)).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("nonsense", [0, -9999, 65535, np.nan, np.inf, 3e38])
@given(gappy())
def test_values_in_gaps_have_no_effect(nonsense: float, scene: tuple[np.ndarray, np.ndarray]) -> None:
    values, observed = scene
    other = np.where(observed, values, np.float32(nonsense))
    np.testing.assert_array_equal(fill_gaps(other, observed), fill_gaps(values, observed))


@given(gappy(), st.floats(1, 9_000, width=32))
def test_a_constant_image_is_filled_with_its_constant(scene: tuple[np.ndarray, np.ndarray], level: float) -> None:
    values, observed = scene
    np.testing.assert_allclose(fill_gaps(np.full_like(values, level), observed), level, rtol=1e-5)


def test_a_gap_is_filled_smoothly() -> None:
    ground = np.broadcast_to(np.linspace(1000, 2000, 64, dtype=np.float32), (1, 64, 64))
    observed = np.ones((64, 64), bool)
    observed[20:40, 24:40] = False
    filled = fill_gaps(ground, observed)
    assert np.abs(np.diff(filled[0], axis=1)).max() < 150
    np.testing.assert_allclose(filled, ground, atol=150)
