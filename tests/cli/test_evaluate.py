"""``landslip evaluate`` as a user meets it: any set of patches, other definitions, kept predictions, comparison."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import run
from landslip.evaluation.predictions import load_predictions
from tiny_detectors import TRUE_COLOUR, brightness


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RGB patches of two scenes, bright where the truth has a landslide."""
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
    """One that sees brightness, and one that sees it in a single colour and hardly ever says so."""
    folder = tmp_path_factory.mktemp("detectors")
    brightness(TRUE_COLOUR).save(folder / "one.onnx")
    brightness(TRUE_COLOUR, threshold=0.99).save(folder / "other.onnx")
    return folder / "one.onnx", folder / "other.onnx"


def test_every_definition_stands_under_its_own_name(patches: Path, detectors: tuple[Path, Path]) -> None:
    told = run("evaluate", patches, "--detector", detectors[0], "--also", "batch-mean,per-patch,macro", "--json")
    assert told.code == 0, told.err
    answer = json.loads(told.out)
    assert set(answer["definitions"]) == {"batch-mean", "per-patch", "macro"}
    assert all(one["definition"] for one in answer["definitions"].values())
    assert set(answer["definitions_by_scene"]) == {"A", "B"}
    interval = answer["intervals"]["all"]["f1"]
    assert interval["value"] == pytest.approx(answer["pixel"]["f1"])
    assert interval["low"] <= interval["value"] <= interval["high"]
    assert 0.2 < answer["pixel"]["f1"] < 1
    told = run("evaluate", patches, "--detector", detectors[0], "--also", "micro")
    assert told.code == 2
    assert "unknown definition 'micro'" in told.err


def test_kept_predictions_score_as_the_detector_did(
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


def test_two_detectors_are_compared_on_the_same_patches(patches: Path, detectors: tuple[Path, Path]) -> None:
    told = run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[1], "--json")
    assert told.code == 0, told.err
    answer = json.loads(told.out)
    f1 = answer["comparison"]["differences"]["f1"]
    assert f1["first"] == pytest.approx(answer["pixel"]["f1"])
    assert f1["difference"] > 0
    assert set(answer["comparison_by_scene"]) == {"A", "B"}
    text = run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[1]).out
    assert "paired sign-flip test" in text
    same = json.loads(run("evaluate", patches, "--detector", detectors[0], "--compare", detectors[0], "--json").out)
    assert same["comparison"]["differences"]["f1"]["p_value"] == 1


def test_patches_of_other_kinds_are_opened_too(shared_data: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "l4s"
    shutil.copytree(shared_data / "l4s-h5" / "TrainData", chosen / "TrainData")
    told = run("evaluate", chosen, "--quiet", "--json")
    assert told.code == 0, told.err
    from_files = json.loads(told.out)
    assert from_files["patches"] == len(list((chosen / "TrainData" / "img").glob("*.h5"))) > 0
    assert run("data", "pack", chosen, tmp_path / "store", "--quiet").code == 0
    from_store = json.loads(run("evaluate", tmp_path / "store", "--quiet", "--json").out)
    assert from_store["pixel"] == from_files["pixel"]


def test_what_cannot_be_scored_is_refused_in_a_sentence(patches: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((tmp_path / "none",), "does not exist"),
        ((patches, "--detector", tmp_path / "none.npz"), "give a file of predictions"),
        ((patches, "--scene", "Z"), "there is no patch to evaluate"),
        ((patches, "--threshold", "2"), "must lie between 0 and 1"),
    ):
        told = run("evaluate", *arguments)
        assert told.code == 2
        assert said in told.err
        assert told.err.count("\n") == 1
