"""Pictures of a run: learning curves, and validation patches with their predictions."""

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
from landslip.datasets.pictures.views import draw_reference, enlarge, make_views
from landslip.figures.colour_ramps import PROBABILITY
from landslip.figures.picture import write_picture
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width
from landslip.files.atomic import atomic_path
from landslip.metrics.counts import PixelCounts, count_pixels
from landslip.probability import BACKGROUND, LANDSLIDE, encode_probability, reaches_threshold
from landslip.training.data.feeding import LoadedPart, iterate_batches
from landslip.training.loop.callback import History
from landslip.training.loop.trainer import FitResult

CURVES_FILE: Final = "curves.png"
SAMPLES_FILE: Final = "samples.png"
PERCENTILES: Final = (5, 25, 50, 75, 90, 99)
_MAX_SAMPLES: Final = 96
"""Patches that are predicted, distributed evenly over the part."""
_INK, _FAINT, _RULE, _PAPER = "#1f2326", "#62696e", "#dedbd4", "#fcfbf8"
# After Okabe and Ito (2008), distinguishable with colour vision deficiency.
_COLOURS: Final = ("#0072b2", "#d55e00", "#00805d", "#b0508a", "#a06c00", "#555c66")
_TRUE_POSITIVE, _FALSE_POSITIVE, _FALSE_NEGATIVE = (240, 228, 66), (213, 94, 0), (86, 180, 233)
_DPI: Final = 130
_PANEL_PX, _GAP_PX, _CARD_GAP_PX, _LABEL_PX, _EDGE_PX = 208, 6, 34, 26, 32


def draw_pictures(
    fitted: FitResult, validation: LoadedPart, folder: Path, *, title: str, source: str, pixel_size_m: float
) -> None:
    """Draw the learning curves and some validation patches into the run's folder.

    Args:
        fitted: the run.
        validation: the validation part.
        folder: of the run.
        title: of both pictures.
        source: attribution of the patches.
        pixel_size_m: ground sampling distance.
    """
    note = f"F1 of the landslide class, counts pooled over all pixels of {len(validation)} patches. {source}"
    draw_curves(fitted.history, title, note, folder / CURVES_FILE)
    threshold, path = fitted.best.threshold_best, folder / SAMPLES_FILE
    draw_samples(fitted.network, validation, threshold, path, title=title, source=source, pixel_size_m=pixel_size_m)


def draw_curves(history: History, title: str, note: str, path: Path) -> None:
    """Draw loss and F1 by epoch.

    Args:
        history: of at least one epoch.
        title: above the picture.
        note: below it.
        path: of the PNG.
    """
    figure = Figure(figsize=(9.6, 4.2), dpi=_DPI, facecolor=_PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_loss(left, history)
    _draw_f1(right, history)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, color=_INK)
    figure.supxlabel(note, x=0.01, ha="left", fontsize=8, color=_FAINT)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw_loss(axes: Axes, history: History) -> None:
    epochs = [row["epoch"] for row in history.rows]
    names = [name for name in history.rows[0] if name == "loss" or name.startswith("loss_")]
    shown = names if len(names) > 2 else names[:1]
    # Colours repeat where a loss has more terms than there are colours.
    for name, colour in zip(shown, itertools.cycle(_COLOURS), strict=False):
        label = "loss" if name == "loss" else name.removeprefix("loss_").replace("-", " ") + ", unweighted"
        width = 2.0 if name == "loss" else 1.2
        _draw_line(axes, epochs, [row[name] for row in history.rows], colour, label, width)
    _style(axes, "Training loss", epochs)


def _draw_f1(axes: Axes, history: History) -> None:
    validations = history.validations
    epochs = [one.epoch for one in validations]
    _draw_line(axes, epochs, [one.f1_best for one in validations], _COLOURS[0], "best threshold", 2.0)
    _draw_line(axes, epochs, [one.f1_at_half for one in validations], _COLOURS[1], "threshold 0.5", 1.2)
    if any(one.f1_perturbed_mean != one.f1_best for one in validations):
        means = [one.f1_perturbed_mean for one in validations]
        _draw_line(axes, epochs, means, _COLOURS[2], "mean over perturbations", 1.2)
    if history.best is not None:
        axes.axvline(history.best.epoch, color=_FAINT, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        axes.annotate(
            f"best: epoch {history.best.epoch}",
            (history.best.epoch, 0.02),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=_FAINT,
        )
    _style(axes, "Validation F1", [row["epoch"] for row in history.rows])


def _draw_line(axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, label: str, width: float) -> None:
    # A single epoch is visible only with a marker.
    marker = "o" if len(x) < 20 else None
    axes.plot(x, y, color=colour, linewidth=width, marker=marker, markersize=3.5, label=label)


def _style(axes: Axes, title: str, epochs: Sequence[float]) -> None:
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
    """Draw patches from the lowest to the highest F1, each with its reference, probability and classified pixels.

    Args:
        network: on the CPU, in evaluation mode.
        part: to choose from.
        threshold: decision threshold.
        path: of the PNG.
        title: of the picture.
        source: attribution of the patches.
        pixel_size_m: ground sampling distance.
    """
    samples = _choose_samples(network, part, threshold)
    card_px = 3 * _PANEL_PX + 2 * _GAP_PX
    sheet = Column(2 * card_px + _CARD_GAP_PX)
    sheet.text(title, 24, weight=0.5, lines=2)
    sheet.gap(2)
    percentiles = ", ".join(str(number) for number in PERCENTILES)
    sheet.text(
        f"Patches at the percentiles {percentiles} of the F1 of single patches, at threshold {threshold:g}; only "
        "patches with a landslide, if there are any.",
        14,
        ink=FAINT,
    )
    sheet.gap(10)
    sheet.picture(_legend(sheet.width))
    sheet.gap(10)
    for first in range(0, len(samples), 2):
        row = [_card(sample, threshold, pixel_size_m) for sample in samples[first : first + 2]]
        cards = Image.new("RGB", (sheet.width, row[0].height), PAPER)
        for index, card in enumerate(row):
            cards.paste(card, (index * (card_px + _CARD_GAP_PX), 0))
        sheet.picture(cards)
        sheet.gap(14)
    sheet.text(f"Reference landslides are outlined in yellow on the image. {source}", 13, ink=FAINT)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX))
    write_picture(whole, path)


