"""A chart of named rows, each a value with its interval: scenes, channels, classes of size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from landslip.figures.charts.axis import Axis
from landslip.figures.charts.drawing import WIDTH, Place, line, mark, opening, words
from landslip.figures.charts.style import SLOTS

_ROW: Final = 27
_TOP, _BOTTOM, _RIGHT = 12, 52, 20
_LETTER_PX: Final = 7.6
_WIDEST_NAME_PX: Final = 230


@dataclass(frozen=True, slots=True)
class Row:
    """One named value."""

    name: str
    value: float | None
    """None where there is none, as a share of nothing."""
    low: float | None = None
    high: float | None = None
    said: str = ""
    """Shown at the right end of the row, such as how many there were."""
    kind: int = 0
    """Number of the kind it belongs to, in ``RowChart.kinds``."""


@dataclass(frozen=True, slots=True)
class RowChart:
    """Named values under each other, with intervals."""

    title: str
    axis: Axis
    rows: Sequence[Row]
    kinds: tuple[str, ...] = ()
    """Names of the kinds of rows, for the key; one kind where empty."""
    reference: float | None = None
    """Where a dashed line stands."""


def rows_svg(chart: RowChart) -> str:
    """Draw named values for a page."""
    ends = [end for row in chart.rows for end in (row.value, row.low, row.high) if end is not None]
    axis = chart.axis.over(ends if chart.reference is None else [*ends, chart.reference])
    key = _ROW if len(chart.kinds) > 1 else 0
    bottom = _TOP + key + _ROW * len(chart.rows) + 4
    name_px = min(_WIDEST_NAME_PX, max((_LETTER_PX * len(row.name) for row in chart.rows), default=0.0))
    said_px = max((_LETTER_PX * len(row.said) for row in chart.rows), default=0.0)
    place = Place(axis, Axis("").over([0, 1]), _TOP + key, bottom, 14 + name_px + 8, WIDTH - _RIGHT - said_px)
    parts = [opening(chart.title, bottom + _BOTTOM), *_key(chart)]
    for value, text in axis.ticks:
        x, _ = place.at(value, 0)
        parts.append(line("grid", x, place.top, x, bottom) + words(x, bottom + 20, "middle", text, "faint"))
    if chart.reference is not None:
        x, _ = place.at(chart.reference, 0)
        parts.append(line("limit", x, place.top, x, bottom))
    for number, row in enumerate(chart.rows):
        y = place.top + _ROW * (number + 0.5) + 2
        parts.append(_row(row, 1 + row.kind % SLOTS, y, place))
    parts.append(line("frame", place.left, bottom, place.right, bottom))
    parts.append(words((place.left + place.right) / 2, bottom + 43, "middle", axis.label))
    return "".join([*parts, "</svg>"])


def _row(row: Row, slot: int, y: float, place: Place) -> str:
    name = (
        row.name
        if len(row.name) * _LETTER_PX <= _WIDEST_NAME_PX
        else row.name[: int(_WIDEST_NAME_PX / _LETTER_PX) - 1] + "…"
    )
    parts = [words(place.left - 10, y + 5, "end", name)]
    if row.said:
        parts.append(words(WIDTH - _RIGHT, y + 5, "end", row.said, "small faint"))
    if row.value is None:
        return "".join([*parts, words(place.left + 8, y + 5, "start", "nothing to say", "small faint")])
    if row.low is not None and row.high is not None:
        (low, _), (high, _) = place.at(row.low, 0), place.at(row.high, 0)
        parts.append(line(f"whisker s{slot}", low, y, high, y))
    x, _ = place.at(row.value, 0)
    return "".join([*parts, mark(slot, x, y, f"{row.name}: {row.value:.3f}", 5.2)])


def _key(chart: RowChart) -> list[str]:
    if len(chart.kinds) < 2:
        return []
    parts, x = [], 20.0
    for slot, name in enumerate(chart.kinds, 1):
        parts += [mark(slot, x, 16), words(x + 12, 21, "start", name)]
        x += 12 + _LETTER_PX * len(name) + 28
    return parts
