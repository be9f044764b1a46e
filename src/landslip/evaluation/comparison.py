"""Which of two detectors is better on the same patches, and whether chance alone would show as much.

Both are scored on the same units of ground (patches, or blocks of them), so that what makes a place hard for both
cancels out. The interval is a paired bootstrap of the difference. The test is a sign-flip permutation test (Fisher
1935): if it did not matter which detector said what, swapping the two in any unit would give as large a difference as
the one that was seen.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import PredictionsError
from landslip.evaluation.predictions import Predictions
from landslip.metrics.count_tables import FIGURES, counts_of
from landslip.metrics.intervals import CONFIDENCE, DRAWS, FEW, Units, best_units, resampled

PERMUTATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two detectors."""

    figure: str
    first: float
    second: float
    low: float
    """Of the interval of first - second."""
    high: float
    p_value: float
    """Share of swaps with a difference as large, in either direction."""

    @property
    def difference(self) -> float:
        """First minus second."""
        return self.first - self.second

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"difference": self.difference}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two detectors on the same patches."""

    first: str
    second: str
    first_threshold: float
    second_threshold: float
    patches: int
    unit: str
    units: int
    exact: bool
    """Whether all possible swaps were made, and not a sample of them."""
    differences: dict[str, Difference]

    @property
    def few(self) -> bool:
        """Whether there were too few units to trust the interval."""
        return self.units < FEW

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {
            "few_units": self.few,
            "differences": {name: one.as_dict() for name, one in self.differences.items()},
        }


def compare(
    first: Predictions,
    second: Predictions,
    units: Units | None = None,
    *,
    draws: int = DRAWS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Comparison:
    """Compare two detectors, each at its own threshold.

    Args:
        first: predictions of the one.
        second: predictions of the other for the same patches, in any order.
        units: of the patches of ``first``; blocks where all places are known, else patches, where None.
        draws: resamples of the interval.
        permutations: swaps of the test; all of them where there are no more.
        seed: of both.

    Raises:
        PredictionsError: the patches or their truth differ.
    """
    second = aligned(first, second)
    units = units or best_units(first.entries)
    one, other = units.sums(counts_of(first)), units.sums(counts_of(second))
    both = resampled(np.concatenate([one, other], axis=1), draws, seed)
    gap, exact = other - one, 2.0 ** len(one) <= permutations
    swaps = _all_swaps(len(one)) if exact else np.random.default_rng((seed, 1)).random((permutations, len(one))) < 0.5
    moved = swaps.astype(np.int64) @ gap
    differences = {}
    for name, figure in FIGURES.items():
        seen = float(figure(one.sum(axis=0)) - figure(other.sum(axis=0)))
        low, high = np.quantile(figure(both[:, :4]) - figure(both[:, 4:]), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        by_chance = figure(one.sum(axis=0) + moved) - figure(other.sum(axis=0) - moved)
        as_large = int(np.count_nonzero(np.abs(by_chance) >= abs(seen) - 1e-12))
        # A sample of swaps lacks the one that was seen, which is as large as itself (Phipson and Smyth 2010).
        p_value = as_large / len(swaps) if exact else (1 + as_large) / (1 + len(swaps))
        differences[name] = Difference(
            name, float(figure(one.sum(axis=0))), float(figure(other.sum(axis=0))), float(low), float(high), p_value
        )
    return Comparison(
        first.detector,
        second.detector,
        first.threshold,
        second.threshold,
        len(first),
        units.name,
        units.count,
        exact,
        differences,
    )


def compare_by_scene(first: Predictions, second: Predictions, units: Units | None = None) -> dict[str, Comparison]:
    """The same for each scene."""
    second = aligned(first, second)
    units = units or best_units(first.entries)
    made = {}
    for scene in first.scenes:
        here = np.array([position for position, entry in enumerate(first.entries) if entry.scene == scene], np.intp)
        made[scene] = compare(first.take(here), second.take(here), units.take(here))
    return made


def _all_swaps(units: int) -> NDArray[np.bool_]:
    return np.asarray((np.arange(2**units)[:, None] >> np.arange(units)) % 2 == 1)


def aligned(first: Predictions, second: Predictions) -> Predictions:
    """The second in the order of the first.

    Raises:
        PredictionsError: the patches or their truth differ.
    """
    place = {(entry.split, entry.scene, entry.id): position for position, entry in enumerate(second.entries)}
    keys = [(entry.split, entry.scene, entry.id) for entry in first.entries]
    if len(place) != len(second) or set(place) != set(keys) or len(keys) != len(place):
        raise PredictionsError(
            f"{first.detector} was run on {len(first)} patches and {second.detector} on {len(second)}, not all of them "
            "the same: compare two detectors on the same patches"
        )
    ordered = second.take(np.array([place[key] for key in keys], np.intp))
    if ordered.masks.shape != first.masks.shape or not np.array_equal(ordered.masks, first.masks):
        raise PredictionsError(
            f"the truth of {first.detector} and of {second.detector} differs: compare both against the same truth"
        )
    return ordered
