"""A gallery of the patches with the largest errors: false alarms and missed landslides, by area."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.channels import TRUE_COLOUR
from landslip.datasets.patch_set import SENTINEL, Patch, PatchSet
from landslip.datasets.pictures.views import composite, draw_reference, enlarge, format_position
from landslip.errors import ChannelError, PredictionsError
from landslip.evaluation.predictions import Predictions
from landslip.figures.colour_ramps import PROBABILITY, legend
from landslip.figures.formatting import format_area
from landslip.figures.picture import draw_hatching
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width
from landslip.metrics.counts import Counts
from landslip.probability import LANDSLIDE, NODATA, decode_probability

DETECTED: Final = (0, 158, 115)
FALSE_ALARM: Final = (213, 94, 0)
MISSED: Final = (0, 114, 178)
"""Distinguishable with colour vision deficiency (Okabe and Ito 2008)."""
_PANEL_PX: Final = 240
_GAP_PX: Final = 8
_LABEL_PX: Final = 26
_EDGE_PX: Final = 36
_CARD_GAP_PX: Final = 30
_HEADS: Final = ("True colour", "with the reference", "Probability", "Detected, false alarm, missed")
_CARD_PX: Final = len(_HEADS) * (_PANEL_PX + _GAP_PX) - _GAP_PX


@dataclass(frozen=True, slots=True)
class WorstPatch:
    """One patch of a gallery."""

    position: int
    """Index in the predictions."""
    id: int
    scene: str
    false_px: int
    missed_px: int
    detected_px: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """The patches with the largest area of false alarms and of missed landslides, largest first."""

    false_alarms: tuple[WorstPatch, ...]
    missed: tuple[WorstPatch, ...]


def find_worst(predictions: Predictions, count: int = 6) -> Gallery:
    """Find the patches with the largest errors by area; patches without an error are left out.

    Args:
        predictions: to choose from.
        count: largest number of patches for each kind of error.
    """
    counts = predictions.counts()

    def largest(column: int) -> tuple[WorstPatch, ...]:
        order = np.argsort(-counts[:, column], kind="stable")[:count]
        return tuple(_worst(predictions, counts, int(index)) for index in order if counts[index, column] > 0)

    return Gallery(largest(1), largest(2))


def _worst(predictions: Predictions, counts: Counts, index: int) -> WorstPatch:
    tp, fp, fn, _ = counts[index].tolist()
    entry = predictions.entries[index]
    return WorstPatch(index, entry.id, entry.scene, false_px=fp, missed_px=fn, detected_px=tp)


def draw_gallery(
    gallery: Gallery, predictions: Predictions, patches: PatchSet[Any], *, beside: int = 2, source: str = SENTINEL
) -> Image.Image:
    """Draw a gallery: each patch in true colour, with the reference, with the probability, and by outcome.

    Args:
        gallery: of these predictions.
        predictions: of these patches.
        patches: in the same order.
        beside: number of patches side by side.
        source: attribution of the patches, a sentence.

    Returns:
        An RGB image.

    Raises:
        ChannelError: the patches lack a true-colour channel.
        PredictionsError: the patches are not those that were predicted.
    """
    if not set(TRUE_COLOUR) <= set(patches.channels):
        raise ChannelError(
            f"a gallery needs the channels {', '.join(TRUE_COLOUR)}, and the patches have {', '.join(patches.channels)}"
        )
    width = beside * (_CARD_PX + _CARD_GAP_PX) - _CARD_GAP_PX
    sheet = Column(width)
    sheet.text(f"Largest errors of {predictions.detector}", 26, weight=0.5, lines=1)
    sheet.text(
        f"{predictions.data or 'labelled patches'}; threshold {predictions.threshold:g}; the patches with the largest "
        "area of each kind of error, largest first",
        15,
        ink=FAINT,
    )
    for title, some in (("False alarms", gallery.false_alarms), ("Missed landslides", gallery.missed)):
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
            for column, card in enumerate(row):
                cards.paste(card, (column * (_CARD_PX + _CARD_GAP_PX), 0))
            sheet.picture(cards)
            sheet.gap(14)
    sheet.picture(_key(width))
    sheet.gap(10)
    sheet.text(f"Reference landslides are outlined in yellow. Hatched: nodata. {source}", 13, ink=FAINT)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX))
    return whole


def draw_outcome(found: NDArray[np.bool_], mask: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour detected, false and missed pixels over a pale grey image.

    Args:
        found: (H, W) where a landslide is predicted.
        mask: (H, W) reference.
        rgb: (H, W, 3) the patch.

    Returns:
        RGB (H, W, 3).
    """
    grey = (rgb.mean(axis=2, keepdims=True) * 0.45 + 140).astype(np.uint8)
    drawn = np.repeat(grey, 3, axis=2)
    landslide = mask == LANDSLIDE
    for where, colour in (
        (found & landslide, DETECTED),
        (found & ~landslide, FALSE_ALARM),
        (~found & landslide, MISSED),
    ):
        drawn[where] = colour
    nodata = mask == NODATA
    drawn[nodata] = draw_hatching(*mask.shape)[nodata]
    return drawn


