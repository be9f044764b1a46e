"""Paired comparison of two detectors on the same patches.

Both detectors are scored on the same resampling units, so that the difficulty of a unit, which they share, cancels out.
The interval is a paired bootstrap of the difference. The test is a sign-flip permutation test (Fisher 1935): the
p-value is the probability of a difference at least as large if the predictions of the two detectors were swapped at
random in each unit.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import PredictionsError
from landslip.evaluation.predictions import Predictions, resampling_units
from landslip.metrics.counts import METRICS
from landslip.metrics.intervals import DRAWS, FEW_UNITS, MIN_UNITS, ResamplingUnits, percentile_interval, resample

PERMUTATIONS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two detectors."""

    metric: str
    first: float
    second: float
    low: float
    """Of the interval of first - second."""
    high: float
    p_value: float
    """Two-sided, of the sign-flip test."""
    is_given: bool = True
    """Whether there are enough units to report the interval."""

    @property
    def difference(self) -> float:
        """First minus second."""
        return self.first - self.second

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        low, high = self.ends
        return asdict(self) | {"difference": self.difference, "low": low, "high": high}

    @property
    def ends(self) -> tuple[float, float] | tuple[None, None]:
        """Lower and upper end of the interval; None where it is not given."""
        return (self.low, self.high) if self.is_given else (None, None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two detectors on the same patches, each at its own threshold."""

    first: str
    second: str
    first_threshold: float
    second_threshold: float
    patches: int
    unit: str
    """``block`` or ``patch``."""
    units: int
    exact: bool
    """Whether the test enumerates all permutations instead of a sample."""
    differences: dict[str, Difference]

    @property
    def few_units(self) -> bool:
        """Whether there are too few units for a reliable interval."""
        return self.units < FEW_UNITS

    def as_dict(self) -> dict[str, Any]:
        """Return everything by name, for JSON."""
        return asdict(self) | {
            "few_units": self.few_units,
            "differences": {name: one.as_dict() for name, one in self.differences.items()},
        }


def compare(
    first: Predictions,
    second: Predictions,
    units: ResamplingUnits | None = None,
    *,
    draws: int = DRAWS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Comparison:
    """Compare two detectors, each at its own threshold.

    Args:
        first: predictions of the first detector.
        second: predictions of the second detector for the same patches, in any order.
        units: resampling units of the patches of ``first``; blocks if all positions are known, else patches, where
            None.
        draws: number of resamples for the interval.
        permutations: number of sign flips for the test; all of them if there are no more.
        seed: of both.

    Raises:
        PredictionsError: the patches or their masks differ.
    """
    second = align(first, second)
    units = units or resampling_units(first.entries)
    one, two = units.sum_over(first.counts()), units.sum_over(second.counts())
    total_one, total_two = one.sum(axis=0), two.sum(axis=0)
    both = resample(np.concatenate([one, two], axis=1), draws, seed)
    exact = 2.0 ** len(one) <= permutations
    flips = _all_flips(len(one)) if exact else np.random.default_rng((seed, 1)).random((permutations, len(one))) < 0.5
    moved = flips.astype(np.int64) @ (two - one)
    differences = {}
    for name, metric in METRICS.items():
        observed = float(metric(total_one) - metric(total_two))
        low, high = percentile_interval(metric(both[:, :4]) - metric(both[:, 4:])).tolist()
        permuted = metric(total_one + moved) - metric(total_two - moved)
        as_large = int(np.count_nonzero(np.abs(permuted) >= abs(observed) - 1e-12))
        # A sample lacks the observed assignment, which is as large as itself (Phipson and Smyth 2010).
        p_value = as_large / len(flips) if exact else (1 + as_large) / (1 + len(flips))
        differences[name] = Difference(
            name, float(metric(total_one)), float(metric(total_two)), low, high, p_value, units.count >= MIN_UNITS
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


def compare_by_scene(
    first: Predictions, second: Predictions, units: ResamplingUnits | None = None
) -> dict[str, Comparison]:
    """Compare two detectors on each scene; see ``compare``."""
    second = align(first, second)
    units = units or resampling_units(first.entries)
    made = {}
    for scene in first.scenes:
        here = first.positions_of(scene)
        made[scene] = compare(first.take(here), second.take(here), units.take(here))
    return made


def _all_flips(units: int) -> NDArray[np.bool_]:
    return np.asarray((np.arange(2**units)[:, None] >> np.arange(units)) % 2 == 1)


def align(first: Predictions, second: Predictions) -> Predictions:
    """Return the second predictions in the patch order of the first.

    Raises:
        PredictionsError: the patches or their masks differ.
    """
    index = {(entry.split, entry.scene, entry.id): position for position, entry in enumerate(second.entries)}
    keys = [(entry.split, entry.scene, entry.id) for entry in first.entries]
    if len(index) != len(second) or set(index) != set(keys) or len(keys) != len(index):
        raise PredictionsError(
            f"{first.detector} was run on {len(first)} patches and {second.detector} on {len(second)}, and the patches "
            "differ: compare two detectors on the same patches"
        )
    ordered = second.take(np.array([index[key] for key in keys], np.intp))
    if ordered.masks.shape != first.masks.shape or not np.array_equal(ordered.masks, first.masks):
        raise PredictionsError(
            f"the reference masks of {first.detector} and {second.detector} differ: compare both with the same masks"
        )
    return ordered
