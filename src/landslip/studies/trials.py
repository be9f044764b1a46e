"""Studies that train: several variants of a recipe on the same folds with the same seeds, kept in one folder."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Final, Self

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import Entry
from landslip.datasets.splits import ProtocolName
from landslip.detector.detector import Detector
from landslip.errors import RecipeError, SettingsError
from landslip.evaluation.predict import data_label, predict
from landslip.evaluation.predictions import Predictions, load_predictions
from landslip.files.progress import Progress, no_progress
from landslip.studies.folds import PROTOCOL_TEXTS, Fold, list_source_runs, make_folds, recipe_for_fold
from landslip.studies.perturbed_runs import claim_folder, hash_entries
from landslip.training.recipe.recipe import Recipe

RUNS: Final = "runs"
PREDICTIONS: Final = "predictions.npz"


@dataclass(frozen=True, slots=True)
class Trial:
    """One training run: a recipe on a fold with a seed."""

    recipe: Recipe
    fold: Fold
    seed: int
    data: Path
    folder: Path

    @property
    def finished(self) -> bool:
        """Whether its predictions exist."""
        return (self.folder / PREDICTIONS).is_file()

    @property
    def fold_recipe(self) -> Recipe:
        """The recipe with the split of the fold.

        Raises:
            RecipeError: the recipe uses a run that is the same for every fold.
        """
        return recipe_for_fold(self.recipe, self.fold, self.seed)

    def predictions(self) -> Predictions:
        """Load the predictions on the scored part."""
        return load_predictions(self.folder / PREDICTIONS)


@dataclass(frozen=True, slots=True)
class StudyVariant:
    """One way to train in a study."""

    key: str
    """Name of its folder; empty if the study has a single variant."""
    recipe: Recipe
    folds: tuple[Fold, ...] | None = None
    """The folds of the study where None."""


@dataclass(frozen=True, slots=True)
class Study:
    """Folds, seeds and folder of a study. Finished runs are not repeated, so seeds and variants can be added later."""

    data: Path
    folder: Path
    protocol: ProtocolName
    seeds: tuple[int, ...]
    folds: tuple[Fold, ...]
    entries: tuple[Entry, ...]

    @classmethod
    def open(
        cls,
        name: str,
        recipe: Recipe,
        data: str | Path,
        folder: str | Path,
        protocol: ProtocolName,
        *,
        seeds: Sequence[int],
        folds: int,
    ) -> Self:
        """Make the folds and claim the folder.

        Args:
            name: of the kind of study.
            recipe: of the study; a folder with another recipe is refused.
            data: folder of a patch data set.
            folder: for everything.
            protocol: how the folds are made.
            seeds: each variant is trained once with each on every fold.
            folds: number of folds of k-fold.

        Raises:
            SettingsError: there is no seed, or one twice.
            PatchesError: the data set does not allow the protocol.
            OutputError: the folder belongs to another study.
        """
        check_seeds(seeds)
        entries = tuple(open_patches(Path(data)).entries)
        made = make_folds(protocol, entries, folds=folds)
        settings = {"study": name, "protocol": protocol, "folds": len(made), "patches": hash_entries(entries)}
        claim_folder(Path(folder), settings | {"recipe": recipe.model_dump(mode="json")})
        return cls(Path(data), Path(folder), protocol, tuple(seeds), made, entries)

    @property
    def protocol_text(self) -> str:
        """The protocol in words."""
        return f"{self.protocol}: {PROTOCOL_TEXTS[self.protocol]}"

    def run(
        self, variants: Sequence[StudyVariant], *, jobs: int = 1, progress: Progress = no_progress
    ) -> dict[tuple[str, int], list[Predictions]]:
        """Train every variant on every fold with every seed.

        Args:
            variants: with different keys.
            jobs: number of parallel training runs.
            progress: called with the number of training runs.

        Returns:
            By key and seed, the predictions on the scored part of each fold.

        Raises:
            LandslipError: a training run failed.
        """
        # All variants of one seed come first, so that an interrupted study has compared everything at least once.
        trials = {
            (one.key, seed): [
                Trial(one.recipe, fold, seed, self.data, self.folder / RUNS / one.key / fold.name / f"seed-{seed}")
                for fold in one.folds or self.folds
            ]
            for seed in self.seeds
            for one in variants
        }
        run_trials([trial for some in trials.values() for trial in some], jobs=jobs, progress=progress)
        return {key: [trial.predictions() for trial in some] for key, some in trials.items()}


def check_seeds(seeds: Sequence[int]) -> None:
    """Check that there are seeds, all different.

    Raises:
        SettingsError: they are not.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise SettingsError(
            f"seeds must be one or more different numbers, got {', '.join(map(str, seeds)) or 'none'}",
            parameter="seeds",
        )


