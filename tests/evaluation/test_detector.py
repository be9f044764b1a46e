"""The packaged detector: invariances of its predictions, and the scores on its card."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from landslip.cli.evaluate import command
from landslip.datasets.patch_set import Patch
from landslip.datasets.rgb import RgbSet, open_rgb_set
from landslip.datasets.splits import Part
from landslip.detector.card import Score
from landslip.detector.detector import DEFAULT, Detector, packaged
from landslip.errors import ChannelError, EngineError, PatchesError, SettingsError
from landslip.evaluation.evaluate import Evaluation, evaluate
from landslip.evaluation.generalisation.regions import region_of_text
from landslip.inference.engine import InferenceOptions
from landslip.inference.predict import ArrayPredictor


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.open(DEFAULT)


@pytest.fixture(scope="module")
def few(shared_data: Path) -> RgbSet:
    """A few real patches, spread over the three scenes."""
    return open_rgb_set(shared_data / "l4s-rgb").where(lambda entry: entry.id % 300 == 1 or entry.id in (3050, 3200))


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_predictions_do_not_depend_on_brightness(detector: Detector, few: RgbSet, gain: float) -> None:
    mapper = ArrayPredictor(detector)
    for patch in few:
        everything = np.ones(patch.mask.shape, bool)
        plain, lit = (mapper(patch.values * factor, everything) for factor in (np.float32(1), np.float32(gain)))
        np.testing.assert_allclose(lit, plain, atol=2e-3)


def test_bfloat16_stays_near_float32(detector: Detector, few: RgbSet) -> None:
    try:
        options = (InferenceOptions(precision="float32"), InferenceOptions(precision="bfloat16"))
        exact, quick = (evaluate(detector, few, options=one) for one in options)
    except EngineError as error:
        pytest.skip(str(error))
    assert quick.pixel.f1 == pytest.approx(exact.pixel.f1, abs=0.01)


def test_nodata_pixels_do_not_change_the_prediction(detector: Detector, few: RgbSet) -> None:
    patch = next(iter(few))
    mapper = ArrayPredictor(detector)
    observed = np.ones(patch.mask.shape, bool)
    observed[:, :40] = False
    nonsense = np.where(observed, patch.values, np.float32(np.nan))
    one, other = mapper(nonsense, observed), mapper(np.where(observed, patch.values, np.float32(9e4)), observed)
    np.testing.assert_array_equal(np.isnan(one), ~observed)
    np.testing.assert_array_equal(one, other)


def test_counts_add_up_and_a_patch_counts_once(detector: Detector, few: RgbSet) -> None:
    evaluation = evaluate(detector, few)
    assert evaluation.patches == len(few)
    truth = sum(int((patch.mask == 1).sum()) for patch in few)
    assert evaluation.pixel.tp + evaluation.pixel.fn == truth
    assert sum(counts.tp for counts in evaluation.scenes.values()) == evaluation.pixel.tp


def test_json_has_the_agreed_keys(few: RgbSet) -> None:
    run = CliRunner().invoke(
        command, [str(few.folder), "--scene", "C", "--rows", "0-1", "--json", "--quiet", "--threshold", "0.5"]
    )
    assert run.exit_code == 0, run.output
    answer = json.loads(run.stdout)
    keys = {"precision", "recall", "f1", "iou", "tp", "fp", "fn", "tn"}
    assert {"pixel", "by_scene", "threshold", "detector", "patches"} <= set(answer)
    assert answer["definition"] == "landslide class, counts pooled over all pixels of all patches"
    assert {"protocol", "data", "seeds", "intervals"} <= set(answer)
    assert set(answer["pixel"]) == keys
    assert {name: set(scores) for name, scores in answer["by_scene"].items()} == {"C": keys}
    assert answer["threshold"] == 0.5
    assert answer["detector"] == DEFAULT


def test_the_table_names_every_scene(few: RgbSet) -> None:
    run = CliRunner().invoke(command, [str(few.folder), "--rows", "3", "--quiet"])
    assert run.exit_code == 0, run.output
    lines = run.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:7]] == ["all", "A", "B", "C"]


def test_invalid_arguments_are_named(detector: Detector, few: RgbSet) -> None:
    with pytest.raises(SettingsError, match="between 0 and 1"):
        evaluate(detector, few, threshold=1.5)
    with pytest.raises(PatchesError, match="no patch to evaluate"):
        evaluate(detector, few.where(Part(scenes=("Z",)).contains))


def test_a_missing_channel_is_named(detector: Detector, few: RgbSet, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_blue(_: RgbSet, entry: object) -> Patch:
        return Patch(1, "A", 0, 0, ("B04", "B03"), np.ones((2, 32, 32), np.float32), np.zeros((32, 32), np.uint8))

    monkeypatch.setattr(RgbSet, "read", without_blue)
    with pytest.raises(ChannelError, match="lacks channel B02"):
        evaluate(detector, few)


@pytest.mark.slow
def test_the_scores_on_the_card_are_reproduced(detector: Detector, shared_data: Path) -> None:
    patches = open_rgb_set(shared_data / "l4s-rgb")
    parts = {
        "A rows 45-49, B row 8, C row 9": ("A:45-49", "B:8", "C:9"),
        "A rows 51-57": ("A:51-57",),
        "B row 9": ("B:9",),
        "C row 10": ("C:10",),
    }
    for score, (text, regions) in zip(detector.card.scores, parts.items(), strict=True):
        assert score.data == f"l4s-rgb (8-bit pictures), {text}"
        inside = [region_of_text(region) for region in regions]
        part = patches.where(lambda entry, inside=inside: any(one.contains(entry) for one in inside))
        check_score(score, evaluate(detector, part, options=InferenceOptions(precision="float32")))


def check_score(score: Score, evaluation: Evaluation) -> None:
    assert evaluation.patches == score.patches
    assert evaluation.pixel.f1 == pytest.approx(score.f1, abs=0.002)
    assert evaluation.pixel.precision == pytest.approx(score.precision, abs=0.01)
    assert evaluation.pixel.recall == pytest.approx(score.recall, abs=0.01)


@pytest.mark.slow
def test_the_scores_on_the_card_of_a_single_network_are_reproduced(shared_data: Path) -> None:
    pytest.importorskip("torch", reason="reading the card's recipe needs the extra train")
    from landslip.datasets.protocols import SplitRecipe, division_for
    from landslip.datasets.splits import patch_key

    patches, detector = open_rgb_set(shared_data / "l4s-rgb"), Detector.open("s2-rgb")
    division = division_for(SplitRecipe.model_validate(detector.card.recipe["split"]), patches)
    assert division is not None
    parts = {f"part {name}": frozenset(keys) for name, keys in division.parts.items()}
    assert [score.data.rsplit(", ", 1)[1] for score in detector.card.scores] == ["part validation", "part test"]
    for score in detector.card.scores:
        name = score.data.rsplit(", ", 1)[1]
        check_score(score, evaluate(detector, patches.where(lambda entry, keys=parts[name]: patch_key(entry) in keys)))


def test_no_packaged_detector_was_trained_on_the_held_out_patches(shared_data: Path) -> None:
    pytest.importorskip("torch", reason="reading the recipes needs the extra train")
    from landslip.datasets.protocols import division_for
    from landslip.training.data.parts import find_parts
    from landslip.training.recipe.recipe import Recipe

    examples = Path(__file__).parents[2] / "examples"
    kept = {entry.id for entry in open_rgb_set(examples / "l4s-rgb-kept-apart").entries}
    patches = open_rgb_set(shared_data / "l4s-rgb")
    assert len(kept) == 57
    for name in packaged():
        written = Detector.open(name).card.recipe
        for one in (
            [member["recipe"] for member in written["ensemble"]["members"]] if "ensemble" in written else [written]
        ):
            recipe = Recipe.model_validate(one)
            parts = find_parts(patches, recipe.train, recipe.validation, (), division_for(recipe.split, patches))
            assert not kept & {entry.id for entry in (*parts.train.entries, *parts.validation.entries)}, name
