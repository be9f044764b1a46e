"""Uncertainty: how well it ranks errors, against theory, scikit-learn and plain loops; TTA in maps and predictions."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper
from sklearn.metrics import roc_auc_score

from command_line import run
from landslip.detector.detector import Detector, seal
from landslip.detector.sealed_file import INPUT, OUTPUT
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import Predictions
from landslip.grid.window import Window
from landslip.inference.engine import open_engine
from landslip.inference.tta import FLIPS, TTAEngine
from landslip.mapping.finished_map import open_map
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.metrics.risk_coverage import RiskCoverage, rank_by_probability, rank_by_std, risk_coverage
from predictions_made import Held, held, patch, predictions
from rasters import write_raster
from scenes_made import blobs, memory_scene
from tiny_detectors import card, model


def directional_model() -> onnx.ModelProto:
    """Compare each pixel with its left neighbour, so that flips change the output."""
    kernel = np.zeros((1, 1, 3, 3), np.float32)
    kernel[0, 0, 1, 0], kernel[0, 0, 1, 1] = -1, 1
    nodes = [
        helper.make_node("Conv", [INPUT, "kernel"], ["step"], pads=[1, 1, 1, 1]),
        helper.make_node("Div", ["step", "softness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], [OUTPUT]),
    ]
    return model(nodes, {"kernel": kernel, "softness": np.asarray(np.float32(500))}, 1)


@pytest.fixture(scope="module")
def directional() -> Detector:
    return seal(directional_model(), card("directional", ["B04"]))


def uncertain(seed: int = 0, *, knows: float = 1.0) -> Predictions:
    """Make predictions whose standard deviation is correlated with their errors, by ``knows``."""
    chance = np.random.default_rng(seed)
    truth = (chance.random((4, 60, 60)) < 0.2).astype(np.uint8)
    wrong = chance.random(truth.shape) < 0.15
    spread = np.clip(60 + 60 * knows * wrong + chance.normal(0, 20, truth.shape), 0, 125)
    return held(np.where(wrong, 1 - truth, truth) * 200 + 20, truth, tta_std=spread.astype(np.uint8))


def rank_probability(made: Predictions) -> RiskCoverage:
    return rank_by_probability(made.encoded, made.masks, made.found, made.threshold)


def rank_std(made: Predictions) -> RiskCoverage:
    assert made.tta_std is not None
    return rank_by_std(made.tta_std, made.encoded, made.masks, made.found)


def brute_aurc(sure: np.ndarray, wrong: np.ndarray) -> float:
    order = np.argsort(-sure, kind="stable")
    return float((wrong[order].cumsum() / np.arange(1, len(wrong) + 1)).mean())


def curve_of(uncertainty: np.ndarray, wrong: np.ndarray):
    table = np.zeros((int(uncertainty.max()) + 1, 4), np.int64)
    np.add.at(table, (uncertainty, np.where(wrong, 1, 3)), 1)
    return risk_coverage("tta", table)


def test_a_random_ranking_has_the_error_rate_at_every_coverage() -> None:
    """Theory: risk does not change with coverage, so the area is the error rate and its excess 1."""
    chance = np.random.default_rng(0)
    wrong = chance.random(400_000) < 0.12
    curve = curve_of(chance.integers(0, 251, len(wrong)), wrong)
    assert curve.aurc == pytest.approx(wrong.mean(), rel=0.02)
    assert curve.excess == pytest.approx(1, abs=0.02)
    assert curve.auroc == pytest.approx(0.5, abs=0.005)
    np.testing.assert_allclose(curve.risk, wrong.mean(), atol=0.003)
    tied = curve_of(np.zeros(len(wrong), int), wrong)
    assert tied.aurc == pytest.approx(wrong.mean(), rel=1e-12)
    assert (tied.auroc, tied.excess) == (0.5, pytest.approx(1))


@given(st.floats(0.01, 0.9))
def test_an_oracle_has_the_theoretical_area(rate: float) -> None:
    """Geifman et al. 2019: r + (1 - r) ln(1 - r) for an error rate r."""
    wrong = np.arange(10_000) < round(10_000 * rate)
    curve, r = curve_of(wrong.astype(int), wrong), wrong.mean()
    assert curve.aurc == pytest.approx(r + (1 - r) * np.log(1 - r), rel=1e-9)
    assert curve.aurc == pytest.approx(curve.aurc_oracle)
    assert (curve.auroc, curve.excess) == (1, pytest.approx(0, abs=1e-9))
    assert curve.risk == pytest.approx(curve.risk_oracle)


@given(st.integers(0, 30), st.integers(2, 60))
def test_the_area_is_the_mean_over_all_orders_of_ties(seed: int, classes: int) -> None:
    chance = np.random.default_rng(seed)
    levels = chance.integers(0, classes, 1500)
    wrong = chance.random(1500) < levels / (2 * classes)
    over_orders = [brute_aurc(-(levels + 0.9 * chance.random(1500)), wrong) for _ in range(60)]
    assert curve_of(levels, wrong).aurc == pytest.approx(float(np.mean(over_orders)), abs=0.006)
    if wrong.any() and not wrong.all():
        assert curve_of(levels, wrong).auroc == pytest.approx(roc_auc_score(wrong, levels))


def test_better_uncertainty_has_a_smaller_area() -> None:
    curves = [rank_std(uncertain(knows=knows)) for knows in (0.0, 0.5, 2.0)]
    assert curves[0].aurc > curves[1].aurc > curves[2].aurc > curves[2].aurc_oracle
    assert curves[0].excess == pytest.approx(1, abs=0.1)
    assert curves[2].f1[0] < curves[2].f1[4]
    assert len({curve.aurc_random for curve in curves}) == 1


@given(predictions(), st.sampled_from([0.2, 0.5, 0.8]))
def test_pixels_are_ranked_by_their_distance_to_the_threshold(made: Predictions, threshold: float) -> None:
    made = made.at(threshold)
    curve = rank_probability(made)
    known = (made.masks != 255) & (made.encoded != 255)
    said = made.encoded[known] / 250
    wrong = made.found[known] != (made.masks[known] == 1)
    assert (curve.pixels, curve.wrong) == (known.sum(), wrong.sum())
    away = np.where(said >= threshold, (said - threshold) / (1 - threshold), (threshold - said) / threshold)
    if 0 < wrong.sum() < len(wrong):
        assert curve.auroc == pytest.approx(roc_auc_score(wrong, -np.round(away, 6)), abs=1e-6)
    # Nothing known gives nothing to divide by.
    assert all(0 <= value <= 1 for value in (curve.aurc, *curve.risk, *curve.f1))


def test_predictions_without_an_error_have_no_excess() -> None:
    assert rank_probability(held(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)))).excess is None


def test_tta_returns_probability_and_standard_deviation(directional: Detector) -> None:
    images = np.random.default_rng(0).uniform(0, 2000, (5, 1, 32, 64)).astype(np.float32)
    engine = open_engine(directional, height=32, width=64)
    both = TTAEngine(engine)(images)
    np.testing.assert_array_equal(both[:, 0], engine(images))
    four = np.stack([np.flip(engine(np.ascontiguousarray(np.flip(images, axes))), axes) for axes in FLIPS])
    np.testing.assert_allclose(both[:, 1], four.std(axis=0), atol=1e-6)
    mirrored = TTAEngine(engine)(np.ascontiguousarray(images[..., ::-1]))
    np.testing.assert_allclose(mirrored[:, 1, :, ::-1], both[:, 1], atol=1e-6)
    assert both[:, 1].max() > 0.1


def bands(folder: Path) -> np.ndarray:
    with rasterio.open(folder / "probability.tif") as raster:
        assert raster.nodatavals == (255,) * raster.count
        assert raster.scales == (0.004,) * raster.count
        return raster.read()


def test_a_map_stores_the_standard_deviation_as_its_second_band(directional: Detector, tmp_path: Path) -> None:
    observed = np.ones((90, 110), bool)
    observed[40:60, 30:70] = False
    scene = memory_scene(blobs(90, 110, bands=1), ("B04",), observed)
    plain = map_scene(scene, directional, tmp_path / "plain", MapSettings(resume=False)).summary
    asked = map_scene(scene, directional, tmp_path / "tta", MapSettings(resume=False, uncertainty="tta")).summary
    (first,), (again, spread) = bands(tmp_path / "plain"), bands(tmp_path / "tta")
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(spread == 255, ~observed)
    assert 25 < spread[observed].max() <= 125
    assert (plain.landslides, plain.settings.uncertainty) == (asked.landslides, "none")
    assert asked.settings.uncertainty == "tta"
    np.testing.assert_array_equal(open_map(tmp_path / "tta").encoded(Window(0, 0, 90, 110)), first)
    small = MapSettings(resume=False, uncertainty="tta", block_px=32)
    map_scene(scene, directional, tmp_path / "blocks", small)
    np.testing.assert_array_equal(bands(tmp_path / "blocks"), bands(tmp_path / "tta"))
    assert '"standard_deviation"' in (tmp_path / "tta" / "item.json").read_text()
    assert "over four flips" in (tmp_path / "tta" / "report.html").read_text()
    assert "over four flips" not in (tmp_path / "plain" / "report.html").read_text()


def test_the_standard_deviation_of_a_map_is_that_of_predictions(directional: Detector, tmp_path: Path) -> None:
    one = patch(1)
    made = predict(directional, Held([one]), uncertainty="tta")
    scene = memory_scene(one.values, ("B04",))
    map_scene(scene, directional, tmp_path / "map", MapSettings(resume=False, uncertainty="tta"))
    np.testing.assert_array_equal(bands(tmp_path / "map"), [made.encoded[0], made.tta_std[0]])
    plain = predict(directional, Held([one]))
    assert plain.tta_std is None
    np.testing.assert_array_equal(plain.encoded, made.encoded)


def test_the_command_takes_uncertainty(directional: Detector, tmp_path: Path) -> None:
    directional.save(tmp_path / "d.onnx")
    scene = write_raster(tmp_path / "s.tif", blobs(40, 40, bands=1), descriptions=["B04"])
    told = run("map", scene, "-o", tmp_path / "out", "-q", "--detector", tmp_path / "d.onnx", "--uncertainty", "tta")
    assert told.code == 0, told.err
    assert len(bands(tmp_path / "out")) == 2
