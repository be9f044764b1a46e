"""What the physics terms of a loss are worth: with and without them, on all data and on little."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np

from landslip.datasets.formats import open_patches
from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import Division, ProtocolName
from landslip.errors import RecipeError, SettingsError
from landslip.evaluation.predictions import Predictions
from landslip.evaluation.resolve import matched
from landslip.metrics.count_tables import FIGURES, counts_of
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import Spread, best_units
from landslip.probability import BACKGROUND
from landslip.studies.ablation.result import fall_of
from landslip.studies.folds import SAYS, Fold, check_seeds, folds_of, pooled
from landslip.studies.perturbed_runs import claim, entries_sha256
from landslip.studies.trials import Trial, Watch, run_trials
from landslip.training.data.parts import TRAIN
from landslip.training.losses.build import Physics
from landslip.training.recipe.recipe import Recipe

FLAT_DEG: Final = 5.0
"""Ground below this slope is flat: landslides hardly start there."""
SHARES: Final = (1.0, 0.1)
KINDS: Final = tuple(one.model_fields["kind"].default for one in get_args(Physics))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way to train, over several seeds."""

    physics: bool
    share: float
    """Of the training patches that were used."""
    train_patches: tuple[int, ...]
    """How many that were, of each fold."""
    figures: dict[str, Spread]
    """F1, precision, recall, IoU, and the share of ground without landslides that was called one, flat and steeper."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"figures": {name: one.as_dict() for name, one in self.figures.items()}}


@dataclass(frozen=True, slots=True)
class Gain:
    """What physics brings at one share of the data."""

    share: float
    f1: float
    """F1 with less F1 without, counts summed over the seeds."""
    low: float
    """Of the interval: paired bootstrap over blocks or patches."""
    high: float


@dataclass(frozen=True, slots=True)
class PhysicsResult:
    """Everything that was found."""

    detector: str
    data: str
    patches: int
    protocol: str
    seeds: tuple[int, ...]
    terms: tuple[dict[str, Any], ...]
    """The physics terms, with their settings."""
    flat_deg: float
    unit: str
    units: int
    outcomes: tuple[Outcome, ...]
    gains: tuple[Gain, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"definition": DEFINITION, "outcomes": [one.as_dict() for one in self.outcomes]}


def compare_physics(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    protocol: ProtocolName = "blocks",
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = (1, 2, 3),
    folds: int = 5,
    jobs: int = 1,
    progress: bool = True,
    watch: Watch | None = None,
) -> PhysicsResult:
    """Train a recipe with and without its physics terms, on all training patches and on some.

    Args:
        recipe: whose loss names a physics term or two.
        data: a set of patches of any kind, with slope.
        folder: for everything; what is finished is never trained again.
        protocol: by which folds are made.
        shares: of the training patches to learn from, each above 0 and at most 1.
        seeds: each variant is trained once with each.
        folds: of k-fold.
        jobs: how many trainings at once.
        progress: show the bars of a training.
        watch: told how many trainings are finished and how many there are.

    Raises:
        RecipeError: the loss has no physics term, or the patches no slope.
        SettingsError: a share or the seeds are not allowed.
        OutputError: the folder holds another experiment.
        LandslipError: a training failed.
    """
    check_seeds(seeds)
    terms = [term for term in recipe.loss.terms if term.kind in KINDS and term.weight]
    if not terms:
        raise RecipeError(f"the loss of {recipe.name} has no physics term: add one of {', '.join(KINDS)} to loss.terms")
    wrong = next((share for share in shares if not 0 < share <= 1), None)
    if wrong is not None or not shares:
        raise SettingsError(f"a share of {wrong} cannot be learned from: give shares above 0 and at most 1")
    patches = open_patches(data)
    if "slope" not in patches.channels:
        raise RecipeError(f"the patches hold {', '.join(patches.channels)}: flat ground is told by their slope")
    made = folds_of(protocol, patches.entries, folds=folds)
    asked = {"protocol": protocol, "folds": len(made), "patches": entries_sha256(patches.entries), "test": "physics"}
    claim(folder, asked | {"recipe": recipe.model_dump(mode="json")})
    recipes = {True: recipe, False: without_physics(recipe)}
    trials = {
        (share, physics, seed): [
            Trial(recipes[physics], smaller(fold, share), seed, data, _place(folder, share, physics, fold, seed))
            for fold in made
        ]
        for seed in seeds
        for share in shares
        for physics in (True, False)
    }
    run_trials([one for some in trials.values() for one in some], jobs=jobs, progress=progress, watch=watch)
    together = {key: pooled([one.predictions() for one in some], protocol=protocol) for key, some in trials.items()}
    first = next(iter(together.values()))
    flat = _flat(*matched(first, patches))
    units = best_units(matched(first, patches)[0].entries)
    outcomes, gains = [], []
    for share in shares:
        sides = {
            physics: [matched(together[share, physics, seed], patches)[0] for seed in seeds]
            for physics in (True, False)
        }
        for physics, said in sides.items():
            made_of = [len(one.fold.division.parts[TRAIN]) for one in trials[share, physics, seeds[0]]]
            figures = [_figures(one, flat) for one in said]
            spreads = {name: Spread(tuple(one[name] for one in figures)) for name in figures[0]}
            outcomes.append(Outcome(physics, share, tuple(made_of), spreads))
        with_it, without = ([counts_of(one) for one in sides[physics]] for physics in (True, False))
        fall = fall_of("retrained", "physics", KINDS, with_it, without, units)
        gains.append(Gain(share, fall.fall, fall.low, fall.high))
    return PhysicsResult(
        detector=recipe.name,
        data=first.data,
        patches=len(first),
        protocol=f"{protocol}: {SAYS[protocol]}; every variant trained anew",
        seeds=tuple(seeds),
        terms=tuple(term.model_dump(mode="json") for term in terms),
        flat_deg=FLAT_DEG,
        unit=units.text,
        units=units.count,
        outcomes=tuple(outcomes),
        gains=tuple(gains),
    )


def without_physics(recipe: Recipe) -> Recipe:
    """The recipe without the physics terms of its loss, all else as it is."""
    left = [term.model_dump(mode="json") for term in recipe.loss.terms if term.kind not in KINDS]
    return Recipe.model_validate(recipe.model_dump(mode="json") | {"loss": {"terms": left}})


def smaller(fold: Fold, share: float) -> Fold:
    """The fold with some of its training patches, drawn by the hash of their names.

    A smaller share lies within a larger one.
    """
    keys = fold.division.parts[TRAIN]
    count = max(1, round(share * len(keys)))
    if count == len(keys):
        return fold
    drawn = set(sorted(keys, key=lambda key: hashlib.sha256(f"share/{key}".encode()).digest())[:count])
    kept = tuple(key for key in keys if key in drawn)
    division = Division(
        protocol=fold.division.protocol,
        how=f"{fold.division.how}; {share:.0%} of the training patches, drawn at random",
        parts={**fold.division.parts, TRAIN: kept},
        left_out=(*fold.division.left_out, *(key for key in keys if key not in drawn)),
    )
    return replace(fold, division=division)


def _place(folder: Path, share: float, physics: bool, fold: Fold, seed: int) -> Path:
    kind = "with" if physics else "without"
    return folder / "runs" / f"{kind}-physics-{share:g}" / fold.name / f"seed-{seed}"


def _flat(said: Predictions, patches: PatchSet[Any]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Where the ground is flat, (N, H, W)."""
    flat = np.zeros(said.masks.shape, np.bool_)
    for place, patch in zip(flat, patches, strict=True):
        slope = patch.values[patch.channels.index("slope")]
        place[: slope.shape[0], : slope.shape[1]] = slope < FLAT_DEG
    return flat


def _figures(said: Predictions, flat: "np.ndarray[Any, np.dtype[np.bool_]]") -> dict[str, float]:
    total = counts_of(said).sum(axis=0)
    found, quiet = said.found, said.masks == BACKGROUND
    rates = {}
    for name, where in (("false_alarms_flat", quiet & flat), ("false_alarms_steeper", quiet & ~flat)):
        rates[name] = float(found[where].mean()) if where.any() else 0.0
    return {name: float(one(total)) for name, one in FIGURES.items()} | rates
