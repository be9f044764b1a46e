"""Charts of reports and studies, drawn by matplotlib as SVG: lines and points over two axes, and named rows.

The same chart always gives the same bytes: element names are hashed with a fixed salt, and no date is written. Text
stays text, so that a file can be searched. Colours: Okabe and Ito (2008), on white; line styles and markers differ too,
so that a chart also reads in print without colour.
"""

import base64
import io
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    # matplotlib is slow to import, and a map of few landslides has no chart.
    from matplotlib.axes import Axes
    from matplotlib.text import Text

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P")
_DASHES: Final = ("-", (0, (5, 3)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 3)), (0, (9, 3)))
_REFERENCE: Final = (0, (4, 3))
_INK: Final = "#1f2326"
_FAINT: Final = "#5d646a"
_WIDTH_IN: Final = 7.0
_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "landslip",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 9.5,
    "text.color": _INK,
    "text.parse_math": False,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _FAINT,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dedbd4",
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "legend.frameon": False,
}
_SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOCK: Final = Lock()
"""matplotlib's settings belong to the whole process."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: its label with the unit in brackets, its scale and its limits."""

    label: str
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    """Lower limit; from the values where None."""
    high: float | None = None
    ticks: tuple[tuple[float, str], ...] = ()
    """Positions and labels of the ticks; round numbers where empty."""

    def limits(self, values: Iterable[float]) -> tuple[float, float]:
        """Limits that hold all finite values: whole decades on a logarithmic axis, else round numbers."""
        known = [value for value in values if math.isfinite(value) and (self.scale == "linear" or value > 0)]
        known += [end for end in (self.low, self.high) if end is not None] or ([] if known else [0.0, 1.0])
        low = min(known) if self.low is None else self.low
        high = max(known) if self.high is None else self.high
        if self.scale == "log":
            bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
            return 10.0**bottom, 10.0 ** max(top, bottom + 1)
        if high <= low:
            low, high = low - 0.5, high + 0.5
        if not self.ticks:
            from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

            steps = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
            # The locator lets a value pass that lies outside by a tiny fraction of a step.
            low = low if self.low is not None else min(low, float(steps[0]))
            high = high if self.high is not None else max(high, float(steps[-1]))
        return low, high


@dataclass(frozen=True, slots=True)
class Series:
    """Values drawn in one colour; NaN breaks a line."""

    name: str
    """In the legend; no entry where empty."""
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    """Lower ends of the interval of each y: a band around a line, an error bar at a point. No interval where empty."""
    high: Sequence[float] = ()
    marks: Literal["line", "points", "both"] = "line"


@dataclass(frozen=True, slots=True)
class Reference:
    """A dashed line with its name: vertical at ``x``, horizontal at ``y``, or the diagonal where both are None."""

    text: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines and points over two axes."""

    title: str
    """What it shows, in a sentence: its alternative text on a page."""
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A named value with its interval."""

    name: str
    value: float | None
    """None where it is undefined."""
    low: float | None = None
    high: float | None = None
    note: str = ""
    """At the right end of the row, such as the number of samples."""
    kind: int = 0
    """Index into ``RowChart.kinds``."""


@dataclass(frozen=True, slots=True)
class RowChart:
    """Named values under each other, with intervals."""

    title: str
    axis: Axis
    rows: Sequence[Row]
    kinds: tuple[str, ...] = ()
    """Names of the kinds of rows, for the legend; one kind where empty."""
    reference: float | None = None
    """Position of a dashed line."""


@contextmanager
def chart_style() -> Iterator[None]:
    """Draw in the style of all charts; only one thread at a time does."""
    import matplotlib as mpl  # noqa: PLC0415

    with _LOCK, mpl.rc_context(_STYLE):
        yield


