"""Selection of patches, by number or at random, and a contact sheet of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image

from landslip.datasets.patch_set import SENTINEL, Patch, PatchSet
from landslip.datasets.pictures.views import View, describe_mask, draw_reference, enlarge, format_position, make_views
from landslip.datasets.splits import patch_key
from landslip.errors import PatchesError
from landslip.figures.colour_ramps import HEIGHT_PX, legend
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width


@dataclass(frozen=True, slots=True)
class ChosenPatches:
    """Patches, with a description of the selection."""

    patches: tuple[Patch, ...]
    how: str


def choose_patches(
    patches: PatchSet[Any],
    *,
    ids: Sequence[int] = (),
    count: int = 8,
    seed: int = 42,
    split: str | None = None,
    scene: str | None = None,
) -> ChosenPatches:
    """Choose patches by number, or at random.

    A seed gives the same patches on every machine: the first by the SHA-256 of ``seed/split/id``.

    Args:
        patches: the data set.
        ids: numbers of the patches, in the order wanted; empty for a random choice.
        count: number of random patches.
        seed: another seed gives other patches.
        split: only patches of this split.
        scene: only patches of this scene.

    Raises:
        PatchesError: a number does not exist, or the split and scene have no patches.
    """
    among = [
        entry
        for entry in patches.entries
        if (split is None or entry.split == split) and (scene is None or entry.scene == scene)
    ]
    limits = ", ".join(word for word in (split and f"split {split}", scene and f"scene {scene}") if word)
    if not among:
        raise PatchesError(f"the set has no patches{' of ' + limits if limits else ''}: give another split or scene")
    if ids:
        picked = [entry for number in ids for entry in among if entry.id == number]
        missing = [number for number in ids if all(entry.id != number for entry in among)]
        if missing:
            raise PatchesError(
                f"the set has no patch {missing[0]}{' in ' + limits if limits else ''}: "
                f"its numbers are {min(entry.id for entry in among)} to {max(entry.id for entry in among)}"
            )
        how = "chosen by number"
    else:
        by_seed = sorted(among, key=lambda entry: hashlib.sha256(f"{seed}/{patch_key(entry)}".encode()).digest())
        wanted = {patch_key(entry) for entry in by_seed[:count]}
        picked = [entry for entry in among if patch_key(entry) in wanted]
        how = f"{len(picked)} of {len(among):,} at random, seed {seed}"
    return ChosenPatches(tuple(patches.read(entry) for entry in picked), f"{how}, {limits}" if limits else how)


_EDGE_PX: Final = 36
_GAP_PX: Final = 8
_CARD_GAP_PX: Final = 30
_PANEL_PX: Final = 256
_WIDTH_PX: Final = 1720
"""Width in which patches are placed side by side; at least one patch in each row."""
_LABEL_PX: Final = 26
OUTLINED: Final = "Reference landslides outlined in yellow."


def draw_contact_sheet(
    patches: Sequence[Patch], title: str, subtitle: str, *, pixel_size_m: float = 10.0, source: str = SENTINEL
) -> Image.Image:
    """Draw a contact sheet of patches, each in all views that its channels allow.

    Args:
        patches: one or more patches of the same channels.
        title: title of the sheet.
        subtitle: how the patches were chosen.
        pixel_size_m: side of a pixel on the ground.
        source: attribution of the patches.

    Returns:
        An RGB picture.
    """
    kinds = make_views(patches[0], pixel_size_m)
    card_px = (len(kinds) + 1) * (_PANEL_PX + _GAP_PX) - _GAP_PX
    beside = max(1, min(len(patches), (_WIDTH_PX + _CARD_GAP_PX) // (card_px + _CARD_GAP_PX)))
    width = beside * (card_px + _CARD_GAP_PX) - _CARD_GAP_PX
    sheet = Column(width)
    sheet.text(title, 26, weight=0.5, lines=1)
    sheet.gap(2)
    sheet.text(subtitle, 15, ink=FAINT)
    sheet.gap(16)
    for first in range(0, len(patches), beside):
        row = [_card(patch, pixel_size_m) for patch in patches[first : first + beside]]
        cards = Image.new("RGB", (width, row[0].height), PAPER)
        for column, card in enumerate(row):
            cards.paste(card, (column * (card_px + _CARD_GAP_PX), 0))
        if first == 0:
            sheet.picture(_heads(kinds, width, card_px, len(row)))
        sheet.picture(cards)
        sheet.gap(16)
    if any(kind.ramp for kind in kinds):
        sheet.picture(_legends(kinds, width))
        sheet.gap(14)
    sheet.text(f"{OUTLINED} {source}", 13, ink=FAINT)
    drawn = sheet.render()
    framed = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
    framed.paste(drawn, (_EDGE_PX, _EDGE_PX))
    return framed


def _card(patch: Patch, pixel_size_m: float) -> Image.Image:
    """Draw one patch: a line of text and its views, the first also without the reference outlines."""
    shown = make_views(patch, pixel_size_m)
    pictures = [enlarge(view.rgb, _PANEL_PX) for view in shown]
    panels = [pictures[0], *(draw_reference(picture, patch) for picture in pictures)]
    card = Image.new("RGB", (len(panels) * (_PANEL_PX + _GAP_PX) - _GAP_PX, _LABEL_PX + panels[0].height), PAPER)
    name = f"{patch.id}"
    draw_text(card, (0, 3), name, 16, INK, 0.4)
    words = [word for word in (describe_mask(patch), format_position(patch), _elevation_range(shown)) if word]
    draw_text(card, (text_width(name, 16) + 12, 5), plain("; ".join(words)), 14, FAINT)
    for column, panel in enumerate(panels):
        card.paste(panel, (column * (_PANEL_PX + _GAP_PX), _LABEL_PX))
    return card


def _elevation_range(shown: Sequence[View]) -> str:
    """Return the range of elevation, to which the colours of a patch are stretched."""
    heights = next((view for view in shown if view.title == "Elevation"), None)
    return "" if heights is None else f"{heights.low:,.0f} to {heights.high:,.0f} m"


def _heads(kinds: Sequence[View], width: int, card_px: int, cards: int) -> Image.Image:
    """Draw the titles of the columns."""
    heads = Image.new("RGB", (width, 24), PAPER)
    for card in range(cards):
        for column, title in enumerate((kinds[0].title, "with reference", *(kind.title for kind in kinds[1:]))):
            x = card * (card_px + _CARD_GAP_PX) + column * (_PANEL_PX + _GAP_PX)
            draw_text(heads, (x, 0), plain(title), 15, FAINT, 0.2)
    return heads


def _legends(kinds: Sequence[View], width: int) -> Image.Image:
    """Draw a legend under each column whose colour scale is the same for all patches."""
    row = Image.new("RGB", (width, HEIGHT_PX), PAPER)
    for column, kind in enumerate(kinds, start=1):
        x = column * (_PANEL_PX + _GAP_PX)
        if kind.ramp and kind.title == "Elevation":
            draw_text(row, (x, 0), "lowest to highest of each patch", 13, FAINT)
        elif kind.ramp:
            row.paste(legend(kind.ramp, kind.low, kind.high, _PANEL_PX), (x, 0))
    return row
