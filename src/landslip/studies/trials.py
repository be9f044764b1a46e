"""One training of an experiment and what its detector says about the patches it is tested on."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from landslip.datasets.formats import open_patches
from landslip.detector.detector import Detector
from landslip.errors import RecipeError, SettingsError
from landslip.evaluation.predictions import Predictions, load_predictions, predict
from landslip.evaluation.resolve import data_label
from landslip.studies.folds import SAYS, Fold, learned_from, recipe_for
from landslip.training.recipe.recipe import Recipe

Watch = Callable[[str, int, int], None]
PREDICTIONS: Final = "predictions.npz"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: what, on which fold, with which seed, and where it is kept."""

    recipe: Recipe
    fold: Fold
    seed: int
    data: Path
    folder: Path

    @property
    def finished(self) -> bool:
        """Whether its predictions are there."""
        return (self.folder / PREDICTIONS).is_file()

    @property
    def fold_recipe(self) -> Recipe:
        """What is trained: the recipe on the fold.

        Raises:
            RecipeError: it learns from a run that is the same for every fold.
        """
        return recipe_for(self.recipe, self.fold, self.seed)

    def predictions(self) -> Predictions:
        """What its detector said.

        Raises:
            PredictionsError: the file is damaged.
        """
        return load_predictions(self.folder / PREDICTIONS)


def run_trials(trials: Sequence[Trial], *, jobs: int = 1, progress: bool = True, watch: Watch | None = None) -> None:
    """Run every trial that is not finished; one that was begun goes on.

    Args:
        trials: each with a folder of its own.
        jobs: how many at once, each a process with its share of the cores.
        progress: show the bars of each training; only where one runs at a time.
        watch: told how many trials are finished and how many there are.

    Raises:
        SettingsError: fewer than one at once.
        RecipeError: a run that a training learns from is not there, or is the same for every fold.
        LandslipError: a training failed.
    """
    if jobs < 1:
        raise SettingsError(f"{jobs} trainings at once are none: give --jobs of 1 or more")
    waiting = [trial for trial in trials if not trial.finished]
    _check_sources(waiting)
    done = len(trials) - len(waiting)

    def tell() -> None:
        if watch is not None:
            watch("training", done, len(trials))

    tell()
    if jobs == 1 or len(waiting) < 2:
        for trial in waiting:
            run_trial(trial, progress=progress)
            done += 1
            tell()
        return
    threads = max(1, (os.cpu_count() or 1) // min(jobs, len(waiting)))
    # Spawned, not forked: torch and OpenVINO hold threads that a fork would lose.
    with ProcessPoolExecutor(min(jobs, len(waiting)), get_context("spawn"), _prepare, (threads,)) as pool:
        running = [pool.submit(run_trial, trial, progress=False) for trial in waiting]
        try:
            for one in as_completed(running):
                one.result()
                done += 1
                tell()
        except BaseException:
            # What has not begun does not begin; what has is left to end, and is found finished next time.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_trial(trial: Trial, *, progress: bool = True) -> None:
    """Train a fold, or go on with it, and keep what its detector says about the tested part."""

    from landslip.training.make import make_detector  # noqa: PLC0415 - after the operators

    recipe = trial.fold_recipe
    made = trial.folder / f"{recipe.name}.onnx"
    if not made.is_file():
        make_detector(recipe, trial.data, trial.folder, progress=progress, resume=True, division=trial.fold.division)
    patches = trial.fold.division.choose(open_patches(trial.data), trial.fold.tested)
    protocol = f"{trial.fold.division.protocol} ({SAYS[trial.fold.division.protocol]}); {trial.fold.division.how}"
    said = predict(Detector.open(str(made)), patches, protocol=protocol, data=data_label(trial.data), progress=progress)
    replace(said, seeds=(trial.seed,)).save(trial.folder / PREDICTIONS)


def _check_sources(trials: Sequence[Trial]) -> None:
    """See that all that will be learned from is there, before hours go into the first training."""
    for trial in trials:
        for path in learned_from(trial.fold_recipe):
            if not Path(path).is_file():
                raise RecipeError(
                    f"{path}, which {trial.fold.name} with seed {trial.seed} learns from, is not there: run its own "
                    "recipe by the same protocol and with the same seeds first"
                )


def _prepare(threads: int) -> None:
    """Leave the other processes their cores."""
    import torch  # noqa: PLC0415 - in the process that needs it

    torch.set_num_threads(threads)
