"""The effect of the physics terms of a loss: trained with and without them, on all training data and on little."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.protocols import TRAIN
from landslip.datasets.splits import Division, ProtocolName
from landslip.errors import RecipeError, SettingsError
from landslip.evaluation.predict import match_patches
from landslip.evaluation.predictions import Predictions, resampling_units
from landslip.evaluation.report.layout import Headline, Section, chart_html
from landslip.figures.charts import Axis, Row, RowChart
from landslip.figures.html_tables import paragraph, plain_table
from landslip.files.progress import Progress, no_progress
from landslip.metrics.counts import DEFINITION, METRICS
from landslip.metrics.intervals import SeedStatistics, format_ends
from landslip.probability import BACKGROUND
from landslip.studies.ablation.result import measure_drop
from landslip.studies.folds import Fold, pool_predictions
from landslip.studies.report import write_study
from landslip.studies.trials import Study, StudyVariant
from landslip.training.losses.build import Physics
from landslip.training.recipe.recipe import Recipe

FLAT_DEG: Final = 5.0
"""Ground below this slope counts as flat: landslides hardly start there."""
FRACTIONS: Final = (1.0, 0.1)
KINDS: Final = tuple(one.model_fields["kind"].default for one in get_args(Physics))


@dataclass(frozen=True, slots=True)
class PhysicsOutcome:
    """Metrics of one way to train, over several seeds."""

    physics: bool
    fraction: float
    """Fraction of the training patches that was used."""
    train_patches: tuple[int, ...]
    """Number of training patches of each fold."""
    metrics: dict[str, SeedStatistics]
    """F1, precision, recall, IoU, and the false positive rate on flat and on steeper ground."""

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"metrics": {name: one.as_dict() for name, one in self.metrics.items()}}


@dataclass(frozen=True, slots=True)
class PhysicsGain:
    """The gain of F1 by the physics terms with one fraction of the training data."""

    fraction: float
    f1: float
    """F1 with the terms minus F1 without, counts summed over the seeds."""
    low: float | None
    """Lower end of its interval: paired bootstrap over blocks or patches. None for too few of them."""
    high: float | None


@dataclass(frozen=True, slots=True)
class PhysicsResult:
    """The result of the comparison."""

    detector: str
    data: str
    patches: int
    protocol: str
    seeds: tuple[int, ...]
    terms: tuple[dict[str, Any], ...]
    """The physics terms with their settings."""
    flat_deg: float
    unit: str
    units: int
    outcomes: tuple[PhysicsOutcome, ...]
    gains: tuple[PhysicsGain, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {"definition": DEFINITION, "outcomes": [one.as_dict() for one in self.outcomes]}


def compare_physics(
    recipe: Recipe,
    data: str | Path,
    folder: str | Path,
    *,
    protocol: ProtocolName = "blocks",
    fractions: Sequence[float] = FRACTIONS,
    seeds: Sequence[int] = (1, 2, 3),
    folds: int = 5,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> PhysicsResult:
    """Train a recipe with and without its physics terms, on all and on a fraction of the training patches.

    Args:
        recipe: with at least one physics term in its loss.
        data: folder of a patch data set with slope.
        folder: for everything; finished training runs are not repeated.
        protocol: how the folds are made.
        fractions: of the training patches to use, each above 0 and at most 1.
        seeds: each variant is trained once with each.
        folds: number of folds of k-fold.
        jobs: number of parallel training runs.
        progress: called with the number of training runs.

    Raises:
        RecipeError: the loss has no physics term, or the patches have no slope.
        SettingsError: a fraction is not allowed, or a seed is missing or given twice.
        OutputError: the folder belongs to another study.
        LandslipError: a training run failed.
    """
    terms = [term for term in recipe.loss.terms if term.kind in KINDS and term.weight]
    if not terms:
        raise RecipeError(
            f"the loss of {recipe.name} has no physics term: add {' or '.join(KINDS)} to loss.terms", parameter="recipe"
        )
    wrong = [fraction for fraction in fractions if not 0 < fraction <= 1]
    if wrong or not fractions:
        raise SettingsError(
            f"fractions must lie above 0 and be at most 1, got {wrong[0] if wrong else 'none'}", parameter="fractions"
        )
    patches = open_patches(Path(data))
    if "slope" not in patches.channels:
        raise RecipeError(
            f"the study needs the channel slope to find flat ground, the patches have {', '.join(patches.channels)}",
            parameter="data",
        )
    study = Study.open("physics", recipe, data, folder, protocol, seeds=seeds, folds=folds)
    recipes = {True: recipe, False: remove_physics(recipe)}
    variants = {
        (fraction, physics): StudyVariant(
            f"{'with' if physics else 'without'}-physics-{fraction:g}",
            recipes[physics],
            tuple(reduce_training(fold, fraction) for fold in study.folds),
        )
        for fraction in fractions
        for physics in (True, False)
    }
    runs = study.run(list(variants.values()), jobs=jobs, progress=progress)
    pooled = {key: match_patches(pool_predictions(parts, protocol=protocol), patches)[0] for key, parts in runs.items()}
    first = next(iter(pooled.values()))
    flat = _find_flat_ground(first, match_patches(first, patches)[1])
    units = resampling_units(first.entries)
    outcomes, gains = [], []
    for fraction in fractions:
        sides = {
            physics: [pooled[variants[fraction, physics].key, seed] for seed in study.seeds]
            for physics in (True, False)
        }
        for physics, predictions in sides.items():
            sizes = tuple(len(fold.division.parts[TRAIN]) for fold in variants[fraction, physics].folds or ())
            metrics = [_compute_metrics(one, flat) for one in predictions]
            statistics = {name: SeedStatistics(tuple(one[name] for one in metrics)) for name in metrics[0]}
            outcomes.append(PhysicsOutcome(physics, fraction, sizes, statistics))
        with_terms, without = ([one.counts() for one in sides[physics]] for physics in (True, False))
        drop = measure_drop("retrained", "physics", KINDS, with_terms, without, units)
        gains.append(PhysicsGain(fraction, drop.drop, drop.low, drop.high))
    return PhysicsResult(
        detector=recipe.name,
        data=first.data,
        patches=len(first),
        protocol=f"{study.protocol_text}; every variant trained from scratch",
        seeds=study.seeds,
        terms=tuple(term.model_dump(mode="json") for term in terms),
        flat_deg=FLAT_DEG,
        unit=units.text,
        units=units.count,
        outcomes=tuple(outcomes),
        gains=tuple(gains),
    )


def remove_physics(recipe: Recipe) -> Recipe:
    """Return the recipe without the physics terms of its loss."""
    left = [term.model_dump(mode="json") for term in recipe.loss.terms if term.kind not in KINDS]
    return Recipe.model_validate(recipe.model_dump(mode="json") | {"loss": {"terms": left}})


def reduce_training(fold: Fold, fraction: float) -> Fold:
    """Return the fold with a fraction of its training patches; a smaller fraction is a subset of a larger one."""
    keys = fold.division.parts[TRAIN]
    count = max(1, round(fraction * len(keys)))
    if count == len(keys):
        return fold
    # Drawn by the hash of their names, so that the draw depends on nothing else.
    drawn = set(sorted(keys, key=lambda key: hashlib.sha256(f"share/{key}".encode()).digest())[:count])
    division = Division(
        protocol=fold.division.protocol,
        how=f"{fold.division.how}; {fraction:.0%} of the training patches, drawn at random",
        parts={**fold.division.parts, TRAIN: tuple(key for key in keys if key in drawn)},
        left_out=(*fold.division.left_out, *(key for key in keys if key not in drawn)),
    )
    return replace(fold, division=division)


def _find_flat_ground(predictions: Predictions, patches: PatchSet[Any]) -> NDArray[np.bool_]:
    """Where the ground is flat, (N, H, W)."""
    flat = np.zeros(predictions.masks.shape, np.bool_)
    for here, patch in zip(flat, patches, strict=True):
        slope = patch.values[patch.channels.index("slope")]
        here[: slope.shape[0], : slope.shape[1]] = slope < FLAT_DEG
    return flat


def _compute_metrics(predictions: Predictions, flat: NDArray[np.bool_]) -> dict[str, float]:
    total = predictions.counts().sum(axis=0)
    found, background = predictions.found, predictions.masks == BACKGROUND
    rates = {}
    for name, where in (("false_positives_flat", background & flat), ("false_positives_steep", background & ~flat)):
        rates[name] = float(found[where].mean()) if where.any() else 0.0
    return {name: float(metric(total)) for name, metric in METRICS.items()} | rates


def write_physics(result: PhysicsResult, folder: str | Path, attribution: tuple[str, ...] = ()) -> tuple[Path, ...]:
    """Write ``physics.html``, ``physics.json`` and ``physics.svg``.

    Raises:
        OutputError: a file cannot be written.
    """
    rows = [Row(f"{one.fraction:.0%} of the training data", one.f1, one.low, one.high) for one in result.gains]
    axis = Axis("gain of F1 by the physics terms, with 95 % interval")
    drawn = RowChart("Gain of F1 by the physics terms", axis, rows, reference=0.0)
    note = (
        "False positives: fraction of background pixels that are mapped as landslide, on slopes below "
        f"{result.flat_deg:g}° and on all others."
    )
    html = chart_html(drawn) + plain_table(table_columns(result), table_rows(result)) + paragraph(note, "note")
    terms = "; ".join(", ".join(f"{name} {value}" for name, value in term.items()) for term in result.terms)
    return write_study(
        folder,
        "physics",
        kicker="Physics terms of the loss",
        title=f"Effect of the physics terms on {result.detector}",
        data=result.data,
        patches=result.patches,
        protocol=result.protocol,
        seeds=result.seeds,
        unit=result.unit,
        units=result.units,
        synthetic_caution="Their landslides lie on slopes by construction, which favours the physics terms.",
        notes=(f"Terms: {terms}",),
        headlines=[
            Headline(f"F1, {one.fraction:.0%} of the data", f"{one.f1:+.3f}", format_ends(one.low, one.high, "+.3f"))
            for one in result.gains
        ],
        sections=(Section("physics", "With and without physics terms", html, None),),
        attribution=attribution,
        chart=drawn,
        values=result.as_dict(),
    )


def table_columns(result: PhysicsResult) -> tuple[str, ...]:
    """Return the column titles of the table of outcomes."""
    flat = f"{result.flat_deg:g}°"
    false = (f"False positives below {flat}", f"False positives from {flat}")
    return ("Training data", "Physics", "F1", "Precision", "Recall", *false)


def table_rows(result: PhysicsResult) -> list[tuple[str, ...]]:
    """Return a row for each way to train."""
    return [
        (
            f"{one.fraction:.0%} ({sum(one.train_patches):,} patches)",
            "with" if one.physics else "without",
            *(str(one.metrics[name]) for name in ("f1", "precision", "recall")),
            f"{one.metrics['false_positives_flat'].mean:.3%}",
            f"{one.metrics['false_positives_steep'].mean:.3%}",
        )
        for one in result.outcomes
    ]
