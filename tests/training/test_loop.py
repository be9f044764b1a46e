"""Laws of the loop: averages are averages, rates follow their schedule, what is not right stops, nobody else speaks."""

import csv
import logging
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from landslip.datasets.patch_set import PatchStack
from landslip.errors import MissingExtraError, RunError
from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.training.data.feeding import iterate_batches
from landslip.training.data.target import Target
from landslip.training.loop.callback import CHECKPOINTS, LAST, History
from landslip.training.loop.devices import precision_for
from landslip.training.loop.optimisation import build_optimiser, rate_multiplier, update_ema, update_swa
from landslip.training.loop.run_pictures import draw_pictures
from landslip.training.loop.seeding import derive_seed, make_generator, reproducible
from landslip.training.loop.trainer import fit, split_among_devices
from landslip.training.loop.validation import Validation, channel_wavelengths, count_validation, validation_of
from landslip.training.recipe.sections import Constant, Cosine, FitRecipe, MachineRecipe, Steps
from learning_made import part_of, small_recipe, squares

TRAIN, CHOOSE = part_of(squares(10)), part_of(squares(4, seed=1))


# Averages


def test_the_running_mean_follows_and_settles() -> None:
    mean, now = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    for step in range(1, 400):
        update_ema(mean, now, 0.9, step)
    assert torch.allclose(mean.weight, now.weight, atol=1e-5)


def test_without_memory_the_mean_is_the_last_weights() -> None:
    mean, now = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    update_ema(mean, now, 0.0, 7)
    assert torch.equal(mean.weight, now.weight)


def test_the_equal_mean_is_the_mean_of_the_epochs_it_covers() -> None:
    recipe = FitRecipe(epochs=8, swa_start=0.5)
    mean, now = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    weights = torch.randn((8, 1, 2), generator=torch.Generator().manual_seed(0))
    for epoch, weight in enumerate(weights, 1):
        now.weight.data = weight.clone()
        update_swa(mean, now, recipe, epoch)
        expected = weight if epoch <= 4 else weights[4:epoch].mean(dim=0)
        assert torch.allclose(mean.weight, expected, atol=1e-6), epoch


# Rates


def test_steps_keep_the_rate_for_whole_epochs() -> None:
    step = Steps(step_epochs=30, factor=0.1)
    rates = [rate_multiplier(step, epoch * 5, 500, 5) for epoch in (0, 29, 30, 59, 60, 99)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.001])


def test_a_cosine_rises_in_a_line_and_falls_to_nothing() -> None:
    rates = [rate_multiplier(Cosine(warmup_fraction=0.1), step, 100, 10) for step in range(101)]
    assert max(rates) == pytest.approx(1)
    assert rates.index(max(rates)) == 10
    assert np.diff(rates[:10]) == pytest.approx(1 / 11)
    assert all(np.diff(rates[10:]) < 0)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert rate_multiplier(Constant(), 70, 100, 10) == 1


@pytest.mark.parametrize("kind", ["one-cycle", "step", "cosine", "constant"])
def test_the_encoder_learns_at_its_share_of_the_rate(kind: str) -> None:
    network = torch.nn.ModuleDict({"body": torch.nn.ModuleDict({"encoder": torch.nn.Linear(1, 1)})})
    network["head"] = torch.nn.Linear(1, 1)
    recipe = FitRecipe.model_validate({"epochs": 3, "encoder_lr_multiplier": 0.25, "schedule": {"kind": kind}})
    optimiser, schedule = build_optimiser(network, recipe, 4)
    for _ in range(12):
        encoder, rest = (group["lr"] for group in optimiser.param_groups)
        assert encoder == pytest.approx(0.25 * rest)
        optimiser.step()
        schedule.step()


# Chance


def test_places_in_a_run_draw_their_own_and_always_the_same() -> None:
    places = [(seed, epoch, step) for seed in range(3) for epoch in range(5) for step in range(5)]
    assert len({derive_seed(*place) for place in places}) == len(places)
    assert torch.equal(
        torch.rand(3, generator=make_generator(1, 2, 3)), torch.rand(3, generator=make_generator(1, 2, 3))
    )


