"""Laws of levels: half a step at most is lost, and a threshold means the same on levels as on probabilities."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from landslip.probability import (
    MAX_ENCODED,
    NODATA,
    STEP,
    decode_probability,
    encode_probability,
    encode_threshold,
    reaches_threshold,
)

SHARES = st.floats(0, 1, width=32)


@given(st.lists(SHARES, min_size=1))
def test_half_a_step_at_most_is_lost(shares: list[float]) -> None:
    probability = np.array(shares, np.float32)
    np.testing.assert_allclose(decode_probability(encode_probability(probability)), probability, atol=STEP / 2 + 1e-6)


def test_levels_come_back_as_they_were() -> None:
    levels = np.array([*range(MAX_ENCODED + 1), NODATA], np.uint8)
    np.testing.assert_array_equal(encode_probability(decode_probability(levels)), levels)


def test_not_observed_stays_so() -> None:
    assert encode_probability(np.array([np.nan], np.float32)) == NODATA
    assert np.isnan(decode_probability(np.array([NODATA], np.uint8)))
    assert not reaches_threshold(np.array([NODATA], np.uint8), 1e-6).any()


def test_probabilities_off_by_rounding_are_the_nearest_there_are() -> None:
    assert encode_probability(np.array([-1e-6, 1 + 1e-6], np.float32)).tolist() == [0, MAX_ENCODED]


@given(SHARES, SHARES)
def test_a_higher_probability_has_no_lower_level(one: float, other: float) -> None:
    low, high = encode_probability(np.array(sorted([one, other]), np.float32))
    assert low <= high


@given(st.floats(0, 1))
@example(1e-12)
@example(1.0)
@example(0.5)
def test_a_threshold_on_levels_is_the_threshold_on_their_probabilities(threshold: float) -> None:
    levels = np.arange(MAX_ENCODED + 1, dtype=np.uint8)
    probability = np.array([float(f"{level * STEP:.3f}") for level in levels])
    reached = reaches_threshold(levels, threshold)
    # Thresholds that differ from a level by rounding alone stand for that level.
    clear = np.abs(probability - threshold) > 1e-9 * threshold
    np.testing.assert_array_equal(reached[clear], (probability >= threshold)[clear])


@pytest.mark.parametrize("level", range(MAX_ENCODED + 1))
def test_a_threshold_written_as_a_level_is_that_level(level: int) -> None:
    assert encode_threshold(float(f"{level * STEP:.3f}")) == level
    assert encode_threshold(level * STEP) == level
