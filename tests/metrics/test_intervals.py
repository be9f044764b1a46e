"""Intervals and comparisons: resampling units, coverage of the intervals, and the test of a difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslip.errors import PredictionsError, SettingsError
from landslip.evaluation.comparison import compare, compare_by_scene
from landslip.evaluation.evaluate import score
from landslip.evaluation.predictions import PatchPosition, Predictions, resampling_units
from landslip.metrics.counts import METRICS, f1
from landslip.metrics.intervals import ResamplingUnits, block_units, intervals, patch_units
from predictions_made import held, predictions


def units_of(labels: object) -> ResamplingUnits:
    return ResamplingUnits("block", np.asarray(labels, np.intp), "made")


@given(predictions(placed=True), st.integers(1, 4))
def test_blocks_hold_neighbours_of_one_scene(made: Predictions, side: int) -> None:
    units = block_units([(one.scene, one.row, one.col) for one in made.entries], side)
    assert set(units.labels.tolist()) == set(range(units.count))
    for one, label in zip(made.entries, units.labels.tolist(), strict=True):
        for other, other_label in zip(made.entries, units.labels.tolist(), strict=True):
            if label == other_label:
                assert one.scene == other.scene
                assert abs(one.row - other.row) < side
                assert abs(one.col - other.col) < side
    np.testing.assert_array_equal(units.sum_over(made.counts()).sum(axis=0), made.counts().sum(axis=0))


def test_blocks_need_positions() -> None:
    entries = (PatchPosition("train", 1, "A", 3, 4), PatchPosition("train", 2, "unknown", None, None))
    assert resampling_units(entries).name == "patch"
    assert resampling_units(entries[:1]).name == "block"
    unnamed = PatchPosition("train", 3, "unknown", 3, 5)
    assert resampling_units((*entries[:1], unnamed)).name == "patch"
    with pytest.raises(SettingsError, match="at least 1 patch, got 0"):
        block_units([("A", 3, 4)], 0)


@given(predictions(most=5))
def test_the_interval_lies_within_what_resamples_can_give(made: Predictions) -> None:
    made_intervals = intervals(made.counts(), patch_units(len(made)), draws=50)
    for name, interval in made_intervals.items():
        each = METRICS[name](made.counts())
        assert 0 <= interval.low <= interval.high <= 1
        if len(made) == 1:
            assert interval.low == interval.high == interval.value == float(each[0])


def simulated(chance: np.random.Generator, blocks: int, inside: int) -> np.ndarray:
    """Counts of patches whose quality is shared within blocks."""
    quality = np.repeat(chance.beta(4, 2, blocks), inside)
    landslide = chance.integers(50, 150, blocks * inside)
    tp = chance.binomial(landslide, quality)
    fp = chance.binomial(100, 1 - quality)
    return np.stack([tp, fp, landslide - tp, 1000 - fp], axis=1)


def test_intervals_over_blocks_cover_the_true_value_of_correlated_patches_and_those_over_patches_do_not() -> None:
    chance = np.random.default_rng(11)
    truth = float(f1(simulated(chance, 200_000, 1).sum(axis=0)))
    inside = {"patch": 0, "block": 0}
    for trial in range(150):
        counts = simulated(chance, 40, 9)
        for name, labels in (("patch", np.arange(360)), ("block", np.arange(360) // 9)):
            got = intervals(counts, units_of(labels), metrics=["f1"], draws=300, seed=trial)["f1"]
            inside[name] += got.low <= truth <= got.high
    assert inside["block"] / 150 > 0.88
    assert inside["patch"] / 150 < 0.7


def test_each_scene_has_its_own_interval() -> None:
    chance = np.random.default_rng(0)
    entries = tuple(PatchPosition("train", n, "AB"[n % 2], n // 8, n % 8) for n in range(32))
    made = held(chance.integers(0, 251, (32, 5, 5)), chance.integers(0, 2, (32, 5, 5)), entries)
    for scene, figures in score(made).by_scene.items():
        alone = made.where(lambda entry, scene=scene: entry.scene == scene)
        assert figures["f1"].value == float(f1(alone.counts().sum(axis=0)))
        assert figures["f1"].low < figures["f1"].value < figures["f1"].high
        assert figures["f1"].unit == "block"
        assert figures["f1"].few_units


def predictions_of(quality: float, seed: int, n: int = 60) -> Predictions:
    """Make predictions that are correct in a fraction of the pixels, with the same masks for every seed."""
    truth = np.random.default_rng(99).integers(0, 2, (n, 8, 8))
    right = np.random.default_rng(seed).random((n, 8, 8)) < quality
    return held(np.where(right, truth, 1 - truth) * 250, truth)


def test_a_better_detector_is_told_from_a_worse_one() -> None:
    better, worse = predictions_of(0.8, 1), predictions_of(0.7, 2)
    found = compare(better, worse, draws=500, permutations=2000).differences["f1"]
    assert found.difference == pytest.approx(found.first - found.second)
    assert 0 < found.low < found.difference < found.high
    assert found.p_value < 0.01
    back = compare(worse, better, draws=500, permutations=2000).differences["f1"]
    assert (back.difference, back.low, back.high) == pytest.approx((-found.difference, -found.high, -found.low))


def test_equal_detectors_are_rarely_told_apart() -> None:
    p_values = [
        compare(predictions_of(0.7, 2 * n), predictions_of(0.7, 2 * n + 1), draws=1, permutations=200)
        .differences["f1"]
        .p_value
        for n in range(60)
    ]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.15
    assert 0.3 < np.mean(p_values) < 0.7


def test_a_detector_does_not_differ_from_itself() -> None:
    one = predictions_of(0.7, 1)
    for difference in compare(one, one, draws=20, permutations=50).differences.values():
        assert (difference.difference, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


def test_few_units_are_permuted_exhaustively() -> None:
    truth = np.ones((3, 4, 4), int)
    one, other = held(truth * 250, truth), held(truth * 0, truth)
    found = compare(one, other, draws=10)
    assert found.exact
    # Of 8 ways to swap, only none and all of them leave as large a difference.
    assert found.differences["recall"].p_value == pytest.approx(2 / 8)


def test_the_patch_order_does_not_matter_and_the_masks_do() -> None:
    one, other = predictions_of(0.8, 1), predictions_of(0.7, 2)
    order = np.random.default_rng(0).permutation(len(other))
    assert compare(one, other.take(order), draws=50) == compare(one, other, draws=50)
    with pytest.raises(PredictionsError, match="the patches differ"):
        compare(one, other.take(order[1:]))
    changed = held(other.encoded, 1 - other.masks)
    with pytest.raises(PredictionsError, match="the reference masks of made and made differ"):
        compare(one, changed)
    assert set(compare_by_scene(one, other)) == {"S"}
