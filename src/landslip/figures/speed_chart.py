"""Chart of speeds: a bar for each engine and precision."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from landslip.figures.charts import COLOURS, chart_style
from landslip.files.atomic import atomic_path


@dataclass(frozen=True, slots=True)
class Bar:
    """A named value of 0 or more, with the text at its end."""

    name: str
    value: float
    text: str


def draw_bars(bars: Sequence[Bar], path: str | Path, *, title: str, label: str) -> None:
    """Draw bars under each other as a PNG, from 0.

    Args:
        bars: the first is on top.
        path: of the file; an existing one is replaced.
        title: of the chart.
        label: of the axis, with its unit.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     draw_bars([Bar("a", 1.0, "1")], f"{folder}/a.png", title="t", label="images per second")
        ...     Path(f"{folder}/a.png").read_bytes()[1:4]
        b'PNG'
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import

    with chart_style():
        figure = Figure(figsize=(7.0, 0.9 + 0.36 * len(bars)), layout="constrained")
        axes = figure.add_subplot()
        drawn = axes.barh([one.name for one in bars], [one.value for one in bars], color=COLOURS[0], height=0.62)
        axes.bar_label(drawn, [one.text for one in bars], padding=4)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.22)
        axes.set_xlim(left=0)
        axes.set_xlabel(label)
        axes.set_title(title, loc="left")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=160)
