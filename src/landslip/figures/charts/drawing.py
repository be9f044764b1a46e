"""Draws charts as SVG; all text that comes from outside is escaped here."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Final

from landslip.figures.charts.axis import Axis
from landslip.figures.charts.chart import Chart, Reference, Series, runs
from landslip.figures.charts.style import SLOTS, file_style

WIDTH: Final = 640
_HEIGHT: Final = 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 18, 14, 54
_KEY_ROW: Final = 24
_LETTER_PX: Final = 7.4
"""Mean width of a letter, for laying out the key."""
_CORNERS: Final[tuple[tuple[tuple[float, float], ...], ...]] = (
    (),
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
    ((0, -1.35), (1.35, 0), (0, 1.35), (-1.35, 0)),
)
"""Of the marks of each slot: a circle, a square, a triangle, a diamond."""


@dataclass(frozen=True, slots=True)
class Place:
    """From values to points of the drawing."""

    x: Axis
    y: Axis
    top: float
    bottom: float
    left: float = _LEFT
    right: float = WIDTH - _RIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point of a pair of values, no further out than the frame."""
        across, up = (min(1.0, max(0.0, share)) for share in (self.x.share(x), self.y.share(y)))
        return self.left + across * (self.right - self.left), self.bottom - up * (self.bottom - self.top)


def chart_svg(chart: Chart) -> str:
    """Draw a chart for a page."""
    x_axis, y_axis = chart.spanned()
    key, key_height = _key(chart.series)
    height = _HEIGHT + key_height
    place = Place(x_axis, y_axis, _TOP + key_height, height - _BOTTOM)
    parts = [opening(chart.title, height), key, axes(place)]
    parts += [_reference(mark, place) for mark in chart.references]
    parts += [_series(one, 1 + number % SLOTS, place) for number, one in enumerate(chart.series)]
    return "".join([*parts, "</svg>"])


def as_file(svg: str, title: str, note: str = "") -> str:
    """Turn a drawing for a page into a file of its own: with its title, a note under it, and its style."""
    head, _, rest = svg.partition(">")
    height = int(head.split('viewBox="0 0 ')[1].split('"')[0].split()[1])
    titles, notes = _wrapped(title, 16), _wrapped(note, 12.5)
    shift = 20 + 22 * len(titles)
    total = shift + height + 18 * len(notes) + (14 if notes else 0)
    lines = [
        f'<text x="16" y="{26 + 22 * row}" style="font-size:16px;font-weight:600">{escape(line)}</text>'
        for row, line in enumerate(titles)
    ]
    lines += [
        f'<text class="small faint" x="16" y="{shift + height + 14 + 18 * row}">{escape(line)}</text>'
        for row, line in enumerate(notes)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" width="{WIDTH}" height="{total}" '
        f'viewBox="0 0 {WIDTH} {total}" role="img"><title>{escape(title)}</title><style>{file_style()}</style>'
        f'<rect width="{WIDTH}" height="{total}" fill="#fff"/>{"".join(lines)}'
        f'<g transform="translate(0 {shift})">{rest.removesuffix("</svg>")}</g></svg>\n'
    )


def opening(title: str, height: float) -> str:
    """The first element of a drawing."""
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">'


def axes(place: Place) -> str:
    """Grid, frame, ticks and labels."""
    parts = []
    for value, text in place.x.ticks:
        x, _ = place.at(value, place.y.low or 0)
        parts.append(line("grid", x, place.top, x, place.bottom))
        parts.append(words(x, place.bottom + 20, "middle", text, "faint"))
    for value, text in place.y.ticks:
        _, y = place.at(place.x.low or 0, value)
        parts.append(line("grid", place.left, y, place.right, y))
        parts.append(words(place.left - 8, y + 5, "end", text, "faint"))
    width, height = place.right - place.left, place.bottom - place.top
    parts.append(f'<rect class="frame" x="{place.left}" y="{place.top}" width="{width}" height="{height}"/>')
    parts.append(words(place.left + width / 2, place.bottom + 44, "middle", place.x.label))
    middle = place.top + height / 2
    parts.append(
        f'<text x="18" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 18 {middle:.1f})">'
        f"{escape(place.y.label)}</text>"
    )
    return "".join(parts)


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line of some class."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def words(x: float, y: float, anchor: str, text: str, kind: str = "") -> str:
    """A line of text; ``1e3`` becomes a power of ten."""
    said = escape(text)
    if text.startswith("1e") and text[2:].lstrip("-").isdigit():
        said = f'10<tspan dy="-5" font-size="10">{text[2:].replace("-", "−")}</tspan>'
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'


