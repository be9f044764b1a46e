"""Experiments: folds, pooling, resuming, and their results, with a training that is only pretended."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from landslip.datasets.formats import open_patches
from landslip.datasets.leakage import find_leaks
from landslip.datasets.splits import key_of
from landslip.errors import OutputError, PredictionsError, RecipeError, SettingsError
from landslip.evaluation.predict import predict
from landslip.evaluation.predictions import PatchPosition
from landslip.evaluation.predict import data_label
from landslip.metrics.counts import f1
from landslip.studies import trials as trial_room
from landslip.studies.ablation.retraining import ablate_recipe
from landslip.studies.cross_validation import evaluate_protocol
from landslip.studies.folds import (
    PROTOCOLS,
    folds_of,
    pooled,
    recipe_for,
)
from landslip.studies.physics import KINDS, compare_physics, smaller, without_physics
from landslip.studies.physics_report import write_physics
from landslip.studies.trials import PREDICTIONS, Trial
from landslip.training.data.parts import TRAIN
from landslip.training.recipe.recipe import Recipe, read_recipe
from predictions_made import held
from scenes_of_patches import TINY, rgb_scenes
from tiny_detectors import brightness

ENTRIES = tuple(
    PatchPosition("train", number, scene, row, col)
    for number, (scene, row, col) in enumerate(
        (scene, row, col) for scene in "ABC" for row in range(14) for col in range(3)
    )
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rgb_scenes(tmp_path_factory.mktemp("scenes") / "data", side=32)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """Pretends to train: what is run is noted, and a detector of brightness answers, each at a threshold of its own."""
    ran: list[Trial] = []

    def pretend(one: Trial, *, progress: bool = True) -> None:
        ran.append(one)
        patches = one.fold.division.choose(open_patches(one.data), one.fold.tested)
        said = predict(brightness(threshold=0.4 + 0.05 * one.seed), patches, data=data_label(one.data))
        one.folder.mkdir(parents=True)
        dataclasses.replace(said, seeds=(one.seed,)).save(one.folder / PREDICTIONS)

    monkeypatch.setattr(trial_room, "run_trial", pretend)
    return ran


def recipe(*settings: str) -> Recipe:
    return read_recipe("default", (*TINY, *settings))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_tested_was_not_learned_from(protocol: str) -> None:
    if protocol == "official":
        entries = tuple(dataclasses.replace(one, split=("train", "validation", "test")[one.id % 3]) for one in ENTRIES)
    else:
        entries = ENTRIES
    folds = folds_of(protocol, entries)  # type: ignore[arg-type]  # from the list
    tested = [key for fold in folds for key in fold.division.parts[fold.tested]]
    assert len(tested) == len(set(tested))
    for fold in folds:
        assert not set(fold.division.parts[TRAIN]) & set(fold.division.parts[fold.tested])
        if protocol in ("scene-out", "blocks", "k-fold"):
            assert find_leaks(fold.division, entries).clean
    if protocol == "scene-out":
        assert set(tested) == {key_of(entry) for entry in ENTRIES}
    assert len({fold.name.lower() for fold in folds}) == len(folds)


def test_scenes_of_any_name_have_folders_of_their_own() -> None:
    named = {"A": "a/b", "B": "a b", "C": "A-B"}
    entries = [dataclasses.replace(one, scene=named[one.scene]) for one in ENTRIES]
    names = [fold.name for fold in folds_of("scene-out", entries)]
    assert len({name.lower() for name in names}) == 3
    assert all(name.replace("-", "").isalnum() for name in names)


def test_the_parts_of_a_recipe_are_those_of_the_fold() -> None:
    fold = folds_of("k-fold", ENTRIES, folds=4)[2]
    made = recipe_for(recipe(), fold, 7)
    assert (made.seed, made.train.parts, made.validation.parts, made.report) == (7, ("train",), ("validation",), ())
    assert made.division == fold.recipe
    assert made.network == recipe().network
    assert (
        recipe_for(
            recipe("calibration.cross_scene_predictions=[said.npz]"), fold, 7
        ).calibration.cross_scene_predictions
        == ()
    )
    with pytest.raises(SettingsError, match="3 or more"):
        folds_of("k-fold", ENTRIES, folds=2)


def taught_by(*teachers: str, weights: str = "none") -> Recipe:
    return recipe(f"teacher={{detectors: {json.dumps(teachers)}}}", f"network.weights={json.dumps(weights)}")


def test_each_fold_learns_from_the_runs_of_its_own() -> None:
    fold = folds_of("scene-out", ENTRIES)[1]
    chained = taught_by("a/{fold}/seed-{seed}/a.onnx", "b/{fold}.onnx", weights="b/{fold}/{seed}.safetensors")
    made = recipe_for(chained, fold, 7)
    assert made.teacher is not None
    assert made.distillation.teachers == ("a/scene-B/seed-7/a.onnx", "b/scene-B.onnx")
    assert made.network.weights == "b/scene-B/7.safetensors"


@pytest.mark.parametrize(
    "leaking", [taught_by("s2-rgb"), taught_by("{fold}.onnx", "a.onnx"), recipe("network.weights=a.safetensors")]
)
def test_what_may_have_seen_what_is_tested_teaches_no_fold(
    leaking: Recipe, data: Path, trained: list[Trial], tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"may have seen what a fold tests: .*\{fold\}"):
        evaluate_protocol(leaking, data, tmp_path, "scene-out")
    assert not trained


def test_a_teacher_that_is_not_there_is_missed_before_anything_is_trained(
    data: Path, trained: list[Trial], tmp_path: Path
) -> None:
    (tmp_path / "scene-A.onnx").touch()
    with pytest.raises(RecipeError, match=r"scene-B.onnx, which scene-B with seed 1 learns from, is not there"):
        evaluate_protocol(taught_by(f"{tmp_path}/{{fold}}.onnx"), data, tmp_path / "out", "scene-out")
    assert not trained


def test_a_smaller_share_lies_within_a_larger() -> None:
    fold = folds_of("blocks", ENTRIES)[0]
    sets = [set(smaller(fold, share).division.parts[TRAIN]) for share in (1.0, 0.5, 0.1)]
    assert sets[0] >= sets[1] >= sets[2]
    assert len(sets[1]) == round(0.5 * len(sets[0]))
    assert smaller(fold, 0.1).division.parts[fold.tested] == fold.division.parts[fold.tested]


def test_pooled_predictions_keep_the_threshold_of_each_fold() -> None:
    chance = np.random.default_rng(3)
    parts = [
        held(
            chance.integers(0, 251, (3, 4 + n, 5)),
            chance.choice(np.array([0, 1, 255]), (3, 4 + n, 5)),
            tuple(PatchPosition("train", 10 * n + number, "AB"[n], 0, number) for number in range(3)),
            threshold=(0.3, 0.7)[n],
        )
        for n in range(2)
    ]
    made = pooled(parts, protocol="made")
    np.testing.assert_array_equal(made.counts(), np.concatenate([one.counts() for one in parts]))
    with pytest.raises(PredictionsError, match="in two folds"):
        pooled([parts[0], parts[0]], protocol="made")
    with pytest.raises(PredictionsError, match="no predictions"):
        pooled([], protocol="made")


def test_what_is_finished_is_never_trained_again(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    first = evaluate_protocol(recipe(), data, tmp_path, "scene-out", seeds=(1, 2), progress=False)
    assert len(trained) == 6
    again = evaluate_protocol(recipe(), data, tmp_path, "scene-out", seeds=(1, 2), progress=False)
    assert len(trained) == 6
    assert again.as_dict() == first.as_dict()
    (tmp_path / "runs" / "scene-B" / "seed-2" / PREDICTIONS).unlink()
    (tmp_path / "runs" / "scene-B" / "seed-2").rmdir()
    evaluate_protocol(recipe(), data, tmp_path, "scene-out", seeds=(1, 2, 3), progress=False)
    assert [(one.fold.name, one.seed) for one in trained[6:]] == [
        ("scene-B", 2), ("scene-A", 3), ("scene-B", 3), ("scene-C", 3),
    ]  # fmt: skip
    with pytest.raises(OutputError, match="another run"):
        evaluate_protocol(recipe("fit.epochs=2"), data, tmp_path, "scene-out", progress=False)


def test_figures_are_those_of_the_pooled_predictions(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    found = evaluate_protocol(recipe(), data, tmp_path, "scene-out", seeds=(1, 3), progress=False)
    from landslip.evaluation.predictions import load_predictions

    each = [float(f1(load_predictions(path).counts().sum(axis=0))) for path in found.predictions]
    assert {load_predictions(path).recipe["name"] for path in found.predictions} == {recipe().name}
    assert found.figures["all"]["f1"].values == pytest.approx(tuple(each))
    assert found.figures["all"]["f1"].mean == pytest.approx(np.mean(each))
    assert found.figures["all"]["f1"].deviation == pytest.approx(np.std(each, ddof=1))
    assert set(found.figures) == {"all", "A", "B", "C"}
    assert found.thresholds == {f"scene-{scene}": pytest.approx((0.45, 0.55)) for scene in "ABC"}
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["figures"]["A"]["f1"]["values"]


def test_a_channel_is_taken_from_recipe_and_network_alike(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    found = ablate_recipe(recipe(), data, tmp_path, protocol="scene-out", seeds=(1,), progress=False)
    channels = {one.folder.parts[-3]: one.recipe.channels for one in trained}
    assert channels == {
        "all-channels": ("B04", "B03", "B02"),
        "without-B04": ("B03", "B02"),
        "without-B03": ("B04", "B02"),
        "without-B02": ("B04", "B03"),
        "with-grvi": ("B04", "B03", "B02"),
    }
    assert [one.recipe.inputs for one in trained if "with-grvi" in one.folder.parts] == [
        ("B04", "B03", "B02", "grvi")
    ] * 3
    # The same detector answers for all of them, so that nothing is worth anything.
    assert [(one.fall, one.low, one.high) for one in found.falls] == [(0, 0, 0)] * 4


def test_what_a_loss_reads_is_not_taken_away_after_hours(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    physical = recipe("channels=[B04,B03,B02,slope]", "loss.terms=[{kind: dice}, {kind: flat-ground, weight: 0.1}]")
    with pytest.raises(RecipeError, match="flat-ground reads slope, which would be taken away with slope"):
        ablate_recipe(physical, data, tmp_path / "out", seeds=(1,), progress=False)
    assert not trained
    assert not (tmp_path / "out").exists(), "refused before anything is made"


def test_physics_is_all_that_differs(tmp_path: Path, trained: list[Trial], monkeypatch: pytest.MonkeyPatch) -> None:
    with_it = recipe(
        "channels=[B04,B03,B02,slope]",
        "loss.terms=[{kind: cross-entropy, weight: 1}, {kind: flat-ground, weight: 0.1}]",
    )
    plain = without_physics(with_it)
    assert [term.kind for term in plain.loss.terms] == ["cross-entropy"]
    assert plain.model_copy(update={"loss": with_it.loss}) == with_it
    assert set(KINDS) == {"flat-ground", "runout"}
    with pytest.raises(RecipeError, match="no physics term"):
        compare_physics(plain, tmp_path, tmp_path)


def test_physics_is_compared_on_all_and_on_little(shared_data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    from landslip.synthetic.patch_set import make_patch_set, plan_set

    made = tmp_path / "made"
    make_patch_set(made, plan_set(18, 1, 3), seed=3)
    with_it = recipe("channels=[B04,B03,B02]", "loss.terms=[{kind: dice}, {kind: flat-ground, weight: 0.1}]")
    found = compare_physics(
        with_it, made, tmp_path / "out", protocol="paper", shares=(1, 0.5), seeds=(1, 2), progress=False
    )
    assert len(trained) == 8
    assert [(one.share, one.physics) for one in found.outcomes] == [(1, True), (1, False), (0.5, True), (0.5, False)]
    assert found.outcomes[2].train_patches == (round(found.outcomes[0].train_patches[0] / 2),)
    assert [one.f1 for one in found.gains] == [0, 0]
    assert 0 <= found.outcomes[0].figures["false_alarms_flat"].mean <= 1
    page = write_physics(found, tmp_path / "out")[0].read_text()
    assert "synthetic" in page


@pytest.mark.slow
def test_a_protocol_is_trained_in_processes_and_goes_on(tmp_path: Path) -> None:
    from command_line import run

    made = rgb_scenes(tmp_path / "data", scenes="AB", rows=7, side=32)
    settings = [word for one in (*TINY, "detector.tile_px=32") for word in ("--set", one)]
    arguments = (
        "cross-validate",
        made,
        "--protocol",
        "scene-out",
        "--recipe",
        "default",
        *settings,
        "-o",
        tmp_path / "out",
    )
    told = run(*arguments, "--jobs", "2", "--quiet", "--report", tmp_path / "report")
    assert told.code == 0, told.err
    answer = json.loads((tmp_path / "out" / "protocol.json").read_text())
    assert answer["folds"] == ["scene-A", "scene-B"]
    assert json.loads((tmp_path / "report" / "report.json").read_text())["origin"]["recipe"]["name"] == "tiny"
    stamp = (tmp_path / "out" / "runs" / "scene-A" / "seed-1" / "tiny.onnx").stat().st_mtime_ns
    again = run(*arguments, "--quiet", "--json")
    assert json.loads(again.out)["figures"] == answer["figures"]
    assert (tmp_path / "out" / "runs" / "scene-A" / "seed-1" / "tiny.onnx").stat().st_mtime_ns == stamp
