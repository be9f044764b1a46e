"""Every threshold at once: precision-recall curve, average precision, and the threshold that a use asks for."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landslip.errors import SettingsError
from landslip.evaluation.objects.found import find_inventories
from landslip.evaluation.predictions import Predictions
from landslip.metrics import count_tables as table
from landslip.metrics.counts import LevelCounts
from landslip.probability import BACKGROUND, LANDSLIDE, MAX_ENCODED, NODATA, STEP

OBJECT_THRESHOLDS: Final = tuple(round(0.02 * step, 2) for step in range(1, 50))

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """A threshold, why it, and what it brings where it was chosen. Elsewhere it brings something else."""

    threshold: float
    why: str
    precision: float
    recall: float
    f1: float

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Counts at every threshold that levels can tell apart; those of a map at the same threshold."""

    counts: table.Counts
    """(251, 4): tp, fp, fn, tn when everything from level 0, 1 ... 250 up is called landslide."""

    @property
    def thresholds(self) -> Values:
        """(251,) the probability of each level."""
        return np.round(np.arange(MAX_ENCODED + 1) * STEP, 3)

    @property
    def average_precision(self) -> float:
        """Precision averaged over recall, each step of recall at the precision where it is reached, not interpolated.

        0 where there is no landslide. Landslide that the map did not observe is never reached.
        """
        landslides = int(self.counts[0, 0] + self.counts[0, 2])
        if not landslides:
            return 0.0
        tp = self.counts[::-1, 0]
        gained = np.diff(tp, prepend=0)
        return float((gained * table.precision(self.counts[::-1])).sum() / landslides)

    def best_f1(self) -> Choice:
        """The threshold with the highest pooled F1; the lowest of equals."""
        return self._choice(1 + int(table.f1(self.counts)[1:-1].argmax()), "highest F1")

    def for_recall(self, wanted: float) -> Choice | None:
        """The highest threshold, and so the one with fewest false alarms, that still finds so much.

        Args:
            wanted: share of the landslide pixels, above 0 and at most 1.

        Returns:
            None where no threshold finds as much.

        Raises:
            SettingsError: no such share can be wanted.
        """
        if not 0 < wanted <= 1:
            raise SettingsError(f"a recall of {wanted:g} cannot be wanted: give a share above 0 and at most 1")
        reached = np.flatnonzero(table.recall(self.counts)[1:-1] >= wanted)
        return self._choice(1 + int(reached[-1]), f"recall of at least {wanted:g}") if len(reached) else None

    def for_cost(self, missed: float, false_alarm: float = 1.0) -> Choice:
        """The threshold with the lowest total cost; the lowest of equals.

        Where probabilities can be taken at their word it is near false_alarm / (false_alarm + missed).

        Args:
            missed: cost of a landslide pixel that was not found.
            false_alarm: cost of a pixel that was wrongly called landslide.

        Raises:
            SettingsError: a cost is not above 0.
        """
        _check_costs(missed, false_alarm)
        cost = missed * self.counts[1:-1, 2] + false_alarm * self.counts[1:-1, 1]
        why = f"lowest cost where a missed pixel costs {missed:g} and a false alarm {false_alarm:g}"
        return self._choice(1 + int(cost.argmin()), why)

    def _choice(self, level: int, why: str) -> Choice:
        here = self.counts[level]
        ratios = (float(figure(here)) for figure in (table.precision, table.recall, table.f1))
        return Choice(float(self.thresholds[level]), why, *ratios)

    def as_dict(self) -> dict[str, Any]:
        """The curves by name, for JSON; thresholds rising from 0.004 on."""
        called = self.counts[1:]
        return {
            "thresholds": self.thresholds[1:].tolist(),
            **{name: figure(called).tolist() for name, figure in table.FIGURES.items()},
            "average_precision": self.average_precision,
            "best_f1": self.best_f1().as_dict(),
        }


def sweep(predictions: Predictions) -> Sweep:
    """Count at every threshold; landslide that the map did not observe counts as not found."""
    counts = LevelCounts.of_levels(predictions.levels, predictions.masks)
    unseen = predictions.levels == NODATA
    missed, quiet = (np.count_nonzero(unseen & (predictions.masks == kind)) for kind in (LANDSLIDE, BACKGROUND))
    tp, fp = (kind[::-1].cumsum()[::-1] for kind in (counts.landslide, counts.other))
    return Sweep(np.stack([tp, fp, tp[0] - tp + missed, fp[0] - fp + quiet], axis=1))


@dataclass(frozen=True, slots=True)
class ObjectCosts:
    """Landslides missed and false alarms at several thresholds, counted whole, and what they cost together."""

    missed_cost: float
    false_alarm_cost: float
    thresholds: tuple[float, ...]
    missed: tuple[int, ...]
    """True landslides of which no pixel was found."""
    false_alarms: tuple[int, ...]
    """Mapped landslides without a pixel of a true one."""

    @property
    def costs(self) -> tuple[float, ...]:
        """At each threshold."""
        pairs = zip(self.missed, self.false_alarms, strict=True)
        return tuple(self.missed_cost * missed + self.false_alarm_cost * false for missed, false in pairs)

    @property
    def best(self) -> float:
        """The threshold with the lowest cost; the lowest of equals."""
        return self.thresholds[self.costs.index(min(self.costs))]

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"costs": self.costs, "best": self.best}


def object_costs(
    predictions: Predictions,
    missed: float,
    false_alarm: float = 1.0,
    *,
    thresholds: Sequence[float] = OBJECT_THRESHOLDS,
) -> ObjectCosts:
    """Cost by landslides instead of pixels: one that no one is warned of, against a place visited in vain.

    Args:
        predictions: patches that touch are joined first.
        missed: cost of a landslide of which nothing was found.
        false_alarm: cost of a mapped landslide that touches none.
        thresholds: to try, each between 0 and 1.

    Raises:
        SettingsError: a cost is not above 0, there is no threshold, or one is not between 0 and 1.
        PredictionsError: two patches have one place.
    """
    _check_costs(missed, false_alarm)
    if not thresholds:
        raise SettingsError("no threshold was given to try: give one or more between 0 and 1")
    found = [find_inventories(predictions.at(threshold)) for threshold in thresholds]
    return ObjectCosts(
        missed,
        false_alarm,
        tuple(thresholds),
        tuple(int(np.count_nonzero(~one.truth.touched)) for one in found),
        tuple(int(np.count_nonzero(~one.mapped.touched)) for one in found),
    )


def _check_costs(missed: float, false_alarm: float) -> None:
    if not (missed > 0 and false_alarm > 0):
        raise SettingsError(f"costs of {missed:g} and {false_alarm:g}: both must be above 0")