def test_the_process_is_left_as_it_was() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    with reproducible(1):
        assert torch.are_deterministic_algorithms_enabled()
        torch.rand(3)
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_devices_share_an_epoch_evenly_and_leave_nothing_out() -> None:
    positions = np.random.default_rng(0).permutation(11)
    shares = [split_among_devices(positions, rank, 4) for rank in range(4)]
    assert {len(share) for share in shares} == {3}
    assert set(np.concatenate(shares)) == set(range(11))
    assert split_among_devices(positions, 0, 1).tolist() == positions.tolist()


def test_precision_is_what_is_asked_for() -> None:
    assert precision_for(MachineRecipe(precision="float32")) == "32-true"
    assert precision_for(MachineRecipe(precision="bfloat16")) == "bf16-mixed"
    assert precision_for(MachineRecipe(accelerator="mps")) == "32-true"


# Looks


class Red(torch.nn.Module):
    """Calls bright red a landslide."""

    def forward(self, values: "torch.Tensor") -> "torch.Tensor":
        return (values[:, :1] - 1400) / 100


def test_a_look_counts_every_pixel_once_however_it_is_batched() -> None:
    stack = squares(7)
    part, nm = part_of(stack), channel_wavelengths(stack.channels)
    expected = ProbabilityHistogram.of(Red()(torch.from_numpy(stack.values)).squeeze(1).sigmoid().numpy(), stack.masks)
    for batch in (1, 3, 7):
        batches = iterate_batches(part, np.arange(7), batch)
        counts = count_validation(Red(), batches, FitRecipe(), nm, torch.device("cpu"), torch.no_grad)
        assert counts.shape[0] == 9
        np.testing.assert_array_equal(counts[0, 0], expected.landslide)
        np.testing.assert_array_equal(counts[0, 1], expected.background)
        assert set(counts.sum(dim=(1, 2)).tolist()) == {7 * 32 * 32}


def test_changed_light_is_looked_at_only_where_it_has_a_say() -> None:
    part, nm = part_of(squares(2)), channel_wavelengths(("B04", "B03", "B02"))
    plain = FitRecipe(monitor="f1")
    counts = count_validation(Red(), iterate_batches(part, np.arange(2)), plain, nm, torch.device("cpu"), torch.no_grad)
    look = validation_of(counts, 3)
    assert counts.shape[0] == 1
    assert look.f1_perturbed_mean == look.f1_best
    terrain = channel_wavelengths(("slope", "elevation", "slope"))
    assert (
        len(
            count_validation(
                Red(), iterate_batches(part, np.arange(2)), FitRecipe(), terrain, torch.device("cpu"), torch.no_grad
            )
        )
        == 1
    )


def test_the_kept_epoch_is_the_best_by_what_the_recipe_asks() -> None:
    looks = [
        Validation(1, 0.5, 0.6, 0.5, 0.6, 0.5),
        Validation(2, 0.5, 0.7, 0.5, 0.4, 0.3),
        Validation(3, 0.5, 0.7, 0.5, 0.4, 0.3),
    ]
    for choose_by, expected in (("f1", 3), ("robust-f1", 1)):
        standing = History()
        for look in looks:
            standing = standing.append({"epoch": look.epoch, "seconds": 1.0}, look, choose_by)
        assert standing.best is not None
        assert standing.best.epoch == expected
        assert standing.since_best == 3 - expected


# Whole runs


