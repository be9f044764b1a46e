"""A run that was cut off goes on to the same end, bit by bit; another run never goes on in its place."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

from landslip.errors import OutputError, RecipeError, RunError
from landslip.training.data.target import Target
from landslip.training.loop.callback import CHECKPOINTS, LAST
from landslip.training.loop.trainer import FitResult, fit
from landslip.training.recipe.recipe import Recipe
from landslip.training.run_folder import check_folder_free, start_run
from learning_made import part_of, small_recipe, squares

TRAIN, CHOOSE = part_of(squares(10)), part_of(squares(4, seed=1))


class PowerCut(Exception):  # noqa: N818 - an event, no mistake
    """What no program can foresee."""


def cut_at(step: int) -> Callable[["torch.Tensor", Target], Target]:
    """A teacher that teaches nothing and ends the run in the middle of a step."""
    taught = 0

    def teacher(positions: "torch.Tensor", target: Target) -> Target:
        nonlocal taught
        taught += 1
        if taught == step:
            raise PowerCut
        return target

    return teacher


def ended(recipe: Recipe, folder: Path, **options: Any) -> FitResult:
    folder.mkdir(exist_ok=True)
    return fit(recipe, TRAIN, CHOOSE, folder, **options)


def without_seconds(fitted: FitResult) -> list[dict[str, float]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in fitted.history.rows]


WAYS: dict[str, dict[str, Any]] = {
    "running mean, one cycle": {"fit": {"ema_decay": 0.9}},
    "equal mean, steps, adam": {
        "fit": {"swa_start": 0.5, "optimiser": "adam", "schedule": {"kind": "step", "step_epochs": 2}}
    },
    "cosine, hard examples, clipped": {
        "fit": {"schedule": {"kind": "cosine"}, "gradient_clip_norm": 0.5},
        "sampling": {"difficulty_weight": 0.7},
    },
    "bfloat16": {"machine": {"precision": "bfloat16"}},
}

DROPOUT = {
    "architecture": "unet",
    "encoder": "resnet18",
    "weights": "none",
    "decoder_channels": (8, 8, 8),
    "dropout": 0.3,
}
SLOW = pytest.param({"network": DROPOUT}, id="dropout", marks=pytest.mark.slow)


@pytest.mark.parametrize("way", [*(pytest.param(way, id=name) for name, way in WAYS.items()), SLOW])
def test_a_resumed_run_ends_in_the_same_weights_bit_by_bit(tmp_path: Path, way: dict[str, Any]) -> None:
    recipe = small_recipe(**way)
    whole = ended(recipe, tmp_path / "whole")
    with pytest.raises(PowerCut):
        # Three steps an epoch: in the middle of the third epoch.
        ended(recipe, tmp_path / "cut", change_target=cut_at(8))
    resumed = ended(recipe, tmp_path / "cut", resume=True)
    expected = whole.network.state_dict()
    for name, value in resumed.network.state_dict().items():
        assert torch.equal(value, expected[name]), name
    assert resumed.best == whole.best
    assert without_seconds(resumed) == without_seconds(whole)
    last = [torch.load(tmp_path / run / CHECKPOINTS / LAST, weights_only=True) for run in ("whole", "cut")]
    for name, value in last[0]["state_dict"].items():
        assert torch.equal(value, last[1]["state_dict"][name]), name


def test_a_run_that_ends_between_two_files_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe({"epochs": 3})
    whole = ended(recipe, tmp_path / "whole")
    save, saved = Trainer.save_checkpoint, 0

    def unlucky(*arguments: Any, **options: Any) -> None:
        nonlocal saved
        saved += 1
        save(*arguments, **options)
        if saved == 2:
            raise PowerCut

    monkeypatch.setattr(Trainer, "save_checkpoint", unlucky)
    with pytest.raises(PowerCut):
        ended(recipe, tmp_path / "cut")
    # The log and the best weights are those of the second epoch, the checkpoint under its own name is the first's.
    resumed = ended(recipe, tmp_path / "cut", resume=True)
    assert without_seconds(resumed) == without_seconds(whole)
    assert all(torch.equal(a, b) for a, b in zip(resumed.network.parameters(), whole.network.parameters(), strict=True))


def test_a_run_that_was_finished_is_given_back_without_a_step(tmp_path: Path) -> None:
    recipe = small_recipe({"epochs": 2})
    whole = ended(recipe, tmp_path / "run")
    again = ended(recipe, tmp_path / "run", resume=True, change_target=cut_at(1))
    assert again.best == whole.best
    assert all(torch.equal(a, b) for a, b in zip(again.network.parameters(), whole.network.parameters(), strict=True))


def test_a_run_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    # Steps this large undo what was learned.
    recipe = small_recipe({"epochs": 30, "patience": 2, "learning_rate": 0.3, "schedule": {"kind": "constant"}})
    whole = ended(recipe, tmp_path / "run")
    assert whole.history.since_best == 2
    assert len(whole.history.rows) < 30
    assert whole.best.epoch == len(whole.history.rows) - 2
    again = ended(recipe, tmp_path / "run", resume=True, change_target=cut_at(1))
    assert len(again.history.rows) == len(whole.history.rows)


def test_resuming_where_there_is_nothing_yet_starts_at_the_beginning(tmp_path: Path) -> None:
    recipe = small_recipe({"epochs": 1})
    assert ended(recipe, tmp_path / "a", resume=True).best == ended(recipe, tmp_path / "b").best


def test_an_interrupted_run_says_how_to_go_on_and_leaves_the_keyboard_alone(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)

    def interrupt(positions: "torch.Tensor", target: Target) -> Target:
        raise KeyboardInterrupt

    with pytest.raises(RunError, match="interrupted in epoch 1: there is no checkpoint"):
        ended(small_recipe(), tmp_path / "run", change_target=interrupt)
    assert signal.getsignal(signal.SIGINT) is before


KEYS = {"train": ("train/1", "train/2"), "validation": ("train/3",)}


def test_a_folder_with_a_run_is_refused_and_kept(tmp_path: Path) -> None:
    recipe = small_recipe()
    start_run(tmp_path, recipe, KEYS, None, resume=False)
    before = (tmp_path / "recipe.yaml").read_bytes()
    with pytest.raises(OutputError, match=r"already holds recipe\.yaml: give another folder, or set resume"):
        start_run(tmp_path, recipe, KEYS, None, resume=False)
    with pytest.raises(OutputError, match="already holds"):
        check_folder_free(tmp_path, "other")
    assert (tmp_path / "recipe.yaml").read_bytes() == before
    start_run(tmp_path, recipe, KEYS, None, resume=True)


def test_only_the_same_recipe_and_patches_go_on(tmp_path: Path) -> None:
    recipe = small_recipe()
    start_run(tmp_path, recipe, KEYS, None, resume=False)
    with pytest.raises(RecipeError, match=r"first in fit\.epochs \(4 there, 5 here\)"):
        start_run(tmp_path, small_recipe({"epochs": 5}), KEYS, None, resume=True)
    with pytest.raises(RecipeError, match=r"has other patches in train \(2 there, 3 here\)"):
        start_run(tmp_path, recipe, {**KEYS, "train": ("train/1", "train/2", "train/4")}, None, resume=True)


def test_a_checkpoint_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    recipe = small_recipe({"epochs": 1})
    (tmp_path / CHECKPOINTS).mkdir()
    (tmp_path / CHECKPOINTS / LAST).write_bytes(b"not a checkpoint")
    with pytest.raises(RunError, match=r"last\.ckpt cannot be read as a checkpoint"):
        ended(recipe, tmp_path, resume=True)
