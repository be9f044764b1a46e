"""The definitions of precision, recall, F1 and IoU against scikit-learn and torchmetrics, and their identities."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score, precision_recall_fscore_support

from landslip.errors import SettingsError
from landslip.evaluation.evaluate import evaluate_predictions
from landslip.evaluation.predictions import PatchPosition, Predictions
from landslip.metrics.counts import METRICS, PixelCounts, count_pixels
from landslip.metrics.definitions import BATCH, DEFINITIONS, compute_definitions
from predictions_made import held, predictions


def known(made: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Return mask and prediction of the labelled pixels; nodata of the prediction counts as background."""
    observed = made.masks != 255
    return made.masks[observed], made.found[observed].astype(np.uint8)


@given(predictions())
def test_pooled_agrees_with_scikit_learn(made: Predictions) -> None:
    truth, found = known(made)
    nothing = not (truth.any() or found.any())
    ours = compute_definitions(made.counts(), ["pooled"])["pooled"]
    if truth.size:
        division = 1.0 if nothing else 0.0
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, found, average="binary", zero_division=division
        )
        iou = jaccard_score(truth, found, zero_division=division)
        assert (ours.precision, ours.recall, ours.f1, ours.iou) == pytest.approx((precision, recall, f1, iou))
    else:
        assert (ours.precision, ours.recall, ours.f1, ours.iou) == (1, 1, 1, 1)


def test_pooled_agrees_with_torchmetrics() -> None:
    import torch
    from torchmetrics.classification import BinaryF1Score, BinaryJaccardIndex, BinaryPrecision, BinaryRecall

    chance = np.random.default_rng(5)
    theirs = {
        "f1": BinaryF1Score(ignore_index=255),
        "precision": BinaryPrecision(ignore_index=255),
        "recall": BinaryRecall(ignore_index=255),
        "iou": BinaryJaccardIndex(ignore_index=255),
    }
    for _ in range(20):
        made = held(
            chance.integers(0, 251, (4, 16, 16)),
            chance.choice(np.array([0, 1, 255]), (4, 16, 16), p=[0.6, 0.3, 0.1]),
            threshold=float(chance.uniform(0.1, 0.9)),
        )
        ours = compute_definitions(made.counts(), ["pooled"])["pooled"].as_dict()
        found, truth = torch.from_numpy(made.found.astype(np.int64)), torch.from_numpy(made.masks.astype(np.int64))
        for name, metric in theirs.items():
            assert ours[name] == pytest.approx(float(metric(found, truth)), abs=1e-6), name


@given(predictions(known=True))
def test_macro_agrees_with_scikit_learn(made: Predictions) -> None:
    truth, found = known(made)
    ours = compute_definitions(made.counts(), ["macro"])["macro"]
    if {0, 1} <= {*truth.tolist(), *found.tolist()}:
        # Where both classes occur on either side no convention matters.
        assert ours.f1 == pytest.approx(f1_score(truth, found, average="macro", labels=[0, 1], zero_division=0))
        assert ours.iou == pytest.approx(jaccard_score(truth, found, average="macro", labels=[0, 1], zero_division=0))


@given(predictions())
def test_per_patch_is_the_mean_of_scikit_learn_over_patches(made: Predictions) -> None:
    each = []
    for mask, found in zip(made.masks, made.found, strict=True):
        observed = mask != 255
        if observed.any():
            nothing = not ((mask == 1).any() or found[observed].any())
            each.append(f1_score(mask[observed], found[observed], zero_division=1.0 if nothing else 0.0))
    ours = compute_definitions(made.counts(), ["per-patch"])["per-patch"].f1
    assert ours == pytest.approx(np.mean(each) if each else 1.0)


def test_batch_mean_is_a_plain_loop_over_batches() -> None:
    chance = np.random.default_rng(1)
    made = held(chance.integers(0, 251, (2 * BATCH + 5, 4, 4)), chance.integers(0, 2, (2 * BATCH + 5, 4, 4)))
    each = []
    for first in range(0, len(made), BATCH):
        truth, found = made.masks[first : first + BATCH] == 1, made.found[first : first + BATCH]
        tp, fp, fn = (truth & found).sum(), (found & ~truth).sum(), (truth & ~found).sum()
        precision, recall = tp / (tp + fp + 1e-7), tp / (tp + fn + 1e-7)
        each.append((2 * precision * recall / (precision + recall + 1e-7), tp / (tp + fp + fn + 1e-7)))
    ours = compute_definitions(made.counts(), ["batch-mean"])["batch-mean"]
    assert (ours.f1, ours.iou) == pytest.approx(tuple(np.mean(each, axis=0)))


