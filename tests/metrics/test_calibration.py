"""Calibration and thresholds: against scikit-learn, by their identities, and in edge cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, precision_recall_curve

from landslip.errors import SettingsError
from landslip.evaluation.objects.inventories import find_inventories
from landslip.evaluation.objects.score import object_costs
from landslip.evaluation.predictions import Predictions
from landslip.metrics.calibration import (
    TemperatureEffect,
    measure_calibration,
    scale_logits,
    temperature_effect,
    undo_temperature,
)
from landslip.metrics.thresholds import ThresholdSweep, sweep_thresholds
from landslip.probability import STEP, encode_probability
from predictions_made import held, predictions


def random_pixels(seed: int, *, share: float = 0.1) -> Predictions:
    """Make three patches with random masks and correlated probabilities, with nodata in both."""
    chance = np.random.default_rng(seed)
    truth = (chance.random((3, 20, 20)) < share).astype(np.uint8)
    levels = np.clip(chance.normal(60 + 90 * truth, 70), 0, 250).astype(np.uint8)
    truth[chance.random(truth.shape) < 0.1] = 255
    levels[chance.random(truth.shape) < 0.05] = 255
    return held(levels, truth)


def sweep_of(made: Predictions) -> ThresholdSweep:
    return sweep_thresholds(made.encoded, made.masks)


def effect_of(made: Predictions, **more: int) -> TemperatureEffect:
    return temperature_effect(made.histogram(), made.temperature, **more)


def both_known(made: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Return mask and probability of the pixels that are valid in both."""
    known = (made.masks != 255) & (made.encoded != 255)
    return made.masks[known], made.encoded[known] * STEP


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", [1, 7, 10, 20])
def test_reliability_is_that_of_scikit_learn(seed: int, bins: int) -> None:
    made = random_pixels(seed)
    truth, said = both_known(made)
    got = measure_calibration(made.histogram(), bins=bins)
    shares, words = calibration_curve(truth, said, n_bins=bins)
    filled = [one for one in got.bins if one.pixels]
    np.testing.assert_allclose([one.landslide_fraction for one in filled], shares)
    np.testing.assert_allclose([one.mean_probability for one in filled], words)
    assert got.brier == pytest.approx(brier_score_loss(truth, said))
    assert got.cross_entropy == pytest.approx(log_loss(truth, np.clip(said, 0.001, 0.999)))
    weights = [one.pixels / len(truth) for one in filled]
    assert got.ece == pytest.approx(float(np.dot(weights, np.abs(shares - words))))


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_and_the_curve_are_those_of_scikit_learn(seed: int) -> None:
    made = random_pixels(seed)
    levels = np.where(made.encoded == 255, 100, made.encoded)
    made = held(levels, made.masks)
    truth, said = both_known(made)
    got = sweep_of(made)
    assert got.average_precision == pytest.approx(average_precision_score(truth, said))
    precision, recall, thresholds = precision_recall_curve(truth, said)
    places = np.rint(thresholds / STEP).astype(int)
    curves = got.as_dict()
    np.testing.assert_allclose(np.array(curves["precision"])[places[places > 0] - 1], precision[:-1][places > 0])
    np.testing.assert_allclose(np.array(curves["recall"])[places[places > 0] - 1], recall[:-1][places > 0])


@given(predictions())
def test_the_parts_of_the_brier_score_add_up(made: Predictions) -> None:
    got = measure_calibration(made.histogram())
    assert got.brier == pytest.approx(got.reliability - got.resolution + got.uncertainty, abs=1e-12)
    assert sum(one.pixels for one in got.bins) == got.pixels
    assert 0 <= got.ece <= 1


@given(predictions(), st.sampled_from([0.004, 0.1, 0.5, 0.504, 0.8, 0.996]))
def test_a_sweep_agrees_with_predictions_at_a_threshold(made: Predictions, threshold: float) -> None:
    got, level = sweep_of(made), round(threshold / STEP)
    assert got.thresholds[level] == threshold
    np.testing.assert_array_equal(got.counts[level], made.at(threshold).counts().sum(axis=0))


def test_samples_drawn_from_the_probability_are_calibrated() -> None:
    chance = np.random.default_rng(0)
    levels = chance.integers(0, 251, (4, 200, 200))
    made = held(levels, chance.random(levels.shape) < levels * STEP)
    got = measure_calibration(made.histogram())
    assert got.ece < 0.005
    assert got.reliability < 0.002
    assert got.skill is not None
    assert got.skill > 0.3
    for missed in (0.25, 1.0, 4.0, 19.0):
        assert sweep_of(made).for_cost(missed).threshold == pytest.approx(1 / (1 + missed), abs=0.05)


