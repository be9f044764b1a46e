"""What each channel is worth to a recipe: trained without it, on the same folds with the same seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landslip.evaluation.ablation.groups import Taken, taken_from
from landslip.evaluation.ablation.result import Ablation, fall_of
from landslip.evaluation.spread import Spread
from landslip.evaluation.table import Counts, counts_of, f1
from landslip.evaluation.units import best_units
from landslip.evaluation.variants import claim, entries_sha256
from landslip.experiments.folds import SAYS, Fold, check_seeds, folds_of
from landslip.experiments.pooled import pooled
from landslip.experiments.trial import Trial, Watch, run_trials
from landslip.patches.division import ProtocolName
from landslip.patches.opening import open_patches
from landslip.training.recipe import Recipe

RETRAINED = "retrained"
_WHOLE = "all-channels"


@dataclass(frozen=True, slots=True)
class _Variant:
    key: str
    taken: Taken | None


def ablate_recipe(
    recipe: Recipe,
    data: Path,
    folder: Path,
    *,
    protocol: ProtocolName = "blocks",
    names: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    folds: int = 5,
    jobs: int = 1,
    progress: bool = True,
    watch: Watch | None = None,
) -> Ablation:
    """Train a recipe with everything and without each channel and group.

    What is finished is never trained again, so that more seeds or channels may be asked for later.

    Args:
        recipe: of two channels or more; its parts are replaced by those of the folds.
        data: a set of patches of any kind.
        folder: for everything.
        protocol: by which folds are made.
        names: of channels and groups; all where empty.
        seeds: each variant is trained once with each.
        folds: of k-fold.
        jobs: how many trainings at once.
        progress: show the bars of a training.
        watch: told how many trainings are finished and how many there are.

    Raises:
        SettingsError: no such channel or group, no seed, or the same one twice.
        OutputError: the folder holds another experiment.
        LandslipError: a training failed.
    """
    check_seeds(seeds)
    entries = open_patches(data).entries
    made = folds_of(protocol, entries, folds=folds)
    variants = [_Variant(_WHOLE, None)]
    variants += [_Variant(f"without-{one.key}", one) for one in taken_from(recipe.channels, names)]
    asked = {"protocol": protocol, "folds": len(made), "patches": entries_sha256(entries), "test": "retraining"}
    claim(folder, asked | {"recipe": recipe.model_dump(mode="json")})
    # Seed by seed, so that a run that is stopped early has compared everything at least once.
    trials = {
        (variant.key, seed): _trials(recipe_without(recipe, variant.taken), variant.key, made, seed, data, folder)
        for seed in seeds
        for variant in variants
    }
    run_trials([one for some in trials.values() for one in some], jobs=jobs, progress=progress, watch=watch)
    together = {key: pooled([one.predictions() for one in some], protocol=protocol) for key, some in trials.items()}
    first = together[_WHOLE, seeds[0]]
    units = best_units(first.entries)

    def counts(key: str) -> list[Counts]:
        return [counts_of(together[key, seed]) for seed in seeds]

    whole = counts(_WHOLE)
    return Ablation(
        detector=recipe.name,
        data=first.data,
        patches=len(first),
        protocol=f"{protocol}: {SAYS[protocol]}; every variant trained anew",
        seeds=tuple(seeds),
        unit=units.text,
        units=units.count,
        f1=Spread(tuple(float(f1(one.sum(axis=0))) for one in whole)),
        falls=tuple(
            fall_of(RETRAINED, one.taken.name, one.taken.channels, whole, counts(one.key), units)
            for one in variants
            if one.taken is not None
        ),
    )


def recipe_without(recipe: Recipe, taken: Taken | None) -> Recipe:
    """The recipe without some channels."""
    if taken is None:
        return recipe
    left = [name for name in recipe.channels if name not in taken.channels]
    return Recipe.model_validate(recipe.model_dump(mode="json") | {"channels": left})


def _trials(recipe: Recipe, key: str, folds: Sequence[Fold], seed: int, data: Path, folder: Path) -> list[Trial]:
    return [Trial(recipe, fold, seed, data, folder / "runs" / key / fold.name / f"seed-{seed}") for fold in folds]
