"""How often landslides of each size occur: the frequency-area distribution, as a drawing for the report.

Probability density p(A) = (1 / N) dN / dA over logarithmic classes of area, as in Malamud et al. 2004 (Earth Surface
Processes and Landforms, doi 10.1002/esp.1064). No law is fitted: small maps are too few and small landslides too
incomplete for that.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.figures.formatting import area_text, count_text

LEAST: Final = 10
"""Fewer landslides than this make no distribution."""
_CLASSES_PER_DECADE: Final = 5
_WIDTH, _HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 20, 20, 60


@dataclass(frozen=True, slots=True, eq=False)
class Frequency:
    """The frequency-area distribution of a map, in classes that hold at least one landslide."""

    low_m2: NDArray[np.float64]
    """Lower edge of each class, (n,)."""
    high_m2: NDArray[np.float64]
    """Upper edge, (n,)."""
    count: NDArray[np.int64]
    """Landslides in it, (n,)."""

    @property
    def middle_m2(self) -> NDArray[np.float64]:
        """Middle of each class on a logarithmic scale."""
        return np.asarray(np.sqrt(self.low_m2 * self.high_m2))

    @property
    def density_per_m2(self) -> NDArray[np.float64]:
        """Probability density: the sum of density x width over all classes is 1."""
        return np.asarray(self.count / self.count.sum() / (self.high_m2 - self.low_m2))


def frequency(areas_m2: NDArray[np.float64]) -> Frequency:
    """Count landslides in logarithmic classes of area, five a decade.

    Args:
        areas_m2: (N,), all above 0.
    """
    place = np.floor(np.log10(areas_m2) * _CLASSES_PER_DECADE + 1e-9).astype(np.int64)
    classes, count = np.unique(place, return_counts=True)
    low_m2 = 10.0 ** (classes / _CLASSES_PER_DECADE)
    return Frequency(low_m2, low_m2 * 10 ** (1 / _CLASSES_PER_DECADE), count.astype(np.int64))


def frequency_svg(found: Frequency, min_area_m2: float) -> str:
    """Draw the distribution on logarithmic axes, with Poisson bars, as SVG coloured by a style sheet."""
    density = found.density_per_m2
    spread = np.sqrt(found.count) / found.count
    # A single landslide's lower bar would reach down to zero, which no logarithmic axis holds.
    lowest = density * np.maximum(1 - spread, 0.2)
    highest = density * (1 + spread)
    x_axis = _Axis.over(found.low_m2[0], found.high_m2[-1], _LEFT, _WIDTH - _RIGHT)
    y_axis = _Axis.over(lowest.min(), highest.max(), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        'aria-label="Probability density of landslide area over landslide area, both axes logarithmic">'
    ]
    for power in x_axis.powers:
        x = x_axis.place(10.0**power)
        parts.append(_line("grid", x, _TOP, x, _HEIGHT - _BOTTOM))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 20, "middle", _power_text(power)))
    for power in y_axis.powers:
        y = y_axis.place(10.0**power)
        parts.append(_line("grid", _LEFT, y, _WIDTH - _RIGHT, y))
        parts.append(_text(_LEFT - 8, y + 4, "end", _power_text(power)))
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    parts.append(f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}"/>')
    if x_axis.low < min_area_m2 < x_axis.high:
        x = x_axis.place(min_area_m2)
        parts.append(_line("limit", x, _TOP, x, _HEIGHT - _BOTTOM))
        parts.append(_text(x + 6, _HEIGHT - _BOTTOM - 10, "start", f"smallest mapped: {area_text(min_area_m2)}"))
    rows = zip(found.middle_m2, density, lowest, highest, found.count, found.low_m2, found.high_m2, strict=True)
    for middle_m2, value, low, high, count, from_m2, to_m2 in rows:
        x = x_axis.place(middle_m2)
        parts.append(_line("bar", x, y_axis.place(low), x, y_axis.place(high)))
        said = f"{count_text(int(count), 'landslide', 'landslides')} of {area_text(from_m2)} to {area_text(to_m2)}"
        dot = f'<circle class="dot" cx="{x:.1f}" cy="{y_axis.place(value):.1f}" r="4.5">'
        parts.append(f"{dot}<title>{said}</title></circle>")
    parts.append(_text(_LEFT + width / 2, _HEIGHT - 14, "middle", "landslide area A (m²)"))
    middle = _TOP + height / 2
    label = "probability density p(A) (per m²)"
    parts.append(f'<text x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">{label}</text>')
    return "".join([*parts, "</svg>"])


@dataclass(frozen=True, slots=True)
class _Axis:
    """A logarithmic axis over whole decades, from one place on the drawing to another."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, low: float, high: float, start: float, end: float) -> "_Axis":
        bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
        return cls(10.0**bottom, 10.0 ** max(top, bottom + 1), start, end)

    @property
    def powers(self) -> range:
        return range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)

    def place(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _power_text(power: int) -> str:
    return f'10<tspan dy="-5" font-size="10">{power}</tspan>'.replace(">-", ">−")