def test_it_learns_and_writes_a_row_an_epoch(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    levels = {name: logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")}
    filters = list(warnings.filters)
    fitted = fit(small_recipe({"epochs": 5, "validate_every": 2}), TRAIN, CHOOSE, tmp_path)
    assert fitted.best.f1_best > 0.8
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5"]
    # Looked at every second epoch, and after the last.
    assert [bool(row["f1_best"]) for row in rows] == [False, True, False, True, True]
    losses = [float(row["loss"]) for row in rows]
    assert losses[-1] < losses[0]
    for row in rows:
        parts = 0.5 * float(row["loss_cross-entropy"]) + 0.5 * float(row["loss_dice"])
        assert float(row["loss"]) == pytest.approx(parts, rel=1e-4)
    # Nothing of Lightning reaches anyone, and nothing of it is left behind.
    assert capfd.readouterr() == ("", "")
    assert {name: logging.getLogger(name).level for name in levels} == levels
    assert list(warnings.filters) == filters
    assert {path.name for path in tmp_path.iterdir()} == {"log.csv", CHECKPOINTS}
    title, source = "made-up squares", "Synthetic."
    draw_pictures(fitted, CHOOSE, tmp_path, title=title, source=source, pixel_size_m=10)
    for name in ("curves.png", "samples.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_same_recipe_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    recipe = small_recipe({"epochs": 1})
    one, two = (fit(recipe, TRAIN, CHOOSE, folder) for folder in folders[:2])
    other = fit(recipe.model_copy(update={"seed": 2}), TRAIN, CHOOSE, folders[2])
    weights = [torch.cat([value.flatten() for value in one_of.network.parameters()]) for one_of in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_run_that_diverges_says_when_and_what_is_left(tmp_path: Path) -> None:
    taught = 0

    def poison(positions: "torch.Tensor", target: Target) -> Target:
        nonlocal taught
        taught += 1
        # Three steps an epoch.
        return Target(target.landslide * math.nan, target.valid) if taught == 5 else target

    with pytest.raises(RunError, match=r"epoch 2, step 2 \(the last checkpoint is .*last\.ckpt\): lower") as left:
        fit(small_recipe(), TRAIN, CHOOSE, tmp_path, change_target=poison)
    assert left.value.exit_code == 1
    kept = torch.load(tmp_path / CHECKPOINTS / LAST, weights_only=True)
    assert all(bool(value.isfinite().all()) for value in kept["state_dict"].values())
    (tmp_path / "new").mkdir()
    taught = 4
    with pytest.raises(RunError, match=r"epoch 1, step 1 \(there is no checkpoint\)"):
        fit(small_recipe(), TRAIN, CHOOSE, tmp_path / "new", change_target=poison)


def test_patches_that_are_hard_are_known(tmp_path: Path) -> None:
    stack = squares(10)
    masks = stack.masks.copy()
    # One patch is labelled wrongly: whatever is learned, it stays the hardest.
    masks[3] = 1 - masks[3]
    part = part_of(PatchStack(stack.channels, stack.values, masks))
    recipe = small_recipe({"epochs": 6})
    fit(recipe, part, CHOOSE, tmp_path)
    difficulty = torch.load(tmp_path / CHECKPOINTS / LAST, weights_only=True)["difficulty"]
    assert bool(difficulty.isfinite().all())
    assert int(difficulty.argmax()) == 3


def test_a_teacher_has_the_last_word(tmp_path: Path) -> None:
    def nothing(positions: "torch.Tensor", target: Target) -> Target:
        return Target(torch.zeros_like(target.landslide), target.valid)

    fitted = fit(small_recipe(), TRAIN, CHOOSE, tmp_path, change_target=nothing)
    assert fitted.best.f1_at_half == 0


def test_progress_reports_every_step_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reports: list[tuple[str, int, int]] = []
    fit(small_recipe({"epochs": 2}), TRAIN, CHOOSE, tmp_path, progress=lambda *report: reports.append(report))
    assert reports == [("training", done, 6) for done in range(7)]
    assert capfd.readouterr() == ("", "")


def test_mlflow_that_is_not_there_is_named_before_anything_is_learned(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match="pip install mlflow"):
        fit(small_recipe(log={"mlflow": "runs", "tensorboard": False}), TRAIN, CHOOSE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_tensorboard_is_told_what_the_log_is(tmp_path: Path) -> None:
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fitted = fit(small_recipe({"epochs": 2}, log={"tensorboard": True}), TRAIN, CHOOSE, tmp_path)
    told = events.EventAccumulator(str(tmp_path / "tensorboard"))
    told.Reload()
    assert [event.step for event in told.Scalars("loss")] == [1, 2]
    assert told.Scalars("f1_best")[-1].value == pytest.approx(fitted.history.validations[-1].f1_best)
