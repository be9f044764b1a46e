"""What a network says about a few patches of the choosing part, as a picture; they are picked by rule, not by look."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import nn

from landslip.datasets.patch import LANDSLIDE, NOT_LANDSLIDE, Patch
from landslip.datasets.pictures.truth import enlarged, with_truth
from landslip.datasets.pictures.views import views
from landslip.figures.colour_ramps import Ramp
from landslip.figures.picture_files import write_picture
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width
from landslip.metrics.counts import PixelCounts, count_pixels
from landslip.probability import at_least, to_levels
from landslip.training.data.feeding import LoadedPart, in_turn

NAME: Final = "samples.png"
PERCENTILES: Final = (5, 25, 50, 75, 90, 99)
_ASKED: Final = 96
"""At most so many patches, spread evenly over the part, are gone through."""
_PANEL_PX, _GAP_PX, _CARD_GAP_PX, _LABEL_PX, _EDGE_PX = 208, 6, 34, 26, 32
_PROBABILITY: Final = Ramp(((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191)), "")
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
            found = at_least(to_levels(said), threshold)
            samples.append(_Sample(patch, said, count_pixels(found, patch.mask)))
    return samples


def _card(sample: _Sample, threshold: float, pixel_size_m: float) -> Image.Image:
    """One patch: a line of words, then its image, the probability, and what was right and wrong."""
    patch = sample.patch
    image = views(patch, pixel_size_m)[0].rgb
    panels = [
        with_truth(enlarged(image, _PANEL_PX), patch),
        enlarged(_PROBABILITY.painted(sample.probability, 0, 1), _PANEL_PX),
        enlarged(_judged(image, at_least(to_levels(sample.probability), threshold), patch.mask), _PANEL_PX),
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
    landslide, other = mask == LANDSLIDE, mask == NOT_LANDSLIDE
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
