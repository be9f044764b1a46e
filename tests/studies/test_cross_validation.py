"""Studies that train: folds, pooling, resuming and results, with a stand-in for training."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from landslip.datasets.formats import open_patches
from landslip.datasets.leakage import find_leaks
from landslip.datasets.protocols import TRAIN
from landslip.datasets.splits import patch_key
from landslip.errors import OutputError, PredictionsError, RecipeError, SettingsError
from landslip.evaluation.predict import data_label, predict
from landslip.evaluation.predictions import PatchPosition
from landslip.metrics.counts import f1
from landslip.studies import trials as trials_module
from landslip.studies.ablation.retraining import ablate_recipe
from landslip.studies.cross_validation import cross_validate
from landslip.studies.folds import (
    PROTOCOLS,
    make_folds,
    pool_predictions,
    recipe_for_fold,
)
from landslip.studies.physics import KINDS, compare_physics, reduce_training, remove_physics, write_physics
from landslip.studies.trials import PREDICTIONS, Trial
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
    """Replaces training: runs are recorded, and a brightness detector with a threshold per seed predicts."""
    ran: list[Trial] = []

    def pretend(one: Trial, *, progress: object = None) -> None:
        ran.append(one)
        patches = one.fold.division.choose(open_patches(one.data), one.fold.scored)
        said = predict(brightness(threshold=0.4 + 0.05 * one.seed), patches, data=data_label(one.data))
        one.folder.mkdir(parents=True)
        dataclasses.replace(said, seeds=(one.seed,)).save(one.folder / PREDICTIONS)

    monkeypatch.setattr(trials_module, "run_trial", pretend)
    return ran


def recipe(*settings: str) -> Recipe:
    return read_recipe("default", (*TINY, *settings))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_training_and_test_patches_are_disjoint(protocol: str) -> None:
    if protocol == "official":
        entries = tuple(dataclasses.replace(one, split=("train", "validation", "test")[one.id % 3]) for one in ENTRIES)
    else:
        entries = ENTRIES
    folds = make_folds(protocol, entries)  # type: ignore[arg-type]  # from the list
    tested = [key for fold in folds for key in fold.division.parts[fold.scored]]
    assert len(tested) == len(set(tested))
    for fold in folds:
        assert not set(fold.division.parts[TRAIN]) & set(fold.division.parts[fold.scored])
        if protocol in ("scene-out", "blocks", "k-fold"):
            assert find_leaks(fold.division, entries).clean
    if protocol == "scene-out":
        assert set(tested) == {patch_key(entry) for entry in ENTRIES}
    assert len({fold.name.lower() for fold in folds}) == len(folds)


def test_scenes_of_any_name_get_their_own_folders() -> None:
    named = {"A": "a/b", "B": "a b", "C": "A-B"}
    entries = [dataclasses.replace(one, scene=named[one.scene]) for one in ENTRIES]
    names = [fold.name for fold in make_folds("scene-out", entries)]
    assert len({name.lower() for name in names}) == 3
    assert all(name.replace("-", "").isalnum() for name in names)


def test_a_fold_replaces_the_split_of_the_recipe() -> None:
    fold = make_folds("k-fold", ENTRIES, folds=4)[2]
    made = recipe_for_fold(recipe(), fold, 7)
    assert (made.seed, made.train.parts, made.validation.parts, made.test) == (7, ("train",), ("validation",), ())
    assert made.split == fold.split
    assert made.network == recipe().network
    assert (
        recipe_for_fold(
            recipe("calibration.cross_scene_predictions=[said.npz]"), fold, 7
        ).calibration.cross_scene_predictions
        == ()
    )
    with pytest.raises(SettingsError, match="at least 3"):
        make_folds("k-fold", ENTRIES, folds=2)


def taught_by(*teachers: str, weights: str = "none") -> Recipe:
    return recipe(f"distillation={{teachers: {json.dumps(teachers)}}}", f"network.weights={json.dumps(weights)}")


def test_each_fold_uses_the_source_runs_of_that_fold() -> None:
    fold = make_folds("scene-out", ENTRIES)[1]
    chained = taught_by("a/{fold}/seed-{seed}/a.onnx", "b/{fold}.onnx", weights="b/{fold}/{seed}.safetensors")
    made = recipe_for_fold(chained, fold, 7)
    assert made.distillation is not None
    assert made.distillation.teachers == ("a/scene-B/seed-7/a.onnx", "b/scene-B.onnx")
    assert made.network.weights == "b/scene-B/7.safetensors"


@pytest.mark.parametrize(
    "leaking", [taught_by("s2-rgb"), taught_by("{fold}.onnx", "a.onnx"), recipe("network.weights=a.safetensors")]
)
def test_source_runs_that_are_the_same_for_every_fold_are_refused(
    leaking: Recipe, data: Path, trained: list[Trial], tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=r"may have been trained on the test part: .*\{fold\}"):
        cross_validate(leaking, data, tmp_path, "scene-out")
    assert not trained


def test_a_missing_teacher_is_reported_before_training(data: Path, trained: list[Trial], tmp_path: Path) -> None:
    (tmp_path / "scene-A.onnx").touch()
    with pytest.raises(RecipeError, match=r"scene-B.onnx does not exist, .* scene-B with seed 1"):
        cross_validate(taught_by(f"{tmp_path}/{{fold}}.onnx"), data, tmp_path / "out", "scene-out")
    assert not trained


def test_a_smaller_fraction_is_a_subset_of_a_larger_one() -> None:
    fold = make_folds("blocks", ENTRIES)[0]
    sets = [set(reduce_training(fold, share).division.parts[TRAIN]) for share in (1.0, 0.5, 0.1)]
    assert sets[0] >= sets[1] >= sets[2]
    assert len(sets[1]) == round(0.5 * len(sets[0]))
    assert reduce_training(fold, 0.1).division.parts[fold.scored] == fold.division.parts[fold.scored]


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
    made = pool_predictions(parts, protocol="made")
    np.testing.assert_array_equal(made.counts(), np.concatenate([one.counts() for one in parts]))
    with pytest.raises(PredictionsError, match="in two folds"):
        pool_predictions([parts[0], parts[0]], protocol="made")
    with pytest.raises(PredictionsError, match="no predictions"):
        pool_predictions([], protocol="made")


def test_finished_runs_are_not_repeated(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    first = cross_validate(recipe(), data, tmp_path, "scene-out", seeds=(1, 2))
    assert len(trained) == 6
    again = cross_validate(recipe(), data, tmp_path, "scene-out", seeds=(1, 2))
    assert len(trained) == 6
    assert again.as_dict() == first.as_dict()
    (tmp_path / "runs" / "scene-B" / "seed-2" / PREDICTIONS).unlink()
    (tmp_path / "runs" / "scene-B" / "seed-2").rmdir()
    cross_validate(recipe(), data, tmp_path, "scene-out", seeds=(1, 2, 3))
    assert [(one.fold.name, one.seed) for one in trained[6:]] == [
        ("scene-B", 2), ("scene-A", 3), ("scene-B", 3), ("scene-C", 3),
    ]  # fmt: skip
    with pytest.raises(OutputError, match="belongs to another run"):
        cross_validate(recipe("fit.epochs=2"), data, tmp_path, "scene-out")


def test_metrics_are_those_of_the_pooled_predictions(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    found = cross_validate(recipe(), data, tmp_path, "scene-out", seeds=(1, 3))
    from landslip.evaluation.predictions import load_predictions

    each = [float(f1(load_predictions(path).counts().sum(axis=0))) for path in found.predictions]
    assert {load_predictions(path).recipe["name"] for path in found.predictions} == {recipe().name}
    assert found.metrics["all"]["f1"].values == pytest.approx(tuple(each))
    assert found.metrics["all"]["f1"].mean == pytest.approx(np.mean(each))
    assert found.metrics["all"]["f1"].std == pytest.approx(np.std(each, ddof=1))
    assert set(found.metrics) == {"all", "A", "B", "C"}
    assert set(found.leaks) == set(found.folds)
    assert all("no patches of different parts" in leak for leak in found.leaks.values())
    assert found.thresholds == {f"scene-{scene}": pytest.approx((0.45, 0.55)) for scene in "ABC"}
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["metrics"]["A"]["f1"]["values"]


def test_channels_are_removed_from_recipe_and_network(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    found = ablate_recipe(recipe(), data, tmp_path, protocol="scene-out", seeds=(1,))
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
    assert [(one.drop, one.low, one.high) for one in found.drops] == [(0, 0, 0)] * 4


def test_a_loss_term_without_its_channel_is_refused(data: Path, tmp_path: Path, trained: list[Trial]) -> None:
    physical = recipe("channels=[B04,B03,B02,slope]", "loss.terms=[{kind: dice}, {kind: flat-ground, weight: 0.1}]")
    with pytest.raises(RecipeError, match="flat-ground needs slope, which would be removed with slope"):
        ablate_recipe(physical, data, tmp_path / "out", seeds=(1,))
    assert not trained
    assert not (tmp_path / "out").exists(), "refused before anything is made"


def test_variants_differ_only_in_the_physics_terms(
    tmp_path: Path, trained: list[Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_it = recipe(
        "channels=[B04,B03,B02,slope]",
        "loss.terms=[{kind: cross-entropy, weight: 1}, {kind: flat-ground, weight: 0.1}]",
    )
    plain = remove_physics(with_it)
    assert [term.kind for term in plain.loss.terms] == ["cross-entropy"]
    assert plain.model_copy(update={"loss": with_it.loss}) == with_it
    assert set(KINDS) == {"flat-ground", "runout"}
    with pytest.raises(RecipeError, match="no physics term"):
        compare_physics(plain, tmp_path, tmp_path)


def test_physics_is_compared_with_all_and_part_of_the_data(
    shared_data: Path, tmp_path: Path, trained: list[Trial]
) -> None:
    from landslip.synthetic.patch_set import make_patch_set, plan_patch_set

    made = tmp_path / "made"
    make_patch_set(made, plan_patch_set(18, 1, 3), seed=3)
    with_it = recipe("channels=[B04,B03,B02]", "loss.terms=[{kind: dice}, {kind: flat-ground, weight: 0.1}]")
    found = compare_physics(with_it, made, tmp_path / "out", protocol="paper", fractions=(1, 0.5), seeds=(1, 2))
    assert len(trained) == 8
    assert [(one.fraction, one.physics) for one in found.outcomes] == [(1, True), (1, False), (0.5, True), (0.5, False)]
    assert found.outcomes[2].train_patches == (round(found.outcomes[0].train_patches[0] / 2),)
    assert [one.f1 for one in found.gains] == [0, 0]
    assert 0 <= found.outcomes[0].metrics["false_positives_flat"].mean <= 1
    page = write_physics(found, tmp_path / "out")[0].read_text()
    assert "synthetic" in page


@pytest.mark.slow
def test_cross_validation_runs_in_processes_and_resumes(tmp_path: Path) -> None:
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
    assert json.loads((tmp_path / "report" / "report.json").read_text())["provenance"]["recipe"]["name"] == "tiny"
    stamp = (tmp_path / "out" / "runs" / "scene-A" / "seed-1" / "tiny.onnx").stat().st_mtime_ns
    again = run(*arguments, "--quiet", "--json")
    assert json.loads(again.out)["metrics"] == answer["metrics"]
    assert (tmp_path / "out" / "runs" / "scene-A" / "seed-1" / "tiny.onnx").stat().st_mtime_ns == stamp