@given(st.floats(0.2, 5), st.floats(0.001, 0.999))
def test_undoing_a_temperature_is_exact_within_the_rounding(temperature: float, before: float) -> None:
    after = float(scale_logits(np.array(before), 1 / temperature))
    level = int(encode_probability(np.array([after], np.float32))[0])
    unscaled = undo_temperature(temperature)
    assert unscaled.low[level] - 1e-6 <= before <= unscaled.high[level] + 1e-6
    assert unscaled.low[level] <= unscaled.probability[level] <= unscaled.high[level]


def test_a_correct_temperature_improves_calibration() -> None:
    chance = np.random.default_rng(3)
    logits = chance.normal(-2, 1.5, (3, 150, 150))
    truth = chance.random(logits.shape) < 1 / (1 + np.exp(-logits))
    # The network is three times too sure of itself, and a temperature of 3 mends it.
    made = held(encode_probability((1 / (1 + np.exp(-logits))).astype(np.float32)), truth, temperature=3.0)
    effect = effect_of(made)
    assert effect.before is not None
    assert effect.after.ece < 0.01
    assert effect.before.ece > 0.05
    assert effect.after.cross_entropy < effect.before.cross_entropy
    assert 0 < effect.rounding_mean < effect.rounding_max < 0.01
    assert set(effect.as_dict()) == {"temperature", "after", "before", "rounding_mean", "rounding_max"}


def test_a_temperature_of_one_has_no_effect() -> None:
    made = random_pixels(0)
    assert effect_of(made).before is None
    levels = np.arange(251)
    np.testing.assert_allclose(undo_temperature(1.0).probability, levels * STEP, atol=1e-12)
    with pytest.raises(SettingsError, match="must be positive, got 0"):
        undo_temperature(0)


def test_chosen_thresholds_meet_their_criterion() -> None:
    got = sweep_of(random_pixels(1))
    curves = got.as_dict()
    for wanted in (0.2, 0.5, 0.8):
        chosen = got.for_recall(wanted)
        assert chosen is not None
        assert chosen.recall >= wanted
        higher = np.array(curves["thresholds"]) > chosen.threshold
        assert (np.array(curves["recall"])[higher] < wanted).all()
    assert got.best_f1().f1 == max(curves["f1"])
    dear, cheap = got.for_cost(20), got.for_cost(0.2)
    assert dear.threshold < cheap.threshold
    assert dear.recall > cheap.recall


def test_landslides_where_the_prediction_is_nodata_are_never_recalled() -> None:
    truth = np.ones((1, 4, 4))
    half = np.full((1, 4, 4), 250)
    half[0, :2] = 255
    got = sweep_of(held(half, truth))
    assert got.for_recall(0.5) is not None
    assert got.for_recall(0.51) is None
    assert got.average_precision == pytest.approx(0.5)


@pytest.mark.parametrize(("levels", "truth"), [(255, 1), (100, 255), (0, 0), (250, 1)])
def test_nodata_and_single_classes_are_defined(levels: int, truth: int) -> None:
    made = held(np.full((1, 4, 4), levels), np.full((1, 4, 4), truth), temperature=2.0)
    effect, got = effect_of(made), sweep_of(made)
    known = levels != 255 and truth != 255
    assert effect.after.pixels == (16 if known else 0)
    assert np.isfinite(effect.after.brier)
    assert effect.after.skill is None
    assert 0 <= got.average_precision <= 1
    got.as_dict()
    got.best_f1()
    got.for_cost(3)


def test_object_costs_count_landslides() -> None:
    made = random_pixels(2, share=0.02)
    got = object_costs(made, missed=10, thresholds=(0.2, 0.5, 0.8))
    for threshold, missed, false in zip(got.thresholds, got.missed, got.false_alarms, strict=True):
        found = find_inventories(made.at(threshold))
        assert missed == np.count_nonzero(~found.reference.touched)
        assert false == np.count_nonzero(~found.mapped.touched)
    assert got.missed == tuple(sorted(got.missed))
    assert min(got.costs) == got.costs[got.thresholds.index(got.best)]


def test_invalid_arguments_are_named() -> None:
    made = random_pixels(0)
    with pytest.raises(SettingsError, match="above 0 and at most 1"):
        sweep_of(made).for_recall(0)
    with pytest.raises(SettingsError, match="must be positive, got -1"):
        sweep_of(made).for_cost(-1)
    with pytest.raises(SettingsError, match="thresholds is empty"):
        object_costs(made, 1, thresholds=())
    with pytest.raises(SettingsError, match="at least 1, got 0"):
        effect_of(made, bins=0)
