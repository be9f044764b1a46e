"""Pixel metrics: against brute force, with their edge cases, and the one definition of a threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from landslip.metrics.counts import PixelCounts, count_pixels
from landslip.metrics.intervals import intervals
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.probability import encode_probability, reaches_threshold

SHAPE = (6, 7)
truths = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1, 255]))
found = hnp.arrays(np.bool_, SHAPE)
probabilities = hnp.arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32) | st.just(np.nan))


@given(found, truths)
def test_counts_are_those_of_a_plain_loop(found: NDArray[np.bool_], truth: NDArray[np.uint8]) -> None:
    tp = fp = fn = tn = 0
    for called, is_so in zip(found.ravel().tolist(), truth.ravel().tolist(), strict=True):
        tp += called and is_so == 1
        fp += called and is_so == 0
        fn += not called and is_so == 1
        tn += not called and is_so == 0
    assert count_pixels(found, truth) == PixelCounts(tp, fp, fn, tn)


@given(found, truths, found)
def test_unlabelled_pixels_do_not_count(
    found: NDArray[np.bool_], truth: NDArray[np.uint8], other: NDArray[np.bool_]
) -> None:
    changed = np.where(truth == 255, other, found)
    assert count_pixels(changed, truth) == count_pixels(found, truth)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_ratios_hang_together(tp: int, fp: int, fn: int) -> None:
    counts = PixelCounts(tp, fp, fn)
    for ratio in (counts.precision, counts.recall, counts.f1, counts.iou):
        assert 0 <= ratio <= 1
    assert counts.f1 == pytest.approx(2 * counts.iou / (1 + counts.iou))
    if tp:
        assert counts.f1 == pytest.approx(2 / (1 / counts.precision + 1 / counts.recall))


def test_empty_references_and_predictions_are_defined() -> None:
    nothing = PixelCounts()
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.iou) == (1, 1, 1, 1)
    assert PixelCounts(fp=3).f1 == PixelCounts(fp=3).precision == PixelCounts(fp=3).recall == 0
    assert PixelCounts(fn=3).f1 == PixelCounts(fn=3).precision == PixelCounts(fn=3).recall == 0


@given(probabilities, truths, probabilities, truths)
def test_counts_of_parts_add_up(
    one: NDArray[np.float32], truth: NDArray[np.uint8], two: NDArray[np.float32], truth_two: NDArray[np.uint8]
) -> None:
    joined = ProbabilityHistogram.of(np.concatenate([one, two]), np.concatenate([truth, truth_two]))
    added = ProbabilityHistogram.of(one, truth) + ProbabilityHistogram.of(two, truth_two)
    np.testing.assert_array_equal(joined.landslide, added.landslide)
    np.testing.assert_array_equal(joined.background, added.background)


@given(probabilities, truths, st.floats(0.01, 0.99))
def test_level_counts_threshold_as_maps_do(
    probability: NDArray[np.float32], truth: NDArray[np.uint8], threshold: float
) -> None:
    # The choice of a threshold leaves out what the map did not observe; the score counts it as not found.
    seen = np.where(np.isnan(probability), np.uint8(255), truth)
    expected = count_pixels(reaches_threshold(encode_probability(probability), threshold), seen)
    assert ProbabilityHistogram.of(probability, truth).at(threshold) == expected


@given(probabilities, truths)
def test_no_threshold_beats_the_best(probability: NDArray[np.float32], truth: NDArray[np.uint8]) -> None:
    counts = ProbabilityHistogram.of(probability, truth)
    best = counts.at(best_threshold([counts]))
    landslide = counts.landslide.sum()
    if landslide:
        assert best.f1 >= max(counts.at(threshold).f1 for threshold in np.linspace(0.004, 0.996, 249)) - 1e-12


def test_the_interval_contains_the_score_and_shrinks_with_more_patches() -> None:
    generator = np.random.default_rng(3)
    counts = generator.integers(0, 100, (40, 4))
    one = intervals(counts)["f1"]
    assert one.value == PixelCounts.of(counts.sum(axis=0)).f1
    assert one.low < one.value < one.high
    assert (one.unit, one.over, one.units) == ("patch", "patches", 40)
    many = intervals(np.tile(counts, (9, 1)))["f1"]
    assert (many.high - many.low) < 0.5 * (one.high - one.low)
    assert intervals(counts)["f1"] == one
