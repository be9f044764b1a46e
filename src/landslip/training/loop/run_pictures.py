"""Learning curves as a picture: what was lost, and what was gained, epoch by epoch."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn

from landslip.datasets.patch_set import Patch
from landslip.datasets.pictures.truth import enlarged, with_truth
from landslip.datasets.pictures.views import views
from landslip.figures.colour_ramps import Ramp
from landslip.figures.picture import write_picture
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width
from landslip.metrics.counts import PixelCounts, count_pixels
from landslip.probability import BACKGROUND, LANDSLIDE, encode_probability, reaches_threshold
from landslip.training.data.feeding import LoadedPart, in_turn
from landslip.training.loop.callback import Standing

CURVES_FILE: Final = "curves.png"
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


SAMPLES_FILE: Final = "samples.png"
PERCENTILES: Final = (5, 25, 50, 75, 90, 99)
_ASKED: Final = 96
"""At most so many patches, spread evenly over the part, are gone through."""
_PANEL_PX, _GAP_PX, _CARD_GAP_PX, _LABEL_PX, _EDGE_PX = 208, 6, 34, 26, 32
# After Okabe and Ito's palette, which colour-blind eyes tell apart.
_FOUND, _FALSE_ALARM, _MISSED = (240, 228, 66), (213, 94, 0), (86, 180, 233)


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    patch: Patch
    probability: NDArray[np.float32]
    """(H, W)."""
    counts: PixelCounts


def draw_samples(
    network: nn.Module,
    part: LoadedPart,
    threshold: float,
    path: Path,
    *,
    title: str,
    source: str,
    pixel_size_m: float = 10.0,
) -> None:
    """Draw patches from the worst to the best, each with its truth, the probability, and what was right and wrong.

    Args:
        network: on the CPU, in evaluation mode.
        part: to pick from.
        threshold: from which on a pixel is called landslide.
        path: of the PNG, which is replaced.
        title: of the picture.
        source: where the patches come from, in a sentence.
        pixel_size_m: side of a pixel on the ground.
    """
    samples = _picked(network, part, threshold)
    card_px = 3 * _PANEL_PX + 2 * _GAP_PX
    sheet = Column(2 * card_px + _CARD_GAP_PX)
    sheet.text(title, 24, weight=0.5, lines=2)
    sheet.gap(2)
    named = ", ".join(str(number) for number in PERCENTILES)
    sheet.text(
        f"The patches at the percentiles {named} of their own F1, from the worst to the best, at the threshold "
        f"{threshold:g}; only patches with a landslide, if there is any.",
        14,
        ink=FAINT,
    )
    sheet.gap(10)
    sheet.picture(_key(sheet.width))
    sheet.gap(10)
    for first in range(0, len(samples), 2):
        row = [_card(sample, threshold, pixel_size_m) for sample in samples[first : first + 2]]
        cards = Image.new("RGB", (sheet.width, row[0].height), PAPER)
        for place, card in enumerate(row):
            cards.paste(card, (place * (card_px + _CARD_GAP_PX), 0))
        sheet.picture(cards)
        sheet.gap(14)
    sheet.text(f"Landslides of the truth outlined in yellow on the image. {source}", 13, ink=FAINT)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX))
    write_picture(whole, path)


def _picked(network: nn.Module, part: LoadedPart, threshold: float) -> list[_Sample]:
    holding = np.flatnonzero(part.landslide_share > 0)
    among = holding if len(holding) else np.arange(len(part))
    asked = among[np.unique(np.linspace(0, len(among) - 1, min(_ASKED, len(among))).round().astype(np.intp))]
    samples = sorted(_sampled(network, part, asked, threshold), key=lambda sample: sample.counts.f1)
    places = np.unique(np.round(np.array(PERCENTILES) / 100 * (len(samples) - 1)).astype(np.intp))
    return [samples[place] for place in places]


def _sampled(network: nn.Module, part: LoadedPart, positions: NDArray[np.intp], threshold: float) -> list[_Sample]:
    samples = []
    for fed in in_turn(part, positions):
        with torch.inference_mode():
            probability = network(fed.values).squeeze(1).float().sigmoid().numpy()
        for place, said, values, mask in zip(
            fed.positions.tolist(), probability, fed.values.numpy(), fed.masks.numpy(), strict=True
        ):
            number = int(part.keys[place].rpartition("/")[2])
            patch = Patch(number, part.scenes[place], None, None, part.channels, values, mask)
            found = reaches_threshold(encode_probability(said), threshold)
            samples.append(_Sample(patch, said, count_pixels(found, patch.mask)))
    return samples


def _card(sample: _Sample, threshold: float, pixel_size_m: float) -> Image.Image:
    """One patch: a line of words, then its image, the probability, and what was right and wrong."""
    patch = sample.patch
    image = views(patch, pixel_size_m)[0].rgb
    panels = [
        with_truth(enlarged(image, _PANEL_PX), patch),
        enlarged(PROBABILITY.to_rgb(sample.probability, 0, 1), _PANEL_PX),
        enlarged(
            _judged(image, reaches_threshold(encode_probability(sample.probability), threshold), patch.mask), _PANEL_PX
        ),
    ]
    card = Image.new("RGB", (3 * _PANEL_PX + 2 * _GAP_PX, _LABEL_PX + max(one.height for one in panels)), PAPER)
    name = f"{patch.id}"
    draw_text(card, (0, 3), name, 16, INK, 0.4)
    counts = sample.counts
    words = f"scene {patch.scene}; F1 {counts.f1:.2f}, precision {counts.precision:.2f}, recall {counts.recall:.2f}"
    draw_text(card, (text_width(name, 16) + 12, 5), plain(words), 14, FAINT)
    for place, panel in enumerate(panels):
        card.paste(panel, (place * (_PANEL_PX + _GAP_PX), _LABEL_PX))
    return card


def _judged(rgb: NDArray[np.uint8], found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in grey, with what was found rightly, wrongly and not at all."""
    grey = np.repeat((rgb.mean(axis=2) * 0.7).astype(np.uint8)[..., None], 3, axis=2)
    landslide, other = mask == LANDSLIDE, mask == BACKGROUND
    for where, colour in ((found & landslide, _FOUND), (found & other, _FALSE_ALARM), (~found & landslide, _MISSED)):
        grey[where] = colour
    return grey


def _key(width: int) -> Image.Image:
    """What the panels show, and what the colours mean."""
    row = Image.new("RGB", (width, 22), PAPER)
    draw_text(
        row, (0, 2), "Each: image with the truth; probability, black 0 to pale 1; and, at the threshold,", 14, FAINT
    )
    pen, x = ImageDraw.Draw(row), 530.0
    for colour, text in ((_FOUND, "found"), (_FALSE_ALARM, "false alarm"), (_MISSED, "missed")):
        pen.rectangle((x, 4, x + 14, 18), fill=colour)
        draw_text(row, (x + 20, 2), text, 14, INK)
        x += 34 + text_width(text, 14)
    return row
