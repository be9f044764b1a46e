"""Cross-validation: a recipe trained and scored on every fold of a protocol, with several seeds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from landslip.datasets.leakage import find_leaks
from landslip.datasets.splits import ProtocolName
from landslip.evaluation.evaluate import Scores, score
from landslip.evaluation.predictions import Predictions
from landslip.files.progress import Progress, no_progress
from landslip.metrics.counts import DEFINITION, METRICS
from landslip.metrics.definitions import DEFINITIONS, compute_definitions
from landslip.metrics.intervals import SeedStatistics
from landslip.metrics.thresholds import sweep_thresholds
from landslip.studies.folds import PROTOCOL_TEXTS, pool_predictions
from landslip.studies.trials import Study, StudyVariant
from landslip.training.recipe.recipe import Recipe

ALL: Final = "all"
"""Key of the metrics over all scenes."""


@dataclass(frozen=True, slots=True, repr=False)
class CrossValidation:
    """The result of a cross-validation."""

    protocol: ProtocolName
    recipe: str
    data: str
    seeds: tuple[int, ...]
    folds: tuple[str, ...]
    leaks: dict[str, str]
    """By fold, whether patches of different parts touch, in a sentence."""
    metrics: dict[str, dict[str, SeedStatistics]]
    """By scene (and ``all``), then by name: F1, precision, recall, IoU, average precision, best F1."""
    definitions: dict[str, dict[str, SeedStatistics]]
    """By other definition, then by metric."""
    scores: tuple[Scores, ...]
    """Of each seed, with intervals."""
    thresholds: dict[str, tuple[float, ...]]
    """By fold, the threshold chosen on its validation part with each seed."""
    predictions: tuple[Path, ...]
    """Files with the pooled predictions of each seed."""

    def __repr__(self) -> str:
        f1 = self.metrics[ALL]["f1"]
        return f"CrossValidation({self.recipe!r}, {self.protocol}, {len(self.folds)} folds, F1 {f1})"

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return {
            "protocol": self.protocol,
            "protocol_text": PROTOCOL_TEXTS[self.protocol],
            "definition": DEFINITION,
            "recipe": self.recipe,
            "data": self.data,
            "seeds": list(self.seeds),
            "folds": list(self.folds),
            "leaks": dict(self.leaks),
            "metrics": {
                scene: {name: one.as_dict() for name, one in metrics.items()} for scene, metrics in self.metrics.items()
            },
            "definitions": {
                name: {metric: one.as_dict() for metric, one in metrics.items()}
                | {"definition": DEFINITIONS[name].text}
                for name, metrics in self.definitions.items()
            },
            "thresholds": {fold: list(values) for fold, values in self.thresholds.items()},
            "by_seed": {str(seed): one.as_dict() for seed, one in zip(self.seeds, self.scores, strict=True)},
            "predictions": [path.name for path in self.predictions],
        }


def cross_validate(
    recipe: Recipe,
    data: str | Path,
    folder: str | Path,
    protocol: ProtocolName,
    *,
    seeds: Sequence[int] = (1,),
    folds: int = 5,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> CrossValidation:
    """Train and score a recipe on every fold of a protocol; an interrupted run resumes.

    The folder then holds ``runs/<fold>/seed-<n>/`` of every training run, and ``predictions-seed-<n>.npz`` with the
    predictions on every test patch by the detector that was not trained on it.

    Args:
        recipe: its split is replaced by that of each fold.
        data: folder of a patch data set.
        folder: for everything.
        protocol: how the folds are made.
        seeds: each fold is trained once with each.
        folds: number of folds of k-fold.
        jobs: number of parallel training runs.
        progress: called with the number of training runs.

    Raises:
        SettingsError: there is no seed, or one twice.
        OutputError: the folder belongs to another study.
        PatchesError: the data set does not allow the protocol.
        LandslipError: a training run failed.

    Example:
        >>> from landslip.training.recipe.recipe import read_recipe
        >>> result = cross_validate(
        ...     read_recipe("default"), "DATA", "runs/", "scene-out", seeds=(1, 2, 3)
        ... )  # doctest: +SKIP
        >>> print(result.metrics["all"]["f1"])  # doctest: +SKIP
        0.412 ± 0.013
    """
    study = Study.open("cross-validation", recipe, data, folder, protocol, seeds=seeds, folds=folds)
    runs = study.run([StudyVariant("", recipe)], jobs=jobs, progress=progress)
    text = f"{study.protocol_text}; epoch and threshold of each fold chosen on its own validation part"
    pooled: list[Predictions] = []
    paths = []
    for seed in study.seeds:
        pooled.append(pool_predictions(runs["", seed], protocol=text, recipe=recipe.model_dump(mode="json")))
        paths.append(study.folder / f"predictions-seed-{seed}.npz")
        pooled[-1].save(paths[-1])
    scenes = (ALL, *pooled[0].scenes) if len(pooled[0].scenes) > 1 else (ALL,)
    metrics = {
        scene: [_compute_metrics(one if scene == ALL else one.take(one.positions_of(scene))) for one in pooled]
        for scene in scenes
    }
    definitions = [{name: asdict(one) for name, one in compute_definitions(one.counts()).items()} for one in pooled]
    return CrossValidation(
        protocol=protocol,
        recipe=recipe.name,
        data=pooled[0].data,
        seeds=study.seeds,
        folds=tuple(fold.name for fold in study.folds),
        leaks={fold.name: str(find_leaks(fold.division, study.entries)) for fold in study.folds},
        metrics={
            scene: {name: SeedStatistics(tuple(one[name] for one in made)) for name in made[0]}
            for scene, made in metrics.items()
        },
        definitions={
            name: {metric: SeedStatistics(tuple(one[name][metric] for one in definitions)) for metric in METRICS}
            for name in DEFINITIONS
        },
        scores=tuple(score(one) for one in pooled),
        thresholds={
            fold.name: tuple(runs["", seed][number].threshold for seed in study.seeds)
            for number, fold in enumerate(study.folds)
        },
        predictions=tuple(paths),
    )


def _compute_metrics(predictions: Predictions) -> dict[str, float]:
    """Metrics at the chosen thresholds, and two that do not depend on a threshold."""
    total = predictions.counts().sum(axis=0)
    sweep = sweep_thresholds(predictions.encoded, predictions.masks)
    return {name: float(metric(total)) for name, metric in METRICS.items()} | {
        "average_precision": sweep.average_precision,
        "best_f1": sweep.best_f1().f1,
    }
