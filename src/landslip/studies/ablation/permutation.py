"""What each channel is worth to a detector as it is, without training it anew.

Permutation (Breiman 2001): each patch gets the channel of another patch, so that the channel keeps its values and its
texture and loses what it says about this ground. Dropout: the channel reads its mean in each patch, so that it says
nothing at all; a network that never saw a constant channel may take that harder than it deserves.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, SettingsError
from landslip.inference.engine import Precision
from landslip.inference.patch_prediction import select_channels
from landslip.metrics.count_tables import f1
from landslip.metrics.intervals import Spread, best_units
from landslip.studies.ablation.result import Ablation, Fall, Taken, fall_of, taken_from
from landslip.studies.perturbed_runs import Piece, Variant, Watch, entries_sha256, measure

PERMUTED: Final = "permuted"
DROPPED: Final = "dropped"
_WHOLE: Final = "whole"


def ablate_detector(
    detector: Detector,
    patches: PatchSet[Any],
    folder: Path,
    *,
    data: str = "",
    names: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    threshold: float | None = None,
    engine: str = "auto",
    precision: Precision = "float32",
    watch: Watch = lambda doing, done, total: None,
) -> Ablation:
    """Take channels away from a detector as it is, by permutation and by dropout.

    Args:
        detector: of two channels or more.
        patches: of one size, whose truth is known; two or more.
        folder: what is finished is kept here, so that a run that was stopped goes on.
        data: name of the data, for the record.
        names: of channels and groups; all where empty.
        seeds: of the permutations.
        threshold: between 0 and 1; the card's where None.
        engine: as for a map.
        precision: as for a map.
        watch: told what is being done, how much of it is done and how much there is.

    Raises:
        SettingsError: there is no such channel or group, no seed, or the threshold is not between 0 and 1.
        PatchesError: there are fewer than two patches, or they differ in size.
        ChannelError: the patches lack a channel that the detector needs.
        OutputError: the folder belongs to another run, or cannot be written.
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise SettingsError(f"seeds {', '.join(map(str, seeds)) or 'none'}: give one or more, all different")
    if len(patches) < 2:
        raise PatchesError(f"{len(patches)} patches cannot lend each other a channel: give two or more")
    chosen, count = taken_from(detector.card.channels, names), len(patches)
    permuted = {
        (one, seed): Variant(f"{PERMUTED}_{one.key}_{seed}", partial(_permuted, detector, patches, one, seed), count)
        for one in chosen
        for seed in seeds
    }
    dropped = {one: Variant(f"{DROPPED}_{one.key}", partial(_dropped, detector, patches, one), count) for one in chosen}
    whole = Variant(_WHOLE, partial(_plain, detector, patches), count)
    found = measure(
        detector,
        (whole, *dropped.values(), *permuted.values()),
        count,
        folder,
        asked={"patches": entries_sha256(patches.entries), "data": data, "test": "ablation"},
        threshold=threshold,
        engine=engine,
        precision=precision,
        watch=watch,
    )
    units, base = best_units(patches.entries), [found[_WHOLE].counts]
    falls: list[Fall] = []
    for one in chosen:
        tables = [found[permuted[one, seed].key].counts for seed in seeds]
        falls.append(fall_of(PERMUTED, one.name, one.channels, base * len(seeds), tables, units))
        falls.append(fall_of(DROPPED, one.name, one.channels, base, [found[dropped[one].key].counts], units))
    return Ablation(
        detector=detector.card.name,
        data=data,
        patches=count,
        protocol=f"the detector as it is, trained on {detector.card.trained_on}",
        seeds=tuple(seeds),
        unit=units.text,
        units=units.count,
        f1=Spread((float(f1(base[0].sum(axis=0))),)),
        falls=tuple(falls),
    )


def _plain(detector: Detector, patches: PatchSet[Any]) -> Iterator[Piece]:
    for row, patch in enumerate(patches):
        yield Piece(row, select_channels(detector, patch), patch.mask)


def _permuted(detector: Detector, patches: PatchSet[Any], taken: Taken, seed: int) -> Iterator[Piece]:
    lender, indices = _lenders(len(patches), seed), _indices(detector, taken)
    for row, patch in enumerate(patches):
        values = select_channels(detector, patch).copy()
        other = select_channels(detector, patches.read(patches.entries[int(lender[row])]))
        if other.shape != values.shape:
            raise PatchesError(
                f"patch {patch.id} measures {values.shape[1:]} and another {other.shape[1:]}: patches lend each other "
                "channels where all have one size"
            )
        values[indices] = other[indices]
        yield Piece(row, values, patch.mask)


def _dropped(detector: Detector, patches: PatchSet[Any], taken: Taken) -> Iterator[Piece]:
    for row, patch in enumerate(patches):
        values = select_channels(detector, patch).copy()
        observed = np.isfinite(values).all(axis=0)
        for index in _indices(detector, taken):
            values[index, observed] = values[index, observed].mean() if observed.any() else 0
        yield Piece(row, values, patch.mask)


def _indices(detector: Detector, taken: Taken) -> list[int]:
    return [detector.card.channels.index(name) for name in taken.channels]


def _lenders(count: int, seed: int) -> NDArray[np.intp]:
    """For each patch another one, never itself: a random cycle through all."""
    order = np.random.default_rng(seed).permutation(count)
    lender = np.empty(count, np.intp)
    lender[order] = np.roll(order, 1)
    return lender
