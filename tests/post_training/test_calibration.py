"""Laws of calibration: what was put in is found, what is there is replaced, and every part has the same say."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import helper

from landslip.datasets.patch_set import EntrySet, Patch
from landslip.datasets.rgb import open_rgb_set
from landslip.datasets.splits import Part
from landslip.detector.detector import DEFAULT, Detector, seal
from landslip.errors import ChannelError, PatchesError
from landslip.evaluation.evaluate import evaluate
from landslip.evaluation.predictions import PatchPosition
from landslip.inference.synthetic_inputs import synthetic_images
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.post_training.calibration import CalibrationData, calibrate
from landslip.post_training.confidence import fit_confidence
from landslip.post_training.ensemble import ensemble, run_detector
from landslip.post_training.temperature import fit_temperature, logits_of, temperature_in, with_temperature
from tiny_detectors import brightness, card, identity, identity_model, model


@dataclass(frozen=True, slots=True)
class Known(PatchPosition):
    """Where a patch lies, and the patch."""

    patch: Patch


@dataclass(frozen=True, slots=True)
class Held(EntrySet[Known]):
    """Patches in memory."""

    entries: tuple[Known, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        return ("B04",)

    def read(self, entry: Known) -> Patch:
        return entry.patch


def patches(logits: NDArray[np.floating], truth: NDArray[np.integer], scene: str = "S") -> Held:
    """Patches (N, H, W) whose one channel is a logit in thousandths, far above 0."""
    values = (10_000 + 1000 * logits)[:, None].astype(np.float32)
    return Held(
        tuple(
            Known("train", number, scene, None, None, Patch(number, scene, None, None, ("B04",), value, mask))
            for number, (value, mask) in enumerate(zip(values, truth.astype(np.uint8), strict=True))
        )
    )


def logistic(sharpness: float = 1.0, **changes: object) -> Detector:
    """Says sigmoid(sharpness * logit) of such patches: too sure by just that factor."""
    nodes = [
        helper.make_node("Sub", ["input", "middle"], ["over"]),
        helper.make_node("Div", ["over", "softness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    weights = {"middle": np.asarray(np.float32(10_000)), "softness": np.asarray(np.float32(1000 / sharpness))}
    return seal(model(nodes, weights, 1), card("logistic", ["B04"], **changes))


def honest(seed: int, shift: float = 0.0, count: int = 6) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits and a truth drawn by them."""
    chance = np.random.default_rng(seed)
    logits = 2 * chance.standard_normal((count, 32, 32)) + shift
    return logits, (chance.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.int64)


@given(sharpness=st.floats(0.2, 12), seed=st.integers(0, 9))
def test_the_factor_that_was_put_in_is_found(sharpness: float, seed: int) -> None:
    logits, truth = honest(seed)
    sample = (sharpness * logits.ravel()).astype(np.float32), truth.ravel() == 1
    assert fit_temperature([sample]) == pytest.approx(sharpness, rel=0.12)
    # Divided by it, nothing is left to find.
    rest = (sample[0] / np.float32(fit_temperature([sample])), sample[1])
    assert fit_temperature([rest]) == pytest.approx(1, abs=1e-3)


def test_a_temperature_is_the_lowest_of_the_cross_entropy() -> None:
    logits, truth = (array.ravel() for array in honest(3))
    found = fit_temperature([((3 * logits).astype(np.float32), truth == 1)])

    def cost(temperature: float) -> float:
        return float(np.logaddexp(0, np.where(truth == 1, -3, 3) * logits / temperature).mean())

    assert cost(found) <= min(cost(found * 1.01), cost(found / 1.01))


def test_temperatures_stay_within_what_is_believed() -> None:
    sure = np.array([9.0, -9.0], np.float32)
    assert fit_temperature([(sure, np.array([True, False]))]) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature([(sure, np.array([False, True]))]) == pytest.approx(20, rel=1e-3)


