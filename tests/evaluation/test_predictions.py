"""Predictions: padding, nodata, and files: they round-trip, and damaged ones are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landslip.datasets.splits import Part
from landslip.errors import PatchesError, PredictionsError, SettingsError
from landslip.evaluation.evaluate import evaluate, evaluate_predictions, score
from landslip.evaluation.objects.inventories import find_inventories
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import PatchPosition, Predictions, load_predictions
from landslip.metrics.counts import PixelCounts
from landslip.probability import encode_probability
from predictions_made import Held, patch
from tiny_detectors import identity


def test_a_file_brings_everything_back(tmp_path: Path) -> None:
    made = predict(identity(recipe={"seed": 7}, temperature=1.5), Held([patch(1), patch(2)]), protocol="p", data="d")
    with_std = Predictions(**{name: getattr(made, name) for name in made.__slots__} | {"tta_std": made.encoded // 4})
    with_std.save(tmp_path / "p.npz")
    back = load_predictions(tmp_path / "p.npz")
    for name in made.__slots__:
        one, other = getattr(with_std, name), getattr(back, name)
        np.testing.assert_array_equal(one, other) if isinstance(one, np.ndarray) else None
        assert isinstance(one, np.ndarray) or one == other, name
    assert (back.seeds, back.temperature, back.detector) == ((7,), 1.5, "identity")
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]


def test_unlabelled_pixels_are_predicted() -> None:
    sparse = patch(1, truth=255)
    sparse.mask[3, 4] = 1
    made = predict(identity(), Held([sparse]))
    np.testing.assert_array_equal(made.encoded[0], encode_probability(sparse.values[0] / np.float32(10_000)))


def test_nodata_of_the_image_counts_as_missed() -> None:
    torn = patch(1, truth=1)
    torn.values[:, :5] = np.nan
    made = predict(identity(), Held([torn]))
    assert (made.encoded[0, :5] == 255).all()
    assert (made.encoded[0, 5:] != 255).all()
    assert not made.found[0, :5].any()
    assert evaluate_predictions(made).pixel.fn >= 5 * torn.mask.shape[1]


def test_patches_of_unequal_size_score_as_each_alone() -> None:
    several = [patch(1), patch(2, 64, 20), patch(3, 33, 70)]
    together = evaluate(identity(), Held(several)).pixel
    alone = [evaluate(identity(), Held([one])).pixel for one in several]
    assert together == alone[0] + alone[1] + alone[2]


def test_patches_without_labels_are_refused() -> None:
    with pytest.raises(PatchesError, match="no pixel of these patches is labelled"):
        predict(identity(), Held([patch(1, truth=255)]))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"\x80\x04 a pickle", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.npz"
    path.write_bytes(content)
    with pytest.raises(PredictionsError, match="saved by landslip"):
        load_predictions(path)


def test_truncated_and_foreign_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    predict(identity(), Held([patch(1)])).save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        with pytest.raises(PredictionsError):
            load_predictions(path)
    np.savez(path, encoded=np.zeros(3))
    with pytest.raises(PredictionsError, match="not a file of predictions"):
        load_predictions(path)
    with pytest.raises(PredictionsError, match="cannot be read"):
        load_predictions(tmp_path / "none.npz")


def test_a_file_of_the_first_format_is_refused_with_its_format(tmp_path: Path) -> None:
    facts = np.array(json.dumps({"format": "landslip predictions 1"}))
    np.savez(tmp_path / "p.npz", facts=facts, masks=np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(PredictionsError, match="format 'landslip predictions 1', expected 'landslip predictions 2'"):
        load_predictions(tmp_path / "p.npz")


def test_every_result_shows_in_a_line() -> None:
    made = predict(identity(), Held([patch(1), patch(2)]), data="two patches", uncertainty="tta")
    assert repr(made) == "Predictions('identity', 2 patches of 'two patches', threshold=0.5, tta_std)"
    assert repr(evaluate_predictions(made)).startswith("Evaluation('identity', 2 patches, F1 ")
    for one in (made, evaluate_predictions(made), score(made)):
        assert len(repr(one)) < 150
        assert "\n" not in repr(one)


def test_an_evaluation_of_a_part_is_that_of_its_patches() -> None:
    several = Held([patch(1), replace(patch(2), row=1), patch(3)])
    whole = evaluate(identity(), several)
    part = evaluate(identity(), several, Part(rows=(0, 0), scenes=("S",)))
    assert part.pixel == PixelCounts.of(whole.counts[[0, 2]].sum(axis=0))
    assert (whole.f1, whole.precision, whole.recall) == (whole.pixel.f1, whole.pixel.precision, whole.pixel.recall)
    assert whole.interval == score(predict(identity(), several)).intervals["f1"]
    assert whole.interval.over == "blocks of 4 x 4 patches"
    assert whole.scenes == {"S": whole.pixel}
    with pytest.raises(PatchesError, match="no patch to evaluate"):
        evaluate(identity(), several, Part(rows=(7, 9)))


def test_values_outside_the_mask_codes_are_refused() -> None:
    entries = (PatchPosition("train", 1, "S", None, None),)
    encoded = np.zeros((1, 2, 2), np.uint8)
    with pytest.raises(PredictionsError, match="masks must hold 1 for landslide"):
        Predictions("d", 0.5, "", "", (), entries, encoded, encoded + 2)
    with pytest.raises(PredictionsError, match="need layers of shape"):
        Predictions("d", 0.5, "", "", (), entries * 2, encoded, encoded)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        Predictions("d", 1.0, "", "", (), entries, encoded, encoded)


def test_every_patch_may_have_a_threshold_of_its_own(tmp_path: Path) -> None:
    made = predict(identity(), Held([patch(1), patch(2), patch(3)]))
    own = replace(made, thresholds=np.array([0.2, 0.5, 0.9]))
    for position, threshold in enumerate((0.2, 0.5, 0.9)):
        np.testing.assert_array_equal(own.found[position], made.at(threshold).found[position])
    np.testing.assert_array_equal(own.take(np.array([2, 0])).found, own.found[[2, 0]])
    own.save(tmp_path / "p.npz")
    np.testing.assert_array_equal(load_predictions(tmp_path / "p.npz").found, own.found)
    np.testing.assert_array_equal(own.at(0.5).found, made.found)
    for wrong in (np.array([0.5]), np.array([0.1, 0.2, 1.0])):
        with pytest.raises(PredictionsError, match="between 0 and 1"):
            replace(made, thresholds=wrong)


def test_objects_follow_the_threshold_of_each_patch() -> None:
    encoded = np.full((2, 8, 8), 100, np.uint8)
    entries = (PatchPosition("train", 1, "S", 0, 0), PatchPosition("train", 2, "S", 0, 1))
    held = Predictions("d", 0.5, "", "", (), entries, encoded, np.zeros_like(encoded), thresholds=np.array([0.2, 0.8]))
    found = find_inventories(held)
    assert found.mapped.area_m2.tolist() == [64 * 100]
