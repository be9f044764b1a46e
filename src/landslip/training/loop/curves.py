"""Learning curves as a picture: what was lost, and what was gained, epoch by epoch."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from landslip.training.loop.callback import Standing

NAME: Final = "curves.png"
_INK, _FAINT, _RULE, _PAPER = "#1f2326", "#62696e", "#dedbd4", "#fcfbf8"
# After Okabe and Ito's palette, which colour-blind eyes tell apart.
_COLOURS: Final = ("#0072b2", "#d55e00", "#00805d", "#b0508a", "#a06c00", "#555c66")
_DPI: Final = 130


def draw_curves(standing: Standing, title: str, note: str, path: Path) -> None:
    """Draw loss and F1 of a run; the picture is whole or not there.

    Args:
        standing: of the run, after one epoch at least.
        title: above the picture.
        note: below it: what F1 is, on what.
        path: of the PNG.
    """
    figure = Figure(figsize=(9.6, 4.2), dpi=_DPI, facecolor=_PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_loss(left, standing)
    _draw_f1(right, standing)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color=_FAINT)
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("wb") as file:
        figure.savefig(file, format="png")
    unfinished.replace(path)


def _draw_loss(axes: Axes, standing: Standing) -> None:
    epochs = [row["epoch"] for row in standing.rows]
    names = [name for name in standing.rows[0] if name == "loss" or name.startswith("loss_")]
    shown = names if len(names) > 2 else names[:1]
    # A loss may have more terms than there are colours: they come again, rather than a term being left out.
    for name, colour in zip(shown, itertools.cycle(_COLOURS), strict=False):
        text = "loss" if name == "loss" else name.removeprefix("loss_").replace("-", " ") + ", unweighted"
        width = 2.0 if name == "loss" else 1.2
        _line(axes, epochs, [row[name] for row in standing.rows], colour, text, width)
    _dress(axes, "Loss of the training part", epochs)


def _draw_f1(axes: Axes, standing: Standing) -> None:
    looks = standing.looks
    epochs = [look.epoch for look in looks]
    _line(axes, epochs, [look.f1_best for look in looks], _COLOURS[0], "at its best threshold", 2.0)
    _line(axes, epochs, [look.f1_at_half for look in looks], _COLOURS[1], "at threshold 0.5", 1.2)
    if any(look.f1_stressed_mean != look.f1_best for look in looks):
        _line(axes, epochs, [look.f1_stressed_mean for look in looks], _COLOURS[2], "mean under changed light", 1.2)
    if standing.best is not None:
        axes.axvline(standing.best.epoch, color=_FAINT, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        axes.annotate(
            f"kept: epoch {standing.best.epoch}",
            (standing.best.epoch, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=_FAINT,
        )
    _dress(axes, "F1 of the choosing part", [row["epoch"] for row in standing.rows])


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, text: str, width: float) -> None:
    # One epoch is a point, and would be no line.
    marker = "o" if len(x) < 20 else None
    axes.plot(x, y, color=colour, linewidth=width, marker=marker, markersize=3.5, label=text)


def _dress(axes: Axes, title: str, epochs: Sequence[float]) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    axes.set_xlabel("epoch", fontsize=9, color=_FAINT)
    axes.set_xlim(min(1, epochs[0]) - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_facecolor(_PAPER)
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)
    axes.tick_params(colors=_FAINT, labelsize=8, length=0)
    axes.legend(frameon=False, fontsize=8, labelcolor=_INK)
