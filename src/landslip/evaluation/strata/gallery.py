"""The worst patches to look at: where most was called landslide that is none, and where most was missed."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import TRUE_COLOUR
from landslip.datasets.formats import SENTINEL
from landslip.datasets.patch_set import Patch, PatchSet
from landslip.datasets.pictures.truth import enlarged, place_text, with_truth
from landslip.datasets.pictures.views import composite
from landslip.errors import ChannelError, PredictionsError
from landslip.evaluation.predictions import Predictions
from landslip.figures.colour_ramps import Ramp, legend
from landslip.figures.formatting import area_text
from landslip.figures.picture import hatching
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width
from landslip.metrics.count_tables import counts_of
from landslip.probability import LANDSLIDE, NODATA, decode_probability

PROBABILITY: Final = Ramp(
    ((250, 248, 240), (246, 216, 150), (236, 150, 84), (196, 72, 78), (116, 28, 92), (44, 12, 66)), ""
)
FOUND: Final = (0, 158, 115)
FALSE_ALARM: Final = (213, 94, 0)
MISSED: Final = (0, 114, 178)
"""Told apart by every kind of colour vision (Okabe and Ito 2008)."""
_PANEL_PX: Final = 240
_GAP_PX: Final = 8
_LABEL_PX: Final = 26
_EDGE_PX: Final = 36
_CARD_GAP_PX: Final = 30
_HEADS: Final = ("True colour", "with the truth", "Probability", "Found, false alarm, missed")
_CARD_PX: Final = len(_HEADS) * (_PANEL_PX + _GAP_PX) - _GAP_PX


@dataclass(frozen=True, slots=True)
class Worst:
    """One patch of a gallery."""

    position: int
    """In the predictions."""
    id: int
    scene: str
    false_px: int
    missed_px: int
    found_px: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """The patches with most false alarms, and those with most that was missed, worst first."""

    false_alarms: tuple[Worst, ...]
    misses: tuple[Worst, ...]


def worst(predictions: Predictions, count: int = 6) -> Gallery:
    """Choose the worst patches by area; of equals the first. Patches without an error are left out.

    Args:
        predictions: to choose from.
        count: of each kind, at most.
    """
    counts = counts_of(predictions)

    def chosen(column: int) -> tuple[Worst, ...]:
        order = np.argsort(-counts[:, column], kind="stable")[:count]
        return tuple(_worst(predictions, counts, int(place)) for place in order if counts[place, column] > 0)

    return Gallery(chosen(1), chosen(2))


def _worst(predictions: Predictions, counts: NDArray[np.int64], place: int) -> Worst:
    tp, fp, fn, _ = counts[place].tolist()
    entry = predictions.entries[place]
    return Worst(place, entry.id, entry.scene, false_px=fp, missed_px=fn, found_px=tp)


def draw_gallery(
    gallery: Gallery, predictions: Predictions, patches: PatchSet[Any], *, beside: int = 2, source: str = SENTINEL
) -> Image.Image:
    """Draw a gallery: each patch in true colour, with its truth, its probability, and what was right and wrong.

    Args:
        gallery: of these predictions.
        predictions: of these patches.
        patches: in the same order.
        beside: how many patches stand side by side.
        source: where the patches come from, in a sentence.

    Returns:
        RGB.

    Raises:
        ChannelError: the patches are not in true colour.
        PredictionsError: the patches are not those that were predicted.
    """
    if not set(TRUE_COLOUR) <= set(patches.channels):
        raise ChannelError(
            f"the patches hold {', '.join(patches.channels)}: a gallery needs {', '.join(TRUE_COLOUR)} to be looked at"
        )
    width = beside * (_CARD_PX + _CARD_GAP_PX) - _CARD_GAP_PX
    sheet = Column(width)
    sheet.text(f"Where {predictions.detector} is most wrong", 26, weight=0.5, lines=1)
    sheet.text(
        f"{predictions.data or 'labelled patches'}; threshold {predictions.threshold:g}; the patches with the largest "
        "area of each kind of error, worst first",
        15,
        ink=FAINT,
    )
    for title, some in (("False alarms", gallery.false_alarms), ("Missed landslides", gallery.misses)):
        sheet.gap(20)
        sheet.text(title, 20, weight=0.4, lines=1)
        sheet.gap(6)
        if not some:
            sheet.text("None.", 15, ink=FAINT)
            continue
        sheet.picture(_heads(width, min(beside, len(some))))
        for first in range(0, len(some), beside):
            row = [_card(one, predictions, patches) for one in some[first : first + beside]]
            cards = Image.new("RGB", (width, max(card.height for card in row)), PAPER)
            for place, card in enumerate(row):
                cards.paste(card, (place * (_CARD_PX + _CARD_GAP_PX), 0))
            sheet.picture(cards)
            sheet.gap(14)
    sheet.picture(_key(width))
    sheet.gap(10)
    sheet.text(f"Landslides of the truth outlined in yellow. Hatched: not observed. {source}", 13, ink=FAINT)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX))
    return whole


def verdict(found: NDArray[np.bool_], mask: NDArray[np.uint8], ground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour what was found, falsely called and missed over pale grey ground.

    Args:
        found: (H, W) what the map says.
        mask: (H, W) truth.
        ground: (H, W, 3) RGB of the patch.

    Returns:
        RGB (H, W, 3).
    """
    grey = (ground.mean(axis=2, keepdims=True) * 0.45 + 140).astype(np.uint8)
    rgb = np.repeat(grey, 3, axis=2)
    truth = mask == LANDSLIDE
    for where, colour in ((found & truth, FOUND), (found & ~truth, FALSE_ALARM), (~found & truth, MISSED)):
        rgb[where] = colour
    unknown = mask == NODATA
    rgb[unknown] = hatching(*mask.shape)[unknown]
    return rgb