def test_definitions_of_empty_patches() -> None:
    empty = compute_definitions(held(np.zeros((3, 4, 4)), np.zeros((3, 4, 4))).counts())
    assert {name: ratios.f1 for name, ratios in empty.items()} == {
        "pooled": 1,
        "batch-mean": 0,
        "per-patch": 1,
        "macro": 1,
    }
    unknown = compute_definitions(held(np.full((2, 4, 4), 250), np.full((2, 4, 4), 255)).counts())
    assert {ratios.f1 for ratios in unknown.values()} == {0, 1}
    alarms = compute_definitions(held(np.full((1, 4, 4), 250), np.zeros((1, 4, 4))).counts())
    assert {ratios.f1 for ratios in alarms.values()} == {0}


@given(predictions(), st.randoms(use_true_random=False))
def test_order_matters_to_the_batch_mean_alone(made: Predictions, chance: random.Random) -> None:
    order = list(range(len(made)))
    chance.shuffle(order)
    one, other = compute_definitions(made.counts()), compute_definitions(made.take(np.array(order)).counts())
    for name in set(DEFINITIONS) - {"batch-mean"}:
        assert one[name].as_dict() == pytest.approx(other[name].as_dict())


@given(predictions())
def test_one_patch_alone_is_the_same_by_patch_and_pooled(made: Predictions) -> None:
    first = made.take(np.array([0]))
    both = compute_definitions(first.counts(), ["pooled", "per-patch"])
    assert both["pooled"] == both["per-patch"]


@given(predictions())
def test_counts_are_those_of_the_evaluation(made: Predictions) -> None:
    counts, evaluation = made.counts(), evaluate_predictions(made)
    for row, found, mask in zip(counts, made.found, made.masks, strict=True):
        assert PixelCounts.of(row) == count_pixels(found, mask)
    assert counts.sum() == (made.masks != 255).sum()
    total = counts.sum(axis=0)
    assert {name: float(figure(total)) for name, figure in METRICS.items()} == {
        name: getattr(evaluation.pixel, name) for name in METRICS
    }


def test_an_unknown_definition_is_refused() -> None:
    made = held(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), (PatchPosition("train", 1, "S", None, None),))
    with pytest.raises(SettingsError, match="unknown definition 'micro': allowed are pooled, batch"):
        compute_definitions(made.counts(), ["pooled", "micro"])


SIDE = (2, 5, 6)
CHANCE = np.random.default_rng(7)
CASES = {
    "random": (CHANCE.integers(0, 251, SIDE), CHANCE.choice(np.array([0, 1, 255]), SIDE)),
    "empty truth": (CHANCE.integers(0, 251, SIDE), np.zeros(SIDE)),
    "empty map": (np.zeros(SIDE), CHANCE.integers(0, 2, SIDE)),
    "both empty": (np.zeros(SIDE), np.zeros(SIDE)),
    "nothing observed": (CHANCE.integers(0, 251, SIDE), np.full(SIDE, 255)),
    "one class only": (np.full(SIDE, 250), np.ones(SIDE)),
}


@pytest.mark.parametrize("case", CASES)
def test_edge_cases_agree_with_both_libraries_by_the_same_convention(case: str) -> None:
    import torch
    from torchmetrics.classification import BinaryF1Score, BinaryJaccardIndex, BinaryPrecision, BinaryRecall

    made = held(*CASES[case])
    truth, found = known(made)
    # Ours: 1 where there is nothing and nothing was called, else 0 where a ratio has no denominator.
    division = 0.0 if truth.any() or found.any() else 1.0
    ours = compute_definitions(made.counts(), ["pooled"])["pooled"].as_dict()
    theirs = {
        "f1": BinaryF1Score(zero_division=division),
        "precision": BinaryPrecision(zero_division=division),
        "recall": BinaryRecall(zero_division=division),
        "iou": BinaryJaccardIndex(zero_division=division),
    }
    for name, metric in theirs.items():
        if truth.size:
            said = float(metric(torch.from_numpy(found.astype(np.int64)), torch.from_numpy(truth.astype(np.int64))))
            assert ours[name] == pytest.approx(said, abs=1e-6), name
        else:
            assert ours[name] == 1
    if truth.size:
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, found, average="binary", zero_division=division
        )
        assert (ours["precision"], ours["recall"], ours["f1"]) == pytest.approx((precision, recall, f1))
