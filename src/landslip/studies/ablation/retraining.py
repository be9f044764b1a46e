"""Channel ablation of a recipe: trained without each channel, and with each additional index, on the same folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landslip.datasets.splits import ProtocolName
from landslip.errors import RecipeError
from landslip.evaluation.predictions import resampling_units
from landslip.files.progress import Progress, no_progress
from landslip.metrics.counts import Counts, f1
from landslip.metrics.intervals import SeedStatistics
from landslip.studies.ablation.result import Ablation, measure_drop, select_groups
from landslip.studies.folds import pool_predictions
from landslip.studies.trials import Study, StudyVariant
from landslip.training.networks.indices import INDICES, available_indices
from landslip.training.recipe.recipe import Recipe

RETRAINED, ADDED = "retrained", "added"
_COMPLETE = "all-channels"


@dataclass(frozen=True, slots=True)
class _Change:
    """One other way to train."""

    key: str
    """Name of its folder."""
    method: str
    name: str
    channels: tuple[str, ...]
    recipe: Recipe


def ablate_recipe(
    recipe: Recipe,
    data: str | Path,
    folder: str | Path,
    *,
    protocol: ProtocolName = "blocks",
    names: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    folds: int = 5,
    jobs: int = 1,
    progress: Progress = no_progress,
) -> Ablation:
    """Train a recipe as it is, without each channel and group of channels, and with each index it does not use.

    Finished training runs are not repeated, so that seeds and channels can be added later.

    Args:
        recipe: with at least two channels; its split is replaced by that of each fold.
        data: folder of a patch data set.
        folder: for everything.
        protocol: how the folds are made.
        names: channels, groups and indices; all if empty.
        seeds: each variant is trained once with each.
        folds: number of folds of k-fold.
        jobs: number of parallel training runs.
        progress: called with the number of training runs.

    Raises:
        SettingsError: a channel, group or index is unknown, or a seed is missing or given twice.
        RecipeError: a loss term needs a channel that would be removed.
        OutputError: the folder belongs to another study.
        LandslipError: a training run failed.
    """
    changes = _plan_changes(recipe, names)
    _check_losses(changes)
    study = Study.open("retraining", recipe, data, folder, protocol, seeds=seeds, folds=folds)
    variants = [StudyVariant(_COMPLETE, recipe), *(StudyVariant(one.key, one.recipe) for one in changes)]
    runs = study.run(variants, jobs=jobs, progress=progress)
    pooled = {key: pool_predictions(parts, protocol=protocol) for key, parts in runs.items()}
    first = pooled[_COMPLETE, study.seeds[0]]
    units = resampling_units(first.entries)

    def counts(key: str) -> list[Counts]:
        return [pooled[key, seed].counts() for seed in study.seeds]

    complete = counts(_COMPLETE)
    return Ablation(
        detector=recipe.name,
        data=first.data,
        patches=len(first),
        protocol=f"{study.protocol_text}; every variant trained from scratch",
        seeds=study.seeds,
        unit=units.text,
        units=units.count,
        f1=SeedStatistics(tuple(float(f1(one.sum(axis=0))) for one in complete)),
        drops=tuple(
            # An additional index is in the variant and not in the recipe; a removed channel, the other way round.
            measure_drop(
                one.method,
                one.name,
                one.channels,
                *((other, complete) if one.method == ADDED else (complete, other)),
                units,
            )
            for one in changes
            for other in [counts(one.key)]
        ),
    )


def remove_channels(recipe: Recipe, channels: Sequence[str]) -> Recipe:
    """Return the recipe without some channels and the indices that need them."""
    left = [name for name in recipe.channels if name not in channels]
    indices = [name for name in recipe.network.indices if not set(INDICES[name].channels) & set(channels)]
    return _with_inputs(recipe, left, indices)


def add_index(recipe: Recipe, index: str) -> Recipe:
    """Return the recipe with one more spectral index."""
    return _with_inputs(recipe, recipe.channels, (*recipe.network.indices, index))


def _with_inputs(recipe: Recipe, channels: Sequence[str], indices: Sequence[str]) -> Recipe:
    written = recipe.model_dump(mode="json") | {"channels": list(channels)}
    written["network"] |= {"indices": list(indices)}
    return Recipe.model_validate(written)


def _plan_changes(recipe: Recipe, names: Sequence[str]) -> tuple[_Change, ...]:
    """List what can be removed from a recipe or added to it, or only what is named."""
    unused = {name: INDICES[name] for name in available_indices(recipe.channels) if name not in recipe.network.indices}
    removed = [name for name in names if name not in unused]
    groups = select_groups(recipe.channels, removed, other_names=tuple(unused)) if removed or not names else ()
    return (
        *(
            _Change(f"without-{one.key}", RETRAINED, one.name, one.channels, remove_channels(recipe, one.channels))
            for one in groups
        ),
        *(
            _Change(f"with-{name}", ADDED, f"{name} {index.title}", index.channels, add_index(recipe, name))
            for name, index in unused.items()
            if not names or name in names
        ),
    )


def _check_losses(changes: Sequence[_Change]) -> None:
    """Check that every variant's loss can be built, before hours go into the first training."""
    for one in changes:
        for term in one.recipe.loss.terms:
            missing = [name for name in term.needs if name not in one.recipe.channels]
            if missing:
                raise RecipeError(
                    f"the loss term {term.kind} needs {missing[0]}, which would be removed with {one.name}: name the "
                    "channels to ablate without it, or use a recipe without the term",
                    parameter="names",
                )
