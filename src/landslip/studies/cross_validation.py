"""What a recipe reaches by a protocol: all folds trained and scored, over several seeds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import ProtocolName
from landslip.evaluation.predictions import Predictions
from landslip.evaluation.scores import Scores, score
from landslip.metrics.count_tables import FIGURES
from landslip.metrics.counts import DEFINITION
from landslip.metrics.definitions import DEFINITIONS, by_definition
from landslip.metrics.intervals import Spread
from landslip.metrics.thresholds import sweep
from landslip.studies.folds import SAYS, Fold, check_seeds, folds_of, pooled
from landslip.studies.perturbed_runs import claim, entries_sha256
from landslip.studies.trials import Trial, Watch, run_trials
from landslip.training.recipe.recipe import Recipe

RUNS: Final = "runs"
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """What a recipe reached by a protocol."""

    protocol: ProtocolName
    detector: str
    data: str
    seeds: tuple[int, ...]
    folds: tuple[str, ...]
    figures: dict[str, dict[str, Spread]]
    """By scene (and ``all``), then by figure: those of the one definition, average precision, best F1."""
    also: dict[str, dict[str, Spread]]
    """By definition, then by figure."""
    scores: tuple[Scores, ...]
    """Of each seed, with intervals."""
    thresholds: dict[str, tuple[float, ...]]
    """By fold, that which each seed chose on its validation part."""
    predictions: tuple[Path, ...]
    """The pooled predictions of each seed."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return {
            "protocol": self.protocol,
            "says": SAYS[self.protocol],
            "definition": DEFINITION,
            "detector": self.detector,
            "data": self.data,
            "seeds": list(self.seeds),
            "folds": list(self.folds),
            "figures": {
                scene: {name: one.as_dict() for name, one in figures.items()} for scene, figures in self.figures.items()
            },
            "also": {
                name: {figure: one.as_dict() for figure, one in figures.items()}
                | {"definition": DEFINITIONS[name].text}
                for name, figures in self.also.items()
            },
            "thresholds": {fold: list(values) for fold, values in self.thresholds.items()},
            "by_seed": {str(seed): one.as_dict() for seed, one in zip(self.seeds, self.scores, strict=True)},
            "predictions": [path.name for path in self.predictions],
        }


def evaluate_protocol(
    recipe: Recipe,
    data: Path,
    folder: Path,
    protocol: ProtocolName,
    *,
    seeds: Sequence[int] = (1,),
    folds: int = 5,
    jobs: int = 1,
    progress: bool = True,
    watch: Watch | None = None,
) -> ProtocolResult:
    """Train and score every fold of a protocol; what is finished is never trained again.

    Leaves in the folder ``runs/<fold>/seed-<n>/`` with each training, and ``predictions-seed-<n>.npz`` with what was
    said about every tested patch by the detector that had not seen it.

    Args:
        recipe: its parts are replaced by those of each fold.
        data: a set of patches of any kind.
        folder: for everything.
        protocol: its name.
        seeds: each fold is trained once with each.
        folds: of k-fold.
        jobs: how many trainings at once.
        progress: show the bars of a training.
        watch: told how many trainings are finished and how many there are.

    Raises:
        SettingsError: no seed, or the same one twice.
        OutputError: the folder holds another experiment.
        PatchesError: the set does not allow the protocol.
        LandslipError: a training failed.
    """
    check_seeds(seeds)
    entries = open_patches(data).entries
    made = folds_of(protocol, entries, folds=folds)
    asked = {"protocol": protocol, "folds": len(made), "patches": entries_sha256(entries)}
    claim(folder, asked | {"recipe": recipe.model_dump(mode="json")})
    trials = [
        Trial(recipe, fold, seed, data, folder / RUNS / fold.name / f"seed-{seed}") for seed in seeds for fold in made
    ]
    run_trials(trials, jobs=jobs, progress=progress, watch=watch)
    return _result(protocol, recipe, folder, made, trials, seeds)


def _result(
    protocol: ProtocolName,
    recipe: Recipe,
    folder: Path,
    folds: Sequence[Fold],
    trials: Sequence[Trial],
    seeds: Sequence[int],
) -> ProtocolResult:
    together: list[Predictions] = []
    paths = []
    thresholds: dict[str, list[float]] = {fold.name: [] for fold in folds}
    said = f"{protocol}: {SAYS[protocol]}; epoch and threshold of each fold chosen on its own validation part"
    for seed in seeds:
        parts = [trial.predictions() for trial in trials if trial.seed == seed]
        for fold, part in zip(folds, parts, strict=True):
            thresholds[fold.name].append(part.threshold)
        together.append(pooled(parts, protocol=said, recipe=recipe.model_dump(mode="json")))
        paths.append(folder / f"predictions-seed-{seed}.npz")
        together[-1].save(paths[-1])
    scenes = (ALL, *together[0].scenes) if len(together[0].scenes) > 1 else (ALL,)
    here = {scene: [_figures(one if scene == ALL else _of_scene(one, scene)) for one in together] for scene in scenes}
    also = [by_definition(one) for one in together]
    return ProtocolResult(
        protocol=protocol,
        detector=recipe.name,
        data=together[0].data,
        seeds=tuple(seeds),
        folds=tuple(fold.name for fold in folds),
        figures={
            scene: {name: Spread(tuple(one[name] for one in made)) for name in made[0]} for scene, made in here.items()
        },
        also={
            name: {figure: Spread(tuple(asdict(one[name])[figure] for one in also)) for figure in FIGURES}
            for name in DEFINITIONS
        },
        scores=tuple(score(one) for one in together),
        thresholds={name: tuple(values) for name, values in thresholds.items()},
        predictions=tuple(paths),
    )


def _of_scene(one: Predictions, scene: str) -> Predictions:
    return one.where(lambda entry: entry.scene == scene)


def _figures(one: Predictions) -> dict[str, float]:
    """Figures at the thresholds that were chosen, and two that no threshold decides."""
    swept = sweep(one)
    pooled_ratios = by_definition(one, ["pooled"])["pooled"].as_dict()
    return pooled_ratios | {"average_precision": swept.average_precision, "best_f1": swept.best_f1().f1}
