"""``landslip evaluate``: any patch format, other definitions, saved predictions, comparison."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import landslip
from command_line import run
from l4s_made import make_l4s
from landslip.errors import PatchesError
from landslip.evaluation.predictions import load_predictions
from tiny_detectors import TRUE_COLOUR, brightness


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RGB patches of two scenes, bright where the mask has a landslide."""
    folder = tmp_path_factory.mktemp("patches")
    chance = np.random.default_rng(4)
    (folder / "img").mkdir()
    (folder / "mask").mkdir()
    lines = ["id,scene,row,col"]
    for number in range(1, 9):
        mask = np.zeros((48, 48), bool)
        row, col = chance.integers(0, 30, 2)
        mask[row : row + 12, col : col + 14] = True
        image = chance.integers(20, 60, (48, 48, 3)) + 150 * mask[..., None]
        Image.fromarray(image.astype(np.uint8)).save(folder / "img" / f"image_{number}.png")
        Image.fromarray(mask).save(folder / "mask" / f"mask_{number}.png")
        lines.append(f"{number},{'AB'[number % 2]},{number // 4},{number % 4}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two detectors of brightness with different thresholds."""
    folder = tmp_path_factory.mktemp("detectors")
    brightness(TRUE_COLOUR).save(folder / "one.onnx")
    brightness(TRUE_COLOUR, threshold=0.99).save(folder / "other.onnx")
    return folder / "one.onnx", folder / "other.onnx"


def test_other_definitions_are_reported_by_name(patches: Path, detectors: tuple[Path, Path]) -> None:
    outcome = run("evaluate", patches, "--detector", detectors[0], "--also", "batch-mean,per-patch,macro", "--json")
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    assert set(answer["definitions"]) == {"batch-mean", "per-patch", "macro"}
    assert all(one["definition"] for one in answer["definitions"].values())
    assert set(answer["definitions_by_scene"]) == {"A", "B"}
    interval = answer["intervals"]["all"]["f1"]
    assert interval["value"] == pytest.approx(answer["pixel"]["f1"])
    assert (interval["units"], interval["low"], interval["high"]) == (2, None, None), "too few blocks"
    assert 0.2 < answer["pixel"]["f1"] < 1
    outcome = run("evaluate", patches, "--detector", detectors[0], "--also", "micro")
    assert outcome.code == 2
    assert "unknown definition 'micro'" in outcome.err


def test_saved_predictions_have_the_scores_of_the_detector(
    patches: Path, detectors: tuple[Path, Path], tmp_path: Path
) -> None:
    kept = tmp_path / "kept.npz"
    first = run("evaluate", patches, "--detector", detectors[0], "--save", kept, "--json")
    again = run("evaluate", patches, "--detector", kept, "--json")
    assert first.code == again.code == 0, first.err + again.err
    assert json.loads(first.out) == json.loads(again.out)
    assert len(load_predictions(kept)) == 8
    scene = json.loads(run("evaluate", patches, "--detector", kept, "--scene", "A", "--json").out)
    assert scene["patches"] == 4
    assert scene["pixel"] == json.loads(first.out)["by_scene"]["A"]
    other = json.loads(run("evaluate", patches, "--detector", kept, "--threshold", "0.9", "--json").out)
    assert other["pixel"]["tp"] <= json.loads(first.out)["pixel"]["tp"]


def test_comparison_of_two_detectors(patches: Path, detectors: tuple[Path, Path]) -> None:
    outcome = run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[1], "--json")
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    f1 = answer["comparison"]["differences"]["f1"]
    assert f1["first"] == pytest.approx(answer["pixel"]["f1"])
    assert f1["difference"] > 0
    assert set(answer["comparison_by_scene"]) == {"A", "B"}
    text = run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[1]).out
    assert "paired sign-flip test" in text
    same = json.loads(run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[0], "--json").out)
    assert same["comparison"]["differences"]["f1"]["p_value"] == 1


