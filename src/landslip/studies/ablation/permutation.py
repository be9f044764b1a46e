"""Channel ablation of a trained detector, by permutation and by dropout.

Permutation (Breiman 2001, doi 10.1023/A:1010933404324): each patch gets the channel of another patch, which keeps the
values and texture of the channel but not its relation to the ground. Dropout: the channel is set to its mean in each
patch; for a network that was never trained on constant channels the drop may be too large.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError
from landslip.evaluation.predictions import resampling_units
from landslip.files.progress import Progress, no_progress
from landslip.inference.engine import DEFAULT_OPTIONS, InferenceOptions
from landslip.inference.patch_prediction import select_channels
from landslip.metrics.counts import f1
from landslip.metrics.intervals import SeedStatistics
from landslip.studies.ablation.result import Ablation, ChannelGroup, Drop, measure_drop, select_groups
from landslip.studies.perturbed_runs import Sample, Variant, hash_entries, score_variants
from landslip.studies.trials import check_seeds

PERMUTED: Final = "permuted"
DROPPED: Final = "dropped"
_COMPLETE: Final = "complete"


def ablate_detector(
    detector: Detector,
    patches: PatchSet[Any],
    folder: str | Path,
    *,
    data: str = "",
    names: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    threshold: float | None = None,
    options: InferenceOptions = DEFAULT_OPTIONS,
    progress: Progress = no_progress,
) -> Ablation:
    """Measure the drop of F1 of a trained detector without each channel and group of channels.

    Args:
        detector: with at least two channels.
        patches: labelled patches of one size, at least two.
        folder: for intermediate results, so that an interrupted run resumes.
        data: name of the data, for the report.
        names: channels and groups to ablate; all if empty.
        seeds: of the permutations.
        threshold: between 0 and 1; the card's where None.
        options: engine, precision and threads.
        progress: called with the number of images.

    Raises:
        SettingsError: a channel or group is unknown, a seed is missing or given twice, or the threshold is not between
            0 and 1.
        PatchesError: there are fewer than two patches, or they differ in size.
        ChannelError: the patches lack a channel that the detector needs.
        OutputError: the folder belongs to another run, or cannot be written.

    Example:
        >>> import landslip
        >>> result = ablate_detector(
        ...     landslip.Detector.open(), landslip.open_patches("DATA"), "ablation/"
        ... )  # doctest: +SKIP
        >>> {drop.name: round(drop.drop, 2) for drop in result.drops if drop.method == "permuted"}  # doctest: +SKIP
        {'B04': 0.31, 'B03': 0.22, 'B02': 0.18}
    """
    check_seeds(seeds)
    count = len(patches)
    if count < 2:
        raise PatchesError(f"permutation ablation needs at least 2 patches, got {count}", parameter="patches")
    groups = select_groups(detector.card.channels, names)

    def variant(key: str, change: Callable[..., NDArray[np.float32]]) -> Variant:
        return Variant(key, partial(_read_samples, detector, patches, change), count)

    complete = variant(_COMPLETE, lambda values, _: values)
    dropped = {
        one: variant(f"{DROPPED}_{one.key}", partial(_drop_channels, indices=_indices(detector, one))) for one in groups
    }
    permuted = {
        (one, seed): variant(
            f"{PERMUTED}_{one.key}_{seed}",
            partial(
                _permute_channels, detector, patches, donors=_draw_donors(count, seed), indices=_indices(detector, one)
            ),
        )
        for one in groups
        for seed in seeds
    }
    scores = score_variants(
        detector,
        (complete, *dropped.values(), *permuted.values()),
        count,
        Path(folder),
        settings={"patches": hash_entries(patches.entries), "data": data, "study": "ablation"},
        threshold=threshold,
        options=options,
        progress=progress,
    )
    units, base = resampling_units(patches.entries), [scores[_COMPLETE].counts]
    drops: list[Drop] = []
    for one in groups:
        counts = [scores[permuted[one, seed].key].counts for seed in seeds]
        drops.append(measure_drop(PERMUTED, one.name, one.channels, base * len(seeds), counts, units))
        drops.append(measure_drop(DROPPED, one.name, one.channels, base, [scores[dropped[one].key].counts], units))
    return Ablation(
        detector=detector.card.name,
        data=data,
        patches=count,
        protocol=f"the detector as it is, trained on {detector.card.trained_on}",
        seeds=tuple(seeds),
        unit=units.text,
        units=units.count,
        f1=SeedStatistics((float(f1(base[0].sum(axis=0))),)),
        drops=tuple(drops),
    )


def _read_samples(
    detector: Detector, patches: PatchSet[Any], change: Callable[..., NDArray[np.float32]]
) -> Iterator[Sample]:
    for row, patch in enumerate(patches):
        yield Sample(row, change(select_channels(detector, patch), row), patch.mask)


def _permute_channels(
    detector: Detector,
    patches: PatchSet[Any],
    values: NDArray[np.float32],
    row: int,
    *,
    donors: NDArray[np.intp],
    indices: list[int],
) -> NDArray[np.float32]:
    donor = select_channels(detector, patches.read(patches.entries[int(donors[row])]))
    if donor.shape != values.shape:
        raise PatchesError(
            f"permutation ablation needs patches of one size, got {values.shape[1:]} and {donor.shape[1:]} pixels"
        )
    permuted = values.copy()
    permuted[indices] = donor[indices]
    return permuted


def _drop_channels(values: NDArray[np.float32], _: int, *, indices: list[int]) -> NDArray[np.float32]:
    dropped = values.copy()
    valid = np.isfinite(values).all(axis=0)
    for index in indices:
        dropped[index, valid] = values[index, valid].mean() if valid.any() else 0
    return dropped


def _indices(detector: Detector, group: ChannelGroup) -> list[int]:
    return [detector.card.channels.index(name) for name in group.channels]


def _draw_donors(count: int, seed: int) -> NDArray[np.intp]:
    """Draw another patch for each patch: a random cycle through all of them."""
    order = np.random.default_rng(seed).permutation(count)
    donors = np.empty(count, np.intp)
    donors[order] = np.roll(order, 1)
    return donors
