"""What a stress test found: curves of F1 against what was done to the ground."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from landslip.metrics.count_tables import FIGURES, Counts
from landslip.metrics.counts import DEFINITION
from landslip.metrics.intervals import CONFIDENCE, DRAWS, resampled
from landslip.metrics.resampling_units import Units
from landslip.studies.perturbed_runs import Measured


@dataclass(frozen=True, slots=True)
class Point:
    """One level of a stress."""

    level: float
    label: str
    """Name of the level where it is no number, as a channel; else empty."""
    f1: float
    low: float
    high: float
    """Of the bootstrap interval."""
    precision: float
    recall: float
    best_f1: float
    """At the threshold that would have been best there: what better calibration could bring back."""
    best_threshold: float
    landslide_px: int
    """Of the truth there."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A stress at all its levels."""

    stress: str
    line: str
    """Which of several ways, where there are several; else empty."""
    title: str
    axis: str
    text: str
    untouched: float | None
    """The level at which nothing is changed."""
    unit: str
    units: int
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class StressTest:
    """Everything that was found."""

    detector: str
    sha256: str
    threshold: float
    data: str
    patches: int
    seed: int
    curves: tuple[Curve, ...]
    left_out: tuple[str, ...]
    """What could not be tried, and why."""

    def as_dict(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        return asdict(self) | {"definition": DEFINITION, "confidence": CONFIDENCE, "draws": DRAWS}


def point(level: float, made: Measured, units: Units, *, label: str = "", seed: int = 0) -> Point:
    """The figures of one level."""
    low, high = _f1_interval(made.counts, units, seed)
    total = made.counts.sum(axis=0)
    f1, precision, recall = (float(FIGURES[name](total)) for name in ("f1", "precision", "recall"))
    landslide_px = int(total[0] + total[2])
    return Point(level, label, f1, low, high, precision, recall, made.best_f1, made.best_threshold, landslide_px)


def _f1_interval(counts: Counts, units: Units, seed: int) -> Sequence[float]:
    drawn = FIGURES["f1"](resampled(units.sums(counts), DRAWS, seed))
    ends: list[float] = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return ends