def test_landslide4sense_files_and_stores_are_read(shared_data: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "l4s"
    shutil.copytree(shared_data / "l4s-h5" / "TrainData", chosen / "TrainData")
    outcome = run("evaluate", chosen, "--quiet", "--json")
    assert outcome.code == 0, outcome.err
    from_files = json.loads(outcome.out)
    assert from_files["patches"] == len(list((chosen / "TrainData" / "mask").glob("*.h5"))) == 20
    assert from_files["patches_without_mask"] == 1
    assert run("data", "pack", chosen, tmp_path / "store", "--quiet").code == 0
    from_store = json.loads(run("evaluate", tmp_path / "store", "--quiet", "--json").out)
    assert from_store["pixel"] == from_files["pixel"]


def test_errors_are_one_sentence(patches: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ((tmp_path / "none",), "does not exist"),
        ((patches, "--detector", tmp_path / "none.npz"), "give a file of predictions"),
        ((patches, "--scene", "Z"), "there is no patch to evaluate"),
        ((patches, "--threshold", "2"), "must lie between 0 and 1"),
    ):
        outcome = run("evaluate", *arguments)
        assert outcome.code == 2
        assert message in outcome.err
        assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("form", ["official", "mirror", "store"])
def test_several_splits_with_masks_are_scored_one_at_a_time(form: str, tmp_path: Path) -> None:
    folder = make_l4s(
        tmp_path / "l4s",
        {"train": [1, 2], "validation": [1, 2, 3], "test": [4]},
        masks={"train": [1, 2], "validation": [1, 3]},
        layout="mirror" if form == "mirror" else "official",
    )
    if form == "store":
        assert run("data", "pack", folder, tmp_path / "store", "--quiet").code == 0
        folder = tmp_path / "store"
    refused = run("evaluate", folder, "--quiet")
    assert refused.code == 2
    assert "of the splits train (2 patches), validation (3 patches), test (1 patch)" in refused.err
    assert "with masks in train, validation" in refused.err
    assert "set it with --split" in refused.err
    told = run("evaluate", folder, "--quiet", "--json", "--split", "validation")
    answer = json.loads(told.out)
    assert (answer["patches"], answer["patches_without_mask"], answer["splits"]) == (2, 1, {"validation": 2})
    assert "1 patch without a mask left out" in run("evaluate", folder, "--split", "validation", "--quiet").out
    saved = tmp_path / "saved.npz"
    assert run("evaluate", folder, "--quiet", "--split", "train", "--save", saved).code == 0
    assert json.loads(run("evaluate", folder, "--quiet", "--detector", saved, "--json").out)["splits"] == {"train": 2}
    nothing = run("evaluate", folder, "--quiet", "--split", "test")
    assert nothing.code == 2
    assert "give patches with masks" in nothing.err
    result = landslip.evaluate(folder, split="train")
    assert (result.patches, result.without_mask) == (2, 0)
    with pytest.raises(PatchesError, match="set split to one of them") as error:
        landslip.evaluate(folder)
    assert error.value.parameter == "split"


def test_one_split_with_masks_needs_no_choice_and_a_missing_split_is_refused(tmp_path: Path) -> None:
    folder = make_l4s(tmp_path, {"train": [1, 2], "test": [4]}, masks={"train": [1, 2]})
    answer = json.loads(run("evaluate", folder, "--quiet", "--json").out)
    assert (answer["patches"], answer["patches_without_mask"], answer["splits"]) == (2, 1, {"train": 2})
    refused = run("evaluate", folder, "--quiet", "--split", "validation")
    assert refused.code == 2
    assert "no patch of the split 'validation': these patches are of train (2 patches), test (1 patch)" in refused.err


@pytest.mark.parametrize("labelled", [[1, 2, 3, 4, 5, 6], [2, 9]])
def test_patches_without_a_mask_change_neither_counts_nor_interval(labelled: list[int], tmp_path: Path) -> None:
    partly = make_l4s(tmp_path / "partly", {"train": list(range(1, 10))}, masks={"train": labelled})
    alone = make_l4s(tmp_path / "alone", {"train": labelled})
    one, other = (json.loads(run("evaluate", folder, "--quiet", "--json").out) for folder in (partly, alone))
    assert one["patches"] == len(labelled)
    assert one["patches_without_mask"] == 9 - len(labelled)
    for key in ("pixel", "intervals", "patches", "by_scene"):
        assert one[key] == other[key]
    assert (one["intervals"]["all"]["f1"]["low"] is None) == (len(labelled) < 5)
    assert ("only 2 patches" in run("evaluate", partly, "--quiet").out) == (len(labelled) < 5)


def test_an_interval_from_a_few_blocks_is_not_printed(patches: Path, detectors: tuple[Path, Path]) -> None:
    told = run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[1], "--quiet").out
    assert "all: interval not given: only 2 blocks." in told
    assert "A: interval not given: only 1 block." in told
    assert " to 0." not in told
    assert "interval not given: only 2 blocks" in repr(landslip.evaluate(patches, str(detectors[0])))
