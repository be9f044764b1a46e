"""One picture of a scene before it is mapped: true colour, what is valid, and a histogram of each channel."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from landslip.figures.charts import COLOURS, chart_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS: Final = 4
_BINS: Final = 80
_FAINT: Final = "#5d646a"


@dataclass(frozen=True, slots=True)
class Histogram:
    """Valid values of a channel."""

    name: str
    unit: str
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cover:
    """Codes of pixels (h, w), and the name and the colour of each code."""

    codes: NDArray[np.uint8]
    kinds: Sequence[tuple[int, str, str]]


def render_scene_sheet(
    title: str, lines: Sequence[str], colour: NDArray[np.uint8], cover: Cover, histograms: Sequence[Histogram]
) -> bytes:
    """Draw the sheet of a scene.

    Args:
        title: name of the scene.
        lines: facts under the title.
        colour: RGB picture (h, w, 3).
        cover: of the same pixels.
        histograms: one for each channel.

    Returns:
        A PNG file.
    """
    from matplotlib.colors import ListedColormap  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    rows = -(-len(histograms) // _COLUMNS)
    told = [part for line in lines for part in textwrap.wrap(line, 130)]
    height, width = cover.codes.shape
    picture_in = min(9.0, max(2.0, 5.6 * height / width))
    with chart_style():
        figure = Figure(figsize=(12, picture_in + 1.75 * rows + 0.2 * len(told) + 1.0), dpi=110, facecolor="white")
        ratios = [picture_in + 0.2 * len(told) + 1.0, max(1.75 * rows, 0.1)]
        top, low = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios).ravel()
        top.suptitle(title, x=0.02, ha="left", fontsize=13, fontweight="bold")
        top.text(0.02, 0.985 - 0.35 / top.bbox.height * 110, "\n".join(told), va="top", fontsize=9, color=_FAINT)
        used = (0.2 * len(told) + 0.55) * 110 / top.bbox.height
        edges = {"top": 1 - used, "bottom": 0.09, "left": 0.02, "right": 0.98, "wspace": 0.05}
        left, right = top.subplots(1, 2, gridspec_kw=edges)
        left.imshow(colour, interpolation="nearest")
        left.set_title("true colour" if len(histograms) > 1 else "picture", loc="left", fontsize=10)
        present = [kind for kind in cover.kinds if (cover.codes == kind[0]).any()]
        index = np.zeros(cover.codes.shape, np.uint8)
        for number, (code, _, _) in enumerate(present):
            index[cover.codes == code] = number
        colours = ListedColormap([one for _, _, one in present])
        right.imshow(index, cmap=colours, vmin=-0.5, vmax=len(present) - 0.5, interpolation="nearest")
        shares = [float((cover.codes == code).mean()) for code, _, _ in present]
        patches = [
            Patch(facecolor=one, edgecolor=_FAINT, label=f"{name} {share:.1%}")
            for (_, name, one), share in zip(present, shares, strict=True)
        ]
        right.legend(handles=patches, loc="upper left", bbox_to_anchor=(0, 0), ncols=3, borderaxespad=0.4, fontsize=9)
        right.set_title("what is valid", loc="left", fontsize=10)
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
        if histograms:
            margin = 0.32 / (1.75 * rows)
            edges = {"left": 0.02, "right": 0.98, "hspace": 0.75, "wspace": 0.08}
            edges |= {"bottom": margin, "top": 1 - margin}
            grid = low.subplots(rows, _COLUMNS, squeeze=False, gridspec_kw=edges).ravel()
            # The last row of axes may have room to spare.
            for axes, histogram in zip(grid, histograms, strict=False):
                _draw_histogram(axes, histogram)
            for axes in grid[len(histograms) :]:
                axes.set_visible(False)
        held = io.BytesIO()
        figure.savefig(held, format="png", metadata={"Software": None})
    return held.getvalue()


def _draw_histogram(axes: "Axes", histogram: Histogram) -> None:
    """Draw the distribution of a channel between its 0.1th and 99.9th percentile, with its median."""
    axes.set_yticks([])
    axes.set_title(f"{histogram.name} ({histogram.unit})", loc="left", fontsize=9)
    if not histogram.values.size:
        axes.text(0.5, 0.5, "no valid pixel", transform=axes.transAxes, ha="center", color=_FAINT)
        axes.set_xticks([])
        return
    low, median, high = (float(value) for value in np.percentile(histogram.values, [0.1, 50, 99.9]))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(histogram.values, bins=_BINS, range=(low, high))
    axes.stairs(counts, edges, fill=True, color=COLOURS[0], alpha=0.75)
    axes.axvline(median, color=COLOURS[1], linewidth=1.3)
    axes.annotate(
        f"{median:,.4g}", (median, 0.98), (4, 0), axes.get_xaxis_transform(), textcoords="offset points", va="top",
        fontsize=8, color=COLOURS[1],
    )  # fmt: skip
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlim(low, high)