def _card(one: Worst, predictions: Predictions, patches: PatchSet[Any]) -> Image.Image:
    """One patch: a line of words, then its pictures."""
    entry = patches.entries[one.position]
    if (entry.id, entry.scene) != (one.id, one.scene):
        raise PredictionsError(
            f"patch {one.id} was predicted where patch {entry.id} stands now: give the patches that were predicted"
        )
    patch: Patch = patches.read(entry)
    height, width = patch.mask.shape
    levels = predictions.levels[one.position][:height, :width]
    found, mask = predictions.found[one.position][:height, :width], predictions.masks[one.position][:height, :width]
    shown = Patch(patch.id, patch.scene, patch.row, patch.col, patch.channels, patch.values, mask)
    rgb = composite(np.nan_to_num(patch.values), patch.channels, TRUE_COLOUR)
    said = PROBABILITY.painted(np.nan_to_num(decode_probability(levels)), 0, 1)
    said[levels == NODATA] = hatching(height, width)[levels == NODATA]
    pictures = [enlarged(layer, _PANEL_PX) for layer in (rgb, rgb, said, verdict(found, mask, rgb))]
    pictures[1:3] = [with_truth(picture, shown) for picture in pictures[1:3]]
    card = Image.new("RGB", (_CARD_PX, _LABEL_PX + pictures[0].height), PAPER)
    pixel_m2 = predictions.pixel_size_m**2
    areas = [
        f"{area_text(pixels * pixel_m2)} {what}"
        for pixels, what in ((one.false_px, "false"), (one.missed_px, "missed"), (one.found_px, "found"))
    ]
    name = f"{one.id}"
    draw_text(card, (0, 3), name, 16, INK, 0.4)
    draw_text(
        card, (12 + text_width(name, 16), 5), plain("; ".join([*areas, place_text(shown)]).rstrip("; ")), 14, FAINT
    )
    for place, picture in enumerate(pictures):
        card.paste(picture, (place * (_PANEL_PX + _GAP_PX), _LABEL_PX))
    return card


def _heads(width: int, cards: int) -> Image.Image:
    """What stands in each column of pictures."""
    heads = Image.new("RGB", (width, 24), PAPER)
    for card in range(cards):
        for place, title in enumerate(_HEADS):
            x = card * (_CARD_PX + _CARD_GAP_PX) + place * (_PANEL_PX + _GAP_PX)
            draw_text(heads, (x, 0), title, 15, FAINT, 0.2)
    return heads


def _key(width: int) -> Image.Image:
    """What the colours mean: under the panels of the first card that they belong to."""
    key = Image.new("RGB", (width, 20), PAPER)
    key.paste(legend(PROBABILITY, 0, 1, _PANEL_PX), (2 * (_PANEL_PX + _GAP_PX), 2))
    x = 3 * (_PANEL_PX + _GAP_PX) + 14
    for colour, word, room in ((FOUND, "found", 46), (FALSE_ALARM, "false alarm", 82), (MISSED, "missed", 0)):
        key.paste(colour, (x, 4, x + 12, 16))
        draw_text(key, (x + 17, 1), word, 14, FAINT)
        x += 17 + room
    return key