def mark(slot: int, x: float, y: float, said: str = "", size: float = 4.6) -> str:
    """A point, of another shape for each slot."""
    title = f"<title>{escape(said)}</title>" if said else ""
    corners = _CORNERS[(slot - 1) % len(_CORNERS)]
    if not corners:
        return f'<circle class="f{slot}" cx="{x:.1f}" cy="{y:.1f}" r="{size:g}">{title}</circle>'
    points = " ".join(f"{x + size * 0.92 * right:.1f},{y + size * 0.92 * down:.1f}" for right, down in corners)
    return f'<polygon class="f{slot}" points="{points}">{title}</polygon>'


def _series(series: Series, slot: int, place: Place) -> str:
    parts = []
    spread = len(series.low) > 0
    for run in runs(series):
        points = [place.at(series.x[n], series.y[n]) for n in run]
        if series.marks != "points" and spread and len(run) > 1:
            edge = [place.at(series.x[n], series.high[n]) for n in run]
            edge += [place.at(series.x[n], series.low[n]) for n in reversed(run)]
            parts.append(f'<path class="band f{slot}" d="M{_path(edge)}Z"/>')
        if series.marks != "points" and len(run) > 1:
            if series.marks == "steps":
                points = _steps(points)
            parts.append(f'<path class="line s{slot}" d="M{_path(points)}"/>')
        if series.marks in ("points", "both") or len(run) == 1:
            for n in run:
                x, y = place.at(series.x[n], series.y[n])
                if spread and (series.marks == "points" or len(run) == 1):
                    ends = place.at(series.x[n], series.low[n])[1], place.at(series.x[n], series.high[n])[1]
                    parts.append(line(f"whisker s{slot}", x, ends[0], x, ends[1]))
                parts.append(mark(slot, x, y, series.said[n] if series.said else ""))
    return "".join(parts)


def _steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    made = points[:1]
    for x, y in points[1:]:
        made += [(x, made[-1][1]), (x, y)]
    return made


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _reference(reference: Reference, place: Place) -> str:
    low_x, high_x = place.x.low or 0.0, place.x.high or 0.0
    low_y, high_y = place.y.low or 0.0, place.y.high or 0.0
    if reference.x is not None:
        x, _ = place.at(reference.x, low_y)
        right = x < (place.left + place.right) / 2
        text = words(
            x + (6 if right else -6), place.top + 16, "start" if right else "end", reference.text, "small faint"
        )
        return line("limit", x, place.top, x, place.bottom) + text
    if reference.y is not None:
        _, y = place.at(low_x, reference.y)
        up = y > place.top + 26
        text = words(place.right - 6, y - 6 if up else y + 16, "end", reference.text, "small faint")
        return line("limit", place.left, y, place.right, y) + text
    low, high = max(low_x, low_y), min(high_x, high_y)
    (x1, y1), (x2, y2) = place.at(low, low), place.at(high, high)
    x, y = place.at(low + 0.7 * (high - low), low + 0.7 * (high - low))
    angle = math.degrees(math.atan2(y1 - y2, x2 - x1))
    text = words(0, -7, "middle", reference.text, "small faint")
    return line("limit", x1, y1, x2, y2) + f'<g transform="translate({x:.1f} {y:.1f}) rotate({-angle:.1f})">{text}</g>'


def _key(series: tuple[Series, ...]) -> tuple[str, float]:
    """The key above a chart of more than one series, and its height."""
    named = [(1 + number % SLOTS, one) for number, one in enumerate(series) if one.name]
    if len(named) < 2:
        return "", 0
    parts, x, y = [], float(_LEFT), 16.0
    for slot, one in named:
        width = 44 + _LETTER_PX * len(one.name) + 16
        if x > _LEFT and x + width > WIDTH:
            x, y = float(_LEFT), y + _KEY_ROW
        if one.marks != "points":
            parts.append(f'<path class="line s{slot}" d="M{x:.1f} {y:.1f}h30"/>')
        if one.marks in ("points", "both"):
            parts.append(mark(slot, x + 15, y))
        parts.append(words(x + 38, y + 5, "start", one.name))
        x += width
    return "".join(parts), y + 8


def _wrapped(text: str, size_px: float) -> list[str]:
    """Text in lines that fit the width."""
    letters = math.floor((WIDTH - 32) / (size_px * 0.54))
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= letters:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