def _card(one: WorstPatch, predictions: Predictions, patches: PatchSet[Any]) -> Image.Image:
    """Draw one patch: a line of text above its pictures."""
    entry = patches.entries[one.position]
    if (entry.id, entry.scene) != (one.id, one.scene):
        raise PredictionsError(
            f"patch {one.id} was predicted at the position of patch {entry.id}: give the patches that were predicted",
            parameter="patches",
        )
    patch: Patch = patches.read(entry)
    height, width = patch.mask.shape
    encoded = predictions.encoded[one.position][:height, :width]
    found, mask = predictions.found[one.position][:height, :width], predictions.masks[one.position][:height, :width]
    shown = Patch(patch.id, patch.scene, patch.row, patch.col, patch.channels, patch.values, mask)
    rgb = composite(np.nan_to_num(patch.values), patch.channels, TRUE_COLOUR)
    probability = PROBABILITY.to_rgb(np.nan_to_num(decode_probability(encoded)), 0, 1)
    probability[encoded == NODATA] = draw_hatching(height, width)[encoded == NODATA]
    layers = (rgb, rgb, probability, draw_outcome(found, mask, rgb))
    pictures = [enlarge(layer, _PANEL_PX) for layer in layers]
    pictures[1:3] = [draw_reference(picture, shown) for picture in pictures[1:3]]
    card = Image.new("RGB", (_CARD_PX, _LABEL_PX + pictures[0].height), PAPER)
    pixel_m2 = predictions.pixel_size_m**2
    areas = [
        f"{format_area(pixels * pixel_m2)} {outcome}"
        for pixels, outcome in ((one.false_px, "false"), (one.missed_px, "missed"), (one.detected_px, "detected"))
    ]
    name = f"{one.id}"
    draw_text(card, (0, 3), name, 16, INK, 0.4)
    details = plain("; ".join([*areas, format_position(shown)]).rstrip("; "))
    draw_text(card, (12 + text_width(name, 16), 5), details, 14, FAINT)
    for column, picture in enumerate(pictures):
        card.paste(picture, (column * (_PANEL_PX + _GAP_PX), _LABEL_PX))
    return card


def _heads(width: int, cards: int) -> Image.Image:
    """Draw the headings of the columns of pictures."""
    heads = Image.new("RGB", (width, 24), PAPER)
    for card in range(cards):
        for column, title in enumerate(_HEADS):
            x = card * (_CARD_PX + _CARD_GAP_PX) + column * (_PANEL_PX + _GAP_PX)
            draw_text(heads, (x, 0), title, 15, FAINT, 0.2)
    return heads


def _key(width: int) -> Image.Image:
    """Draw the legend of the colours, under the panels of the first card that they belong to."""
    key = Image.new("RGB", (width, 20), PAPER)
    key.paste(legend(PROBABILITY, 0, 1, _PANEL_PX), (2 * (_PANEL_PX + _GAP_PX), 2))
    x = 3 * (_PANEL_PX + _GAP_PX)
    for colour, word, space in ((DETECTED, "detected", 58), (FALSE_ALARM, "false alarm", 74), (MISSED, "missed", 0)):
        key.paste(colour, (x, 4, x + 12, 16))
        draw_text(key, (x + 17, 1), word, 14, FAINT)
        x += 17 + space
    return key
