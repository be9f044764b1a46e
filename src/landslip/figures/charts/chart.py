"""A chart of lines and points over two axes, as a value."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from landslip.figures.charts.axis import Axis

Marks = Literal["line", "points", "both", "steps"]


@dataclass(frozen=True, slots=True)
class Series:
    """Some values of one kind, drawn in one colour; NaN breaks a line."""

    name: str
    """In the key; no entry there where empty."""
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    """Lower ends of the interval of each y: a band around a line, a whisker at a point. None where empty."""
    high: Sequence[float] = ()
    marks: Marks = "line"
    said: Sequence[str] = ()
    """Of each point, shown where a pointer rests on it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A dashed line across the chart with words at it: a threshold, what would be ideal."""

    text: str
    x: float | None = None
    """Where it stands upright; else it lies at ``y``, or along the diagonal where both are None."""
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines and points over two axes."""

    title: str
    """What it shows, in a sentence: for those who cannot see it, and above it in a file of its own."""
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    references: tuple[Reference, ...] = ()

    def spanned(self) -> tuple[Axis, Axis]:
        """The axes with ends that hold everything."""
        xs = [x for one in self.series for x in one.x]
        ys = [y for one in self.series for ends in (one.y, one.low, one.high) for y in ends]
        xs += [mark.x for mark in self.references if mark.x is not None]
        ys += [mark.y for mark in self.references if mark.y is not None]
        return self.x.over(xs), self.y.over(ys)


def runs(series: Series) -> list[list[int]]:
    """Positions of a series in runs without a NaN between them."""
    made: list[list[int]] = [[]]
    for position, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        if math.isfinite(x) and math.isfinite(y):
            made[-1].append(position)
        elif made[-1]:
            made.append([])
    return [run for run in made if run]