def run_trials(trials: Sequence[Trial], *, jobs: int = 1, progress: Progress = no_progress) -> None:
    """Run every trial that is not finished; an interrupted one resumes.

    Args:
        trials: each with its own folder.
        jobs: number of parallel processes; they divide the CPU cores among them.
        progress: called with the number of trials; with one job also with the progress of each.

    Raises:
        SettingsError: ``jobs`` is below 1.
        RecipeError: a run that a training uses does not exist, or is the same for every fold.
        LandslipError: a training run failed.
    """
    if jobs < 1:
        raise SettingsError(f"jobs must be at least 1, got {jobs}", parameter="jobs")
    waiting = [trial for trial in trials if not trial.finished]
    _check_sources(waiting)
    done = len(trials) - len(waiting)
    progress("training runs", done, len(trials))
    if jobs == 1 or len(waiting) < 2:
        for trial in waiting:
            run_trial(trial, progress=progress)
            done += 1
            progress("training runs", done, len(trials))
        return
    threads = max(1, (os.cpu_count() or 1) // min(jobs, len(waiting)))
    # Spawned, not forked: torch and OpenVINO hold threads that a fork would lose.
    with ProcessPoolExecutor(min(jobs, len(waiting)), get_context("spawn"), _limit_threads, (threads,)) as pool:
        running = [pool.submit(run_trial, trial) for trial in waiting]
        try:
            for one in as_completed(running):
                one.result()
                done += 1
                progress("training runs", done, len(trials))
        except BaseException:
            # Trials that have not started do not start; the others finish, and count as finished next time.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_trial(trial: Trial, *, progress: Progress = no_progress) -> None:
    """Train on a fold, or resume, and save the predictions on the scored part."""
    from landslip.training.train import train  # noqa: PLC0415 - imports Lightning

    def report(stage: str, done: int, total: int, /) -> None:
        progress(f"{trial.fold.name} seed {trial.seed}: {stage}", done, total)

    recipe = trial.fold_recipe
    path = trial.folder / f"{recipe.name}.onnx"
    if not path.is_file():
        train(recipe, trial.data, trial.folder, progress=report, resume=True, division=trial.fold.division)
    patches = trial.fold.division.choose(open_patches(trial.data), trial.fold.scored)
    protocol = (
        f"{trial.fold.division.protocol} ({PROTOCOL_TEXTS[trial.fold.division.protocol]}); {trial.fold.division.how}"
    )
    predictions = predict(
        Detector.open(str(path)), patches, protocol=protocol, data=data_label(trial.data), progress=report
    )
    replace(predictions, seeds=(trial.seed,)).save(trial.folder / PREDICTIONS)


def _check_sources(trials: Sequence[Trial]) -> None:
    """Check that all runs that are used exist, before hours go into the first training."""
    for trial in trials:
        for path in list_source_runs(trial.fold_recipe):
            if not Path(path).is_file():
                raise RecipeError(
                    f"{path} does not exist, which the training on {trial.fold.name} with seed {trial.seed} uses: "
                    "cross-validate its recipe with the same protocol and seeds first"
                )


def _limit_threads(threads: int) -> None:
    import torch  # noqa: PLC0415 - in the process that needs it

    torch.set_num_threads(threads)