def test_the_graph_divides_its_logit_and_keeps_one_temperature() -> None:
    image = synthetic_images(("B04",), 2, 32, 32)
    values = 10_000 + 3000 * (image / image.max() - np.float32(0.5))
    logit = (values[:, 0].astype(np.float64) - 10_000) / 1000
    once = with_temperature(onnx.load_model_from_string(logistic().onnx_bytes), 2.5)
    twice = with_temperature(once, 4.0)
    assert temperature_in(once) == 2.5
    assert temperature_in(twice) == 4.0
    assert len(twice.graph.node) == len(once.graph.node)
    assert temperature_in(onnx.load_model_from_string(logistic().onnx_bytes)) is None
    for made, temperature in ((once, 2.5), (twice, 4.0)):
        said = run_detector(seal(made, logistic().card), values)
        np.testing.assert_allclose(said, 1 / (1 + np.exp(-logit / temperature)), atol=1e-6)


def test_a_graph_without_a_sigmoid_gets_one() -> None:
    """The mean of probabilities, or whatever else a foreign detector ends with."""
    values = (10_000 * np.linspace(0, 1, 2 * 32 * 32).reshape(2, 1, 32, 32)).astype(np.float32)
    shares = values[:, 0].astype(np.float64) / 10_000
    plain, softer = (seal(with_temperature(identity_model(), t), identity().card) for t in (1.0, 2.0))
    np.testing.assert_allclose(run_detector(plain, values), shares, atol=2e-6)
    inside = np.clip(shares, 1e-6, 1 - 1e-6)
    np.testing.assert_allclose(run_detector(softer, values), 1 / (1 + ((1 - inside) / inside) ** 0.5), atol=2e-4)


@pytest.mark.parametrize(("sharpness", "joined"), [(0.5, False), (5.0, False), (15.0, False), (0.5, True), (5.0, True)])
def test_calibrating_finds_temperature_and_threshold_and_twice_is_once(sharpness: float, joined: bool) -> None:
    detector = logistic(sharpness, temperature=1.0)
    if joined:
        detector = ensemble([detector, detector], "pair", tta="flips")
    choosing = CalibrationData({"scene S": patches(*honest(0))})
    once = calibrate(detector, choosing)
    assert once.card.temperature == pytest.approx(sharpness, rel=0.1)
    # What was too sure is not any more, and a threshold means what it says: the best F1 of an honest map is below 0.5.
    assert 0.2 < once.card.threshold < 0.5
    assert once.card.threshold_selection == "highest F1 on scene S"
    assert once.card.scores == ()
    twice = calibrate(once, choosing)
    assert twice.card.graph_sha256 == once.card.graph_sha256
    assert twice.card.model_dump(exclude={"created"}) == once.card.model_dump(exclude={"created"})


def test_the_threshold_is_the_best_there_is() -> None:
    part = patches(*honest(1))
    made = calibrate(logistic(3.0), CalibrationData({"S": part}))
    best = evaluate(made, part).pixel.f1
    for step in range(1, 250, 25):
        assert evaluate(made, part, threshold=step * 0.004).pixel.f1 <= best + 1e-12


def test_every_part_has_the_same_say_whatever_its_size() -> None:
    small, large = patches(*honest(0, shift=1.5, count=2), "T"), patches(*honest(1, shift=-2.5, count=9), "U")
    both = calibrate(logistic(), CalibrationData({"T": small, "U": large}))
    again = calibrate(logistic(), CalibrationData({"U": Held(large.entries * 2), "T": small}))
    assert again.card.temperature == pytest.approx(both.card.temperature, abs=1e-4)
    assert again.card.threshold == both.card.threshold
    assert "mean over the 2 parts" in both.card.threshold_selection
    alone = calibrate(logistic(), CalibrationData({"T": small})), calibrate(logistic(), CalibrationData({"U": large}))
    low, high = sorted(made.card.threshold for made in alone)
    assert low <= both.card.threshold <= high


def test_unseen_ground_has_the_same_say_as_all_that_was_chosen_on() -> None:
    known, counts = patches(*honest(0)), at_one_level(0.2)
    alone = calibrate(logistic(), CalibrationData({"S": known}))
    both, more = (
        calibrate(logistic(), CalibrationData({"S": known}, unseen_scenes={"X by Y": [counts] * n})) for n in (1, 5)
    )
    assert both.card.threshold == more.card.threshold
    assert both.card.threshold <= 0.2 < alone.card.threshold
    assert both.card.temperature == alone.card.temperature
    assert both.card.threshold_selection == "highest F1 on S, and with equal weight on X by Y"


