"""What each channel is worth to a recipe: trained without it, and with each index besides, on the same folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landslip.datasets.formats import open_patches
from landslip.datasets.splits import ProtocolName
from landslip.errors import RecipeError
from landslip.metrics.count_tables import Counts, counts_of, f1
from landslip.metrics.intervals import Spread, best_units
from landslip.studies.ablation.result import Ablation, fall_of, taken_from
from landslip.studies.folds import SAYS, Fold, check_seeds, folds_of, pooled
from landslip.studies.perturbed_runs import claim, entries_sha256
from landslip.studies.trials import Trial, Watch, run_trials
from landslip.training.networks.indices import INDICES, indices_of
from landslip.training.recipe.recipe import Recipe

RETRAINED, ADDED = "retrained", "added"
_WHOLE = "all-channels"


@dataclass(frozen=True, slots=True)
class _Variant:
    """One other way to train."""

    key: str
    """Of its folder."""
    how: str
    name: str
    channels: tuple[str, ...]
    recipe: Recipe


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
    """Train a recipe as it is, without each channel and group, and with each index that it could have besides.

    What is finished is never trained again, so that more seeds or channels may be asked for later.

    Args:
        recipe: of two channels or more; its parts are replaced by those of the folds.
        data: a set of patches of any kind.
        folder: for everything.
        protocol: by which folds are made.
        names: of channels, groups and indices; all where empty.
        seeds: each variant is trained once with each.
        folds: of k-fold.
        jobs: how many trainings at once.
        progress: show the bars of a training.
        watch: told how many trainings are finished and how many there are.

    Raises:
        SettingsError: no such channel, group or index, no seed, or the same one twice.
        RecipeError: a term of the loss reads a channel that would be taken away.
        OutputError: the folder holds another experiment.
        LandslipError: a training failed.
    """
    check_seeds(seeds)
    entries = open_patches(data).entries
    made = folds_of(protocol, entries, folds=folds)
    variants = _variants(recipe, names)
    _check_losses(variants)
    asked = {"protocol": protocol, "folds": len(made), "patches": entries_sha256(entries), "test": "retraining"}
    claim(folder, asked | {"recipe": recipe.model_dump(mode="json")})
    # Seed by seed, so that a run that is stopped early has compared everything at least once.
    trials = {
        (key, seed): _trials(one, key, made, seed, data, folder)
        for seed in seeds
        for key, one in ((_WHOLE, recipe), *((variant.key, variant.recipe) for variant in variants))
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
            # An index is what the variant has and the recipe does without; a channel, the other way round.
            fall_of(one.how, one.name, one.channels, *((other, whole) if one.how == ADDED else (whole, other)), units)
            for one in variants
            for other in [counts(one.key)]
        ),
    )


def recipe_without(recipe: Recipe, channels: Sequence[str]) -> Recipe:
    """The recipe without some channels, and without the indices that need them."""
    left = [name for name in recipe.channels if name not in channels]
    indices = [name for name in recipe.network.indices if not set(INDICES[name].channels) & set(channels)]
    return _changed(recipe, left, indices)


def recipe_with(recipe: Recipe, index: str) -> Recipe:
    """The recipe with one more index."""
    return _changed(recipe, recipe.channels, (*recipe.network.indices, index))


def _changed(recipe: Recipe, channels: Sequence[str], indices: Sequence[str]) -> Recipe:
    written = recipe.model_dump(mode="json") | {"channels": list(channels)}
    written["network"] |= {"indices": list(indices)}
    return Recipe.model_validate(written)


def _variants(recipe: Recipe, names: Sequence[str]) -> tuple[_Variant, ...]:
    """Everything that can be taken from a recipe or added to it; only what is named, where something is."""
    more = {name: INDICES[name] for name in indices_of(recipe.channels) if name not in recipe.network.indices}
    taken = [name for name in names if name not in more]
    without = taken_from(recipe.channels, taken, besides=tuple(more)) if taken or not names else ()
    return (
        *(
            _Variant(f"without-{one.key}", RETRAINED, one.name, one.channels, recipe_without(recipe, one.channels))
            for one in without
        ),
        *(
            _Variant(f"with-{name}", ADDED, f"{name} {index.title}", index.channels, recipe_with(recipe, name))
            for name, index in more.items()
            if not names or name in names
        ),
    )


def _check_losses(variants: Sequence[_Variant]) -> None:
    """See that every variant's loss can be had, before hours go into the first."""
    for one in variants:
        for term in one.recipe.loss.terms:
            missing = [name for name in term.needs if name not in one.recipe.channels]
            if missing:
                raise RecipeError(
                    f"the loss term {term.kind} reads {missing[0]}, which would be taken away with {one.name}: leave "
                    "that out of what is taken, or compare by a recipe without the term"
                )


def _trials(recipe: Recipe, key: str, folds: Sequence[Fold], seed: int, data: Path, folder: Path) -> list[Trial]:
    return [Trial(recipe, fold, seed, data, folder / "runs" / key / fold.name / f"seed-{seed}") for fold in folds]
