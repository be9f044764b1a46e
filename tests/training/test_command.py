"""The command as a user meets it: a handful of patches learned by heart, a run refused, a run gone on with."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from command_line import run
from learning_made import DETECTOR, squares


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures with a red square each, in rows of four."""
    folder = tmp_path_factory.mktemp("patches")
    stack = squares(12)
    for part in ("img", "mask"):
        (folder / part).mkdir()
    rows = ["id,scene,row,col"]
    for number, (values, mask) in enumerate(zip(stack.values, stack.masks, strict=True)):
        picture = np.clip(values / 2400 * 255, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(picture).save(folder / f"img/image_{number}.png")
        Image.fromarray(mask.astype(bool)).save(folder / f"mask/mask_{number}.png")
        rows.append(f"{number},made,{number // 4},{number % 4}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    content = {
        "name": "small",
        "train": {"rows": [0, 0]},
        "validation": {"rows": [2, 2]},
        "network": {"architecture": "plain-unet", "weights": "none", "decoder_channels": [8, 4]},
        "fit": {"epochs": 8, "batch_size": 4, "learning_rate": 0.01},
        "log": {"tensorboard": False},
        "detector": {name: list(value) if isinstance(value, tuple) else value for name, value in DETECTOR.items()},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_a_handful_of_patches_is_learned_by_heart_and_said_to_be_no_accuracy(
    patches: Path, recipe: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    told = run("train", recipe, "--data", patches, "-o", folder, "--overfit", 2, "--quiet", "--set", "fit.epochs=12")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("OVERFITTING TEST, NOT AN ACCURACY: trained and scored on the same 2 patches")
    assert "No detector was made" in told.out
    assert "the network can fit them" in told.out
    names = {path.name for path in folder.iterdir()}
    assert names == {"checkpoints", "curves.png", "log.csv", "recipe.yaml", "run.json", "samples.png"}
    kept = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert kept["name"] == "small-overfit"
    assert kept["augmentation"]["dihedral"] is False
    # The same again goes on with it, which is at its end.
    same = ("train", recipe, "--data", patches, "-o", folder, "--overfit", 2, "--quiet", "--set", "fit.epochs=12")
    again = run(*same, "--resume", "--json")
    assert again.code == 0
    assert json.loads(again.out)["keys"] == ["train/0", "train/3"]
    assert json.loads(again.out)["note"].endswith("not an accuracy")
    other = run(*same[:-1], "fit.epochs=13", "--resume")
    assert other.code == 2
    assert "first in fit.epochs (12 there, 13 here)" in other.err


def test_more_patches_than_there_are_is_one_sentence(patches: Path, recipe: Path, tmp_path: Path) -> None:
    told = run("train", recipe, "--data", patches, "-o", tmp_path / "run", "--overfit", 99)
    assert told.code == 2
    assert "must be at most 4, the training patches with a landslide, got 99" in told.err
    assert not (tmp_path / "run").exists()


def test_a_run_in_the_folder_is_refused_before_anything_is_read(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/log.csv").write_text("epoch\n")
    told = run("train", recipe, "--data", tmp_path / "nowhere", "-o", tmp_path / "run")
    assert told.code == 2
    assert "already holds log.csv" in told.err
    assert (tmp_path / "run/log.csv").read_text() == "epoch\n"


def test_nothing_to_learn_from_is_wrong_use(recipe: Path) -> None:
    told = run("train", recipe)
    assert told.code == 2
    assert "--data" in told.err


@pytest.mark.slow
def test_a_division_by_protocol_goes_from_the_recipe_to_the_card(patches: Path, recipe: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra train")
    told = run(
        "train", recipe, "--data", patches, "-o", tmp_path / "run", "--quiet", "--json",
        "--set", "split.protocol=paper", "--set", "train={parts: [train]}", "--set", "validation={parts: [validation]}",
        "--set", "detector.threshold=0.5",
    )  # fmt: skip
    assert (told.code, told.err) == (0, "")
    made = json.loads(told.out)
    assert made["threshold"] == 0.5
    assert "neighbouring patches are in different parts" in made["scores"][0]["protocol"]
    assert json.loads((tmp_path / "run/division.json").read_text())["protocol"] == "paper"
    # Resumed at its end, it is made again, and is the same.
    graph = Path(made["detector"]).read_bytes()
    again = run(
        "train",
        tmp_path / "run/recipe.yaml",
        "--data",
        patches,
        "-o",
        tmp_path / "run",
        "--quiet",
        "--json",
        "--resume",
    )
    assert json.loads(again.out) == made
    assert len(Path(made["detector"]).read_bytes()) == len(graph)


@pytest.mark.slow
def test_two_processes_learn_together_and_one_of_them_speaks(patches: Path, recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    settings = ("fit.epochs=2", "machine.accelerator=cpu", "machine.devices=2", "machine.strategy=ddp")
    command = [sys.executable, "-m", "landslip", "train", str(recipe), "--data", str(patches), "-o", str(folder)]
    command += ["--overfit", "4", "--quiet", *(word for setting in settings for word in ("--set", setting))]
    told = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.count("OVERFITTING TEST") == 1
    with (folder / "log.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