def render_svg(chart: Chart | RowChart, *, title: str = "", note: str = "") -> str:
    """Draw a chart as SVG.

    Args:
        chart: what to draw.
        title: above it, for a file of its own.
        note: under it.

    Returns:
        The text of an SVG file.

    Example:
        >>> curve = Series("F1", x=[0.2, 0.5, 0.8], y=[0.6, 0.7, 0.5])
        >>> chart = Chart("F1 over the threshold", Axis("threshold"), Axis("F1", low=0, high=1), (curve,))
        >>> render_svg(chart).startswith("<?xml")
        True
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    titles, notes = textwrap.wrap(title, 78), textwrap.wrap(note, 105)
    height = 4.2 if isinstance(chart, Chart) else 0.8 + 0.28 * max(len(chart.rows), 1)
    height += 0.26 * len(titles) + 0.19 * len(notes)
    with chart_style():
        figure = Figure(figsize=(_WIDTH_IN, height), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        if titles:
            figure.suptitle("\n".join(titles), x=0.01, ha="left", fontsize=12, fontweight="bold")
        if notes:
            figure.supxlabel("\n".join(notes), x=0.01, ha="left", fontsize=8.5, color=_FAINT)
        if isinstance(chart, Chart):
            _draw_chart(axes, chart)
        else:
            _draw_rows(axes, chart)
        held = io.StringIO()
        # Without these entries the file holds neither a date nor the version of matplotlib.
        named = {"Title": title or chart.title, "Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(held, format="svg", metadata=named)
    return held.getvalue()


def chart_image(chart: Chart | RowChart) -> str:
    """Draw a chart as an ``<img>`` element, with the SVG in its address and the chart's title as alternative text.

    As an image it keeps to a content security policy that forbids styles inside the page.
    """
    data = base64.b64encode(render_svg(chart).encode()).decode()
    return f'<img class="chart" src="data:image/svg+xml;base64,{data}" alt="{escape(chart.title)}">'


def _draw_chart(axes: "Axes", chart: Chart) -> None:
    xs = [x for one in chart.series for x in one.x] + [one.x for one in chart.references if one.x is not None]
    ys = [y for one in chart.series for ends in (one.y, one.low, one.high) for y in ends]
    ys += [one.y for one in chart.references if one.y is not None]
    _set_axis(axes, "x", chart.x, xs)
    _set_axis(axes, "y", chart.y, ys)
    for number, series in enumerate(chart.series):
        _draw_series(axes, series, number % len(COLOURS))
    for reference in chart.references:
        _draw_reference(axes, reference)
    if sum(bool(one.name) for one in chart.series) > 1:
        columns = 3 if max(len(one.name) for one in chart.series) < 24 else 2
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.3, borderpad=0)


def _draw_series(axes: "Axes", series: Series, slot: int) -> None:
    colour, marker = COLOURS[slot], _MARKERS[slot]
    label = series.name or "_nolegend_"
    if series.marks == "points":
        errors = None
        if len(series.low):
            errors = [
                [value - low for value, low in zip(series.y, series.low, strict=True)],
                [high - value for value, high in zip(series.y, series.high, strict=True)],
            ]
        axes.errorbar(series.x, series.y, errors, fmt=marker, color=colour, markersize=5, elinewidth=1.3, label=label)
        return
    if len(series.low):
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.16, linewidth=0)
    shown = None if series.marks == "both" else _isolated(series)
    axes.plot(
        series.x,
        series.y,
        color=colour,
        linestyle=_DASHES[slot],
        linewidth=1.7,
        marker=marker,
        markersize=4.5,
        markevery=shown,
        label=label,
    )


def _isolated(series: Series) -> list[int]:
    """Positions of values without a neighbour on either side, where a line alone shows nothing."""
    there = [math.isfinite(x) and math.isfinite(y) for x, y in zip(series.x, series.y, strict=True)]
    around = [False, *there, False]
    return [n for n, here in enumerate(there) if here and not around[n] and not around[n + 2]]


def _draw_reference(axes: "Axes", reference: Reference) -> None:
    """Draw a dashed line; its name stands on white, so that it can be read over a curve."""
    text: Text
    if reference.x is not None:
        axes.axvline(reference.x, color=_FAINT, linestyle=_REFERENCE, linewidth=1.0, zorder=1.5)
        left = axes.transAxes.inverted().transform(axes.transData.transform((reference.x, axes.get_ylim()[0])))[0] < 0.5
        at, offset = (reference.x, 0.03), (5 if left else -5, 0)
        text = axes.annotate(
            reference.text, at, offset, axes.get_xaxis_transform(), textcoords="offset points", va="bottom"
        )
        text.set_horizontalalignment("left" if left else "right")
    elif reference.y is not None:
        axes.axhline(reference.y, color=_FAINT, linestyle=_REFERENCE, linewidth=1.0, zorder=1.5)
        text = axes.text(0.985, reference.y, reference.text, transform=axes.get_yaxis_transform(), ha="right")
        high = (
            axes.transAxes.inverted().transform(axes.transData.transform((axes.get_xlim()[0], reference.y)))[1] > 0.93
        )
        text.set_verticalalignment("top" if high else "bottom")
    else:
        low, high = max(axes.get_xlim()[0], axes.get_ylim()[0]), min(axes.get_xlim()[1], axes.get_ylim()[1])
        axes.plot([low, high], [low, high], color=_FAINT, linestyle=_REFERENCE, linewidth=1.0, zorder=1.5)
        middle = low + 0.7 * (high - low)
        text = axes.text(middle, middle, reference.text, ha="center", va="bottom", rotation=45, rotation_mode="anchor")
        text.set_transform_rotates_text(True)
    text.set(color=_FAINT, fontsize=8.5, zorder=3)
    text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1})


def _draw_rows(axes: "Axes", chart: RowChart) -> None:
    ends = [end for row in chart.rows for end in (row.value, row.low, row.high) if end is not None]
    _set_axis(axes, "x", chart.axis, ends if chart.reference is None else [*ends, chart.reference])
    axes.set_yticks(range(len(chart.rows)), [textwrap.shorten(row.name, 34, placeholder="…") for row in chart.rows])
    axes.tick_params(axis="y", length=0, labelcolor=_INK)
    axes.set_ylim(len(chart.rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.spines[["top", "left", "right"]].set_visible(False)
    if chart.reference is not None:
        axes.axvline(chart.reference, color=_FAINT, linestyle=_REFERENCE, linewidth=1.0, zorder=1.5)
    for position, row in enumerate(chart.rows):
        beside: dict[str, Any] = {
            "xycoords": axes.get_yaxis_transform(),
            "va": "center",
            "fontsize": 8.5,
            "color": _FAINT,
        }
        if row.note:
            axes.annotate(row.note, (1.01, position), annotation_clip=False, **beside)
        if row.value is None:
            axes.annotate("undefined", (0.01, position), **beside)
            continue
        slot = row.kind % len(COLOURS)
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [position, position], color=COLOURS[slot], linewidth=1.5)
        axes.plot([row.value], [position], color=COLOURS[slot], marker=_MARKERS[slot], markersize=6, linestyle="none")
    if len(chart.kinds) > 1:
        for slot, name in enumerate(chart.kinds):
            axes.plot([], [], color=COLOURS[slot], marker=_MARKERS[slot], markersize=6, linestyle="none", label=name)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.3, borderpad=0)


def _set_axis(axes: "Axes", which: Literal["x", "y"], axis: Axis, values: Iterable[float]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    target = axes.xaxis if which == "x" else axes.yaxis
    target.set_label_text(axis.label)
    (axes.set_xscale if which == "x" else axes.set_yscale)(axis.scale)
    (axes.set_xlim if which == "x" else axes.set_ylim)(*axis.limits(values))
    if axis.ticks:
        target.set_ticks([value for value, _ in axis.ticks], [text for _, text in axis.ticks])
    elif axis.scale == "linear":
        target.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
        target.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}".replace("-", "−")))
    else:
        target.set_major_formatter(FuncFormatter(lambda value, _: _power_text(value)))


def _power_text(value: float) -> str:
    """A power of ten with its exponent raised; nothing for values between."""
    exponent = math.log10(value)
    whole = round(exponent)
    return f"10{str(whole).translate(_SUPERSCRIPTS)}" if math.isclose(exponent, whole, abs_tol=1e-9) else ""