def at_one_level(probability: float) -> ProbabilityHistogram:
    """Ground whose landslides are all said with one probability, and all else with 0."""
    said = np.where(np.arange(100) < 50, probability, 0).astype(np.float32)
    return ProbabilityHistogram.of(said, (np.arange(100) < 50).astype(np.uint8))


def test_a_threshold_must_serve_in_other_light_too() -> None:
    part = patches(*honest(0))
    darker = {"darker": lambda values: values - np.float32(1500)}
    plain, lit = (calibrate(logistic(), CalibrationData({"S": part}, lights)) for lights in ({}, darker))
    assert lit.card.threshold < plain.card.threshold
    assert lit.card.temperature == plain.card.temperature
    assert lit.card.threshold_selection == (
        "highest F1 on S, mean over the original images and 1 photometric perturbation (darker)"
    )


def test_pixels_of_which_nothing_is_known_have_no_say() -> None:
    logits, truth = honest(0)
    hidden = truth.copy()
    hidden[:, :10] = 255
    odd = logits.copy()
    odd[:, :10] = -7
    one, other = (calibrate(logistic(), CalibrationData({"S": patches(some, hidden)})) for some in (logits, odd))
    assert one.card.temperature == other.card.temperature
    assert one.card.threshold == other.card.threshold


@pytest.mark.parametrize(("value", "words"), [(0, "no landslide"), (1, "no background"), (255, "no labelled")])
def test_nothing_can_be_chosen_on_one_kind_of_ground(value: int, words: str) -> None:
    with pytest.raises(PatchesError, match=words):
        calibrate(logistic(), CalibrationData({"S": patches(honest(0)[0], np.full((6, 32, 32), value))}))


def test_parts_must_hold_patches_with_the_right_channels() -> None:
    with pytest.raises(PatchesError, match="no patch in nowhere"):
        calibrate(logistic(), CalibrationData({"nowhere": Held(())}))
    with pytest.raises(ChannelError):
        calibrate(brightness(), CalibrationData({"S": patches(*honest(0))}))


def test_confidence_rises_with_what_makes_objects_right() -> None:
    chance = np.random.default_rng(0)
    maps = []
    for _ in range(60):
        probability, truth = np.zeros((32, 32), np.float32), np.zeros((32, 32), np.uint8)
        for row in (2, 12, 22):
            level = chance.uniform(0.5, 1)
            probability[row : row + 5, 4:20] = level
            truth[row : row + 5, 4:20] = chance.random() < 2 * level - 1
        maps.append((probability, truth))
    confidence = fit_confidence(maps, 0.4, "made-up squares")
    assert confidence is not None
    assert confidence.probability_mean > 2
    assert "180 objects" in confidence.description
    assert fit_confidence(maps[:2], 0.4, "too few") is None
    # Where the truth is not known, an object is neither right nor wrong.
    blind = [(probability, np.full_like(truth, 255)) for probability, truth in maps]
    assert fit_confidence([*maps, *blind], 0.4, "made-up squares") == confidence


def test_logits_of_probabilities_are_finite() -> None:
    logits = logits_of(np.array([0, 0.25, 0.5, 1], np.float32))
    np.testing.assert_allclose(logits[1:3], [-np.log(3), 0], atol=1e-6)
    assert np.isfinite(logits).all()


@pytest.mark.slow
def test_the_packaged_detector_can_be_calibrated_on_another_scene(shared_data: Path) -> None:
    part = Part(scenes=("C",), rows=(0, 4))
    some = open_rgb_set(shared_data / "l4s-rgb").where(part.contains)
    made = calibrate(Detector.open(DEFAULT), CalibrationData({str(part): some}))
    before, after = (evaluate(detector, some).pixel.f1 for detector in (Detector.open(DEFAULT), made))
    assert after >= before - 0.01
