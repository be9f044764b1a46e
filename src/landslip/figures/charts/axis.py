"""Axes: from values to places on a drawing, and the round numbers that stand along them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

Kind = Literal["linear", "log"]
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows, and from where to where."""

    label: str
    """With the unit in brackets."""
    kind: Kind = "linear"
    low: float | None = None
    """Left or lower end; from the values where None."""
    high: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    """Marked values with their text; round numbers where empty."""

    def over(self, values: Iterable[float]) -> "Axis":
        """The axis with ends that hold all values, and with ticks."""
        known = [value for value in values if math.isfinite(value) and (self.kind == "linear" or value > 0)]
        known += [end for end in (self.low, self.high) if end is not None] or ([] if known else [0.0, 1.0])
        low = min(known) if self.low is None else self.low
        high = max(known) if self.high is None else self.high
        if self.kind == "log":
            low, high = _decades(low, high)
        elif self.ticks:
            low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
        else:
            step = _round_step(low, high)
            low = low if self.low is not None else math.floor(low / step + 1e-9) * step
            high = high if self.high is not None else math.ceil(high / step - 1e-9) * step
            high = high if high > low else low + step
        ticks = self.ticks or (_log_ticks(low, high) if self.kind == "log" else _ticks(low, high))
        return replace(self, low=low, high=high, ticks=ticks)

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1 inside; ends must be known."""
        low, high = self.low or 0.0, self.high or 0.0
        if self.kind == "log":
            return math.log(max(value, low * 1e-9) / low) / math.log(high / low)
        return (value - low) / (high - low)


def _round_step(low: float, high: float) -> float:
    """A round step that cuts a range into about five."""
    span = high - low if high > low else max(abs(low), 1.0)
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next(step * power for step in _STEPS if step * power >= span / 5 * (1 - 1e-9))


def _ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    step = _round_step(low, high)
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    digits = next(digits for digits in range(20) if math.isclose(round(step, digits), step))
    return tuple((place * step, f"{place * step:,.{digits}f}".replace("-", "−")) for place in places)


def _decades(low: float, high: float) -> tuple[float, float]:
    bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    return 10.0**bottom, 10.0 ** max(top, bottom + 1)


def _log_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    powers = range(round(math.log10(low)), round(math.log10(high)) + 1)
    return tuple((10.0**power, f"1e{power}") for power in powers)