def _choose_samples(network: nn.Module, part: LoadedPart, threshold: float) -> list[_Sample]:
    holding = np.flatnonzero(part.landslide_fraction > 0)
    among = holding if len(holding) else np.arange(len(part))
    count = min(_MAX_SAMPLES, len(among))
    positions = among[np.unique(np.linspace(0, len(among) - 1, count).round().astype(np.intp))]
    samples = sorted(_predict(network, part, positions, threshold), key=lambda sample: sample.counts.f1)
    indices = np.unique(np.round(np.array(PERCENTILES) / 100 * (len(samples) - 1)).astype(np.intp))
    return [samples[index] for index in indices]


def _predict(network: nn.Module, part: LoadedPart, positions: NDArray[np.intp], threshold: float) -> list[_Sample]:
    samples = []
    for batch in iterate_batches(part, positions):
        with torch.inference_mode():
            probabilities = network(batch.values).squeeze(1).float().sigmoid().numpy()
        for position, probability, values, mask in zip(
            batch.positions.tolist(), probabilities, batch.values.numpy(), batch.masks.numpy(), strict=True
        ):
            number = int(part.keys[position].rpartition("/")[2])
            patch = Patch(number, part.scenes[position], None, None, part.channels, values, mask)
            found = reaches_threshold(encode_probability(probability), threshold)
            samples.append(_Sample(patch, probability, count_pixels(found, patch.mask)))
    return samples


def _card(sample: _Sample, threshold: float, pixel_size_m: float) -> Image.Image:
    """One patch: a caption, then image, probability and classified pixels."""
    patch = sample.patch
    image = make_views(patch, pixel_size_m)[0].rgb
    found = reaches_threshold(encode_probability(sample.probability), threshold)
    panels = [
        draw_reference(enlarge(image, _PANEL_PX), patch),
        enlarge(PROBABILITY.to_rgb(sample.probability, 0, 1), _PANEL_PX),
        enlarge(_colour_errors(image, found, patch.mask), _PANEL_PX),
    ]
    card = Image.new("RGB", (3 * _PANEL_PX + 2 * _GAP_PX, _LABEL_PX + max(one.height for one in panels)), PAPER)
    name = f"{patch.id}"
    draw_text(card, (0, 3), name, 16, INK, 0.4)
    counts = sample.counts
    caption = f"scene {patch.scene}; F1 {counts.f1:.2f}, precision {counts.precision:.2f}, recall {counts.recall:.2f}"
    draw_text(card, (text_width(name, 16) + 12, 5), plain(caption), 14, FAINT)
    for index, panel in enumerate(panels):
        card.paste(panel, (index * (_PANEL_PX + _GAP_PX), _LABEL_PX))
    return card


def _colour_errors(rgb: NDArray[np.uint8], found: NDArray[np.bool_], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image in grey with true positives, false positives and false negatives in colour."""
    grey = np.repeat((rgb.mean(axis=2) * 0.7).astype(np.uint8)[..., None], 3, axis=2)
    landslide, background = mask == LANDSLIDE, mask == BACKGROUND
    kinds = (
        (found & landslide, _TRUE_POSITIVE),
        (found & background, _FALSE_POSITIVE),
        (~found & landslide, _FALSE_NEGATIVE),
    )
    for where, colour in kinds:
        grey[where] = colour
    return grey


def _legend(width: int) -> Image.Image:
    """Names the panels and the colours."""
    row = Image.new("RGB", (width, 22), PAPER)
    text = "Each: image with the reference; probability from 0 (black) to 1 (pale); at the threshold:"
    draw_text(row, (0, 2), text, 14, FAINT)
    pen, x = ImageDraw.Draw(row), text_width(text, 14) + 14.0
    for colour, name in (
        (_TRUE_POSITIVE, "true positive"),
        (_FALSE_POSITIVE, "false positive"),
        (_FALSE_NEGATIVE, "false negative"),
    ):
        pen.rectangle((x, 4, x + 14, 18), fill=colour)
        draw_text(row, (x + 20, 2), name, 14, INK)
        x += 34 + text_width(name, 14)
    return row
