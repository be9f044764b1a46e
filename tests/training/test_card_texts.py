"""The card tells what was done: its texts follow from the run, whatever the recipe states."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

import landslip as ls
from landslip.datasets.patch_set import MARK
from landslip.detector.card import Card
from landslip.errors import LandslipWarning, OutputError, RecipeError, RunError
from landslip.synthetic.patch_set import make_patch_set, plan_patch_set
from landslip.training.assembly.description import DataFacts, PartFacts, describe_limits, describe_title
from landslip.training.recipe.recipe import packaged_names, parse_recipe, read_recipe
from landslip.training.single_run import TrainingRun
from learning_made import part_of, small_recipe, squares
from patches_made import make_rgb_set


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "synthetic-16"
    make_patch_set(folder, plan_patch_set(16, 4, 0), seed=0)
    return folder


PLAIN = {
    "train": {"rows": [0, 0]},
    "validation": {"rows": [1, 1]},
    "network": {"architecture": "plain-unet", "weights": "none", "decoder_channels": [8, 4]},
    "fit": {"epochs": 1, "batch_size": 4},
    "log": {"tensorboard": False},
}


def card_of(recipe: object, data: Path, out: Path) -> Card:
    return ls.train(recipe, data, out).detector.card


def test_a_recipe_needs_no_text() -> None:
    recipe = parse_recipe({"name": "x", "train": {"rows": [0, 1]}, "validation": {"rows": [3, 4]}}, "the recipe")
    assert recipe.detector.not_good_for == ()
    for key in ("data_name", "trained_on"):
        with pytest.raises(RecipeError, match=f"{key} is taken from the run: remove it"):
            parse_recipe(recipe.model_dump() | {"detector": {key: "true colour, 1,246 patches"}}, "the recipe")


@pytest.mark.parametrize("name", packaged_names())
def test_packaged_recipes_state_nothing_that_follows_from_the_data(name: str) -> None:
    texts = json.dumps(read_recipe(name).detector.model_dump(mode="json"))
    for word in ("patches of", "colour", "Landslide4Sense", "Copernicus", "scene A", "Taiwan"):
        assert word not in texts


def test_the_card_of_a_run_on_synthetic_patches_tells_the_data(synthetic: Path, tmp_path: Path) -> None:
    channels = [f"B{n:02}" for n in range(1, 13)] + ["slope", "elevation"]
    changes = [
        f"channels=[{', '.join(channels)}]",
        "train={rows: [0, 0]}",
        "validation={rows: [1, 1]}",
        "test=[]",
        "network={architecture: plain-unet, weights: none, decoder_channels: [8, 4], normalisation: fixed}",
        "fit={epochs: 1, batch_size: 4, validate_every: 1, ema_decay: 0}",
        "log.tensorboard=false",
        "calibration.photometric_robustness=false",
        "detector.attribution=[Landslide4Sense]",
    ]
    card = card_of(read_recipe("default", changes), synthetic, tmp_path / "run")
    assert "true-colour" not in card.title
    assert "synthetic" in card.title
    assert card.trained_on.startswith("synthetic-16 (synthetic): patches of 128 x 128 px (10 m).")
    assert "Train: 8 patches (all scenes rows 0-0; 4 scenes: " in card.trained_on
    assert "Inputs: B01, " in card.trained_on
    assert "Seed 1." in card.trained_on
    assert card.not_good_for[0].startswith("Any real image")
    assert any("only 8 patches" in one for one in card.not_good_for)
    assert card.attribution == ("Synthetic data simulated by landslip: not a real area, not measured.",)
    assert card.scores[0].data == "synthetic-16 (synthetic), all scenes rows 1-1"
    assert card.pixel_size_m == 10


def facts(landslide: float = 0.1, scenes: tuple[str, ...] = ("A",), count: int = 600) -> PartFacts:
    return PartFacts.of("train", "all scenes", [scenes[n % len(scenes)] for n in range(count)], [landslide] * count)


def test_limits_follow_from_the_run() -> None:
    data = DataFacts("set", False, False, (128, 128), 10.0, True, False)
    recipe = small_recipe(detector={"not_good_for": ["Mars."]}, channels=("B04", "B08", "slope"))
    many = tuple("ABCDEFG")
    limits = describe_limits(recipe, data, facts(0.0, many))
    assert limits[0] == "Mars."
    assert not any(word in " ".join(limits) for word in ("only", "infrared", "slope", "scene", "simulated"))
    narrow = describe_limits(small_recipe(), data, facts(0.1, ("A",), 20))
    for word in ("only 20 patches", "100% of the training patches", "one scene (A)", "infrared", "slope"):
        assert any(word in one for one in narrow), word
    unknown = describe_limits(small_recipe(), data, facts(scenes=("unknown",)))
    assert any("scenes of the training patches are unknown" in one for one in unknown)


def test_a_recipe_cannot_change_the_pixel_size_of_the_data(tmp_path: Path) -> None:
    train = part_of(squares(4))
    assert DataFacts.of(tmp_path, small_recipe(detector={"pixel_size_m": 3}), train, leaks=False).pixel_size_m == 3
    with_values = type(train)(
        **{name: getattr(train, name) for name in ("source", "channels", "keys", "scenes", "landslide_fraction")},
        mean=train.mean,
        deviation=train.deviation,
        unlabelled=0,
        value_counts=np.ones((3, 4), np.int64),
    )
    with pytest.raises(RecipeError, match=r"pixel_size_m is 3, but the patches of .* have 10 m"):
        DataFacts.of(tmp_path, small_recipe(detector={"pixel_size_m": 3}), with_values, leaks=False)
    (tmp_path / MARK).write_text("{}")
    made = DataFacts.of(tmp_path, small_recipe(), with_values, leaks=False)
    assert describe_title(small_recipe(detector={"title": "Mine"}), made) == (
        "Mine (synthetic training data, not for use)"
    )


BAD_STARTS = {
    "encoder": {"network": {"encoder": "resnet99", "weights": "none"}},
    "channel": {"channels": ["B04", "slope"]},
    "part": {"validation": {"rows": [90, 91]}},
    "weights": {"network": {"weights": "nowhere.safetensors"}},
}
PICTURES = PLAIN | {
    "name": "x",
    "train": {"scenes": ["A"], "rows": [0, 3]},
    "validation": {"scenes": ["A"], "rows": [5, 7]},
}


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@dataclass(frozen=True)
class Attempts:
    """A folder in which starts failed, one after another, before a run on pictures succeeded."""

    data: Path
    folder: Path
    left: dict[str, list[str] | None]
    """Names in the folder after each failed start; None where there was no folder."""
    made: TrainingRun


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> Attempts:
    """Exporting takes most of the time of a small run, therefore one run serves all tests of its folder and card."""
    from lightning.pytorch import Trainer

    data = make_rgb_set(tmp_path_factory.mktemp("pictures") / "set", {"A": range(8)})
    folder = tmp_path_factory.mktemp("attempts") / "run"
    left: dict[str, list[str] | None] = {}

    def note(start: str) -> None:
        left[start] = sorted(path.name for path in folder.iterdir()) if folder.exists() else None

    for name, bad in BAD_STARTS.items():
        with pytest.raises(ls.LandslipError):
            ls.train(PICTURES | bad, data, folder)
        note(name)
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    with pytest.MonkeyPatch.context() as patch, pytest.raises((OSError, ls.LandslipError)):
        patch.setattr(Trainer, "save_checkpoint", full)
        ls.train(PICTURES, data, folder)
    note("no room")
    return Attempts(data, folder, left, ls.train(PICTURES, data, folder))


@pytest.mark.parametrize("bad", BAD_STARTS)
def test_a_failed_start_leaves_its_folder_free(attempts: Attempts, bad: str) -> None:
    assert attempts.left[bad] is None
    assert attempts.made.detector_path.is_file()


def test_no_room_leaves_the_folder_free_and_keeps_what_was_there(attempts: Attempts) -> None:
    assert attempts.left["no room"] == ["notes.txt"]
    assert attempts.made.detector_path.is_file()
    assert (attempts.folder / "notes.txt").read_text() == "mine"


def test_a_finished_run_is_not_written_over(attempts: Attempts) -> None:
    with pytest.raises(OutputError, match="already holds"):
        ls.train(PICTURES, attempts.data, attempts.folder)


def test_a_recipe_without_texts_trains_on_pictures(attempts: Attempts) -> None:
    card = attempts.made.detector.card
    assert card.title == "Landslides in true-colour Sentinel-2 images"
    assert "8-bit pictures without absolute brightness" in card.trained_on
    assert "assumed" in card.trained_on
    assert any("one scene (A)" in one for one in card.not_good_for)
    assert card.licence.startswith("not stated")
    assert "Stored in float32" not in card.trained_on


def test_a_failed_export_and_failed_half_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed export keeps graph and weights and is no detector; half precision that changes the result is not used.

    The resumed run is given the graph that was kept, which is compared with its network as any export is.
    """
    data = make_rgb_set(tmp_path / "set", {"A": range(8)})
    run = tmp_path / "run"

    def differ(*_: object) -> None:
        raise RunError("the export differs")

    with monkeypatch.context() as patch:
        patch.setattr("landslip.training.assembly.assemble.check_parity", differ)
        with pytest.raises(RunError, match=r"the export differs; the graph is kept in .*failed-export\.onnx"):
            ls.train(PICTURES, data, run)
    assert not (run / "x.onnx").exists()
    assert (run / "weights.safetensors").is_file()
    with pytest.raises(ls.LandslipError):
        ls.Detector.open(run / "failed-export.onnx")
    kept = onnx.load(run / "failed-export.onnx")
    monkeypatch.setattr("landslip.training.assembly.assemble.export_graph", lambda *_: kept)
    monkeypatch.setattr("landslip.training.assembly.assemble.check_storage", differ)
    with pytest.warns(LandslipWarning, match="stored in float32"):
        made = ls.train(PICTURES, data, run, resume=True)
    assert made.detector_path.is_file()
    assert not (run / "failed-export.onnx").exists()
    assert "Stored in float32" in made.detector.card.trained_on


@pytest.mark.slow
def test_the_paper_s_network_becomes_a_detector(synthetic: Path, tmp_path: Path) -> None:
    recipe = read_recipe("paper", ["network.weights=none", "fit.epochs=1"])
    made = ls.train(recipe, synthetic, tmp_path / "run")
    assert ls.Detector.open(made.detector_path).card.channels == recipe.channels
