"""Which patches to look at: by number, or at random by a seed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image

from landslip.datasets.formats import SENTINEL
from landslip.datasets.patch_set import Patch, PatchSet
from landslip.datasets.pictures.views import View, enlarged, format_position, truth_text, views, with_truth
from landslip.datasets.splits import patch_key
from landslip.errors import PatchesError
from landslip.figures.colour_ramps import HEIGHT_PX, legend
from landslip.figures.typography import FAINT, INK, PAPER, Column, draw_text, plain, text_width


@dataclass(frozen=True, slots=True)
class Chosen:
    """Patches and how they were chosen, in words."""

    patches: tuple[Patch, ...]
    how: str


def choose(
    patches: PatchSet[Any],
    *,
    ids: Sequence[int] = (),
    count: int = 8,
    seed: int = 42,
    split: str | None = None,
    scene: str | None = None,
) -> Chosen:
    """Choose patches: those of some numbers in their order, or some at random in the order of the set.

    The same seed gives the same patches of a set on every machine: those first by the SHA-256 of ``seed/split/id``.

    Raises:
        PatchesError: a number is not there, or nothing is left to choose from.
    """
    among = [
        entry
        for entry in patches.entries
        if (split is None or entry.split == split) and (scene is None or entry.scene == scene)
    ]
    limits = ", ".join(word for word in (split and f"split {split}", scene and f"scene {scene}") if word)
    if not among:
        raise PatchesError(f"the set has no patch of {limits or 'any kind'}: leave that out, or give another")
    if ids:
        picked = [entry for number in ids for entry in among if entry.id == number]
        missing = [number for number in ids if all(entry.id != number for entry in among)]
        if missing:
            raise PatchesError(
                f"the set has no patch {missing[0]}{' in ' + limits if limits else ''}: "
                f"its numbers run from {min(entry.id for entry in among)} to {max(entry.id for entry in among)}"
            )
        how = "chosen by number"
    else:
        by_seed = sorted(among, key=lambda entry: hashlib.sha256(f"{seed}/{patch_key(entry)}".encode()).digest())
        wanted = {patch_key(entry) for entry in by_seed[:count]}
        picked = [entry for entry in among if patch_key(entry) in wanted]
        how = f"{len(picked)} of {len(among):,} at random, seed {seed}"
    return Chosen(tuple(patches.read(entry) for entry in picked), f"{how}, {limits}" if limits else how)


_EDGE_PX: Final = 36
_GAP_PX: Final = 8
_CARD_GAP_PX: Final = 30
_PANEL_PX: Final = 256
_ROOM_PX: Final = 1720
"""As many patches stand side by side as fit this width; one at least."""
_LABEL_PX: Final = 26
OUTLINED: Final = "Landslides of the truth outlined in yellow."


def contact_sheet(
    patches: Sequence[Patch], title: str, subtitle: str, *, pixel_size_m: float = 10.0, source: str = SENTINEL
) -> Image.Image:
    """Draw a contact sheet.

    Args:
        patches: at least one, all of the same channels.
        title: of the sheet.
        subtitle: how the patches were chosen.
        pixel_size_m: side of a pixel on the ground.
        source: where the patches come from, in a sentence.

    Returns:
        RGB.
    """
    kinds = views(patches[0], pixel_size_m)
    card_px = (len(kinds) + 1) * (_PANEL_PX + _GAP_PX) - _GAP_PX
    beside = max(1, min(len(patches), (_ROOM_PX + _CARD_GAP_PX) // (card_px + _CARD_GAP_PX)))
    width = beside * (card_px + _CARD_GAP_PX) - _CARD_GAP_PX
    sheet = Column(width)
    sheet.text(title, 26, weight=0.5, lines=1)
    sheet.gap(2)
    sheet.text(subtitle, 15, ink=FAINT)
    sheet.gap(16)
    for first in range(0, len(patches), beside):
        row = [_card(patch, pixel_size_m) for patch in patches[first : first + beside]]
        cards = Image.new("RGB", (width, row[0].height), PAPER)
        for place, card in enumerate(row):
            cards.paste(card, (place * (card_px + _CARD_GAP_PX), 0))
        if first == 0:
            sheet.picture(_heads(kinds, width, card_px, len(row)))
        sheet.picture(cards)
        sheet.gap(16)
    if any(kind.ramp for kind in kinds):
        sheet.picture(_legends(kinds, width))
        sheet.gap(14)
    sheet.text(f"{OUTLINED} {source}", 13, ink=FAINT)
    drawn = sheet.render()
    whole = Image.new("RGB", (drawn.width + 2 * _EDGE_PX, drawn.height + 2 * _EDGE_PX), PAPER)
    whole.paste(drawn, (_EDGE_PX, _EDGE_PX))
    return whole


def _card(patch: Patch, pixel_size_m: float) -> Image.Image:
    """One patch: a line of words, then its views; the first is there without the truth too."""
    seen = views(patch, pixel_size_m)
    pictures = [enlarged(view.rgb, _PANEL_PX) for view in seen]
    panels = [pictures[0], *(with_truth(picture, patch) for picture in pictures)]
    card = Image.new("RGB", (len(panels) * (_PANEL_PX + _GAP_PX) - _GAP_PX, _LABEL_PX + panels[0].height), PAPER)
    name = f"{patch.id}"
    draw_text(card, (0, 3), name, 16, INK, 0.4)
    words = [word for word in (truth_text(patch), format_position(patch), _relief(seen)) if word]
    draw_text(card, (text_width(name, 16) + 12, 5), plain("; ".join(words)), 14, FAINT)
    for place, panel in enumerate(panels):
        card.paste(panel, (place * (_PANEL_PX + _GAP_PX), _LABEL_PX))
    return card


def _relief(seen: Sequence[View]) -> str:
    """The lowest and the highest point, which the colours of each patch run between."""
    heights = next((view for view in seen if view.title == "Elevation"), None)
    return "" if heights is None else f"{heights.low:,.0f} to {heights.high:,.0f} m"


def _heads(kinds: Sequence[View], width: int, card_px: int, cards: int) -> Image.Image:
    """What stands in each column of pictures."""
    heads = Image.new("RGB", (width, 24), PAPER)
    for card in range(cards):
        for place, title in enumerate((kinds[0].title, "with the truth", *(kind.title for kind in kinds[1:]))):
            x = card * (card_px + _CARD_GAP_PX) + place * (_PANEL_PX + _GAP_PX)
            draw_text(heads, (x, 0), plain(title), 15, FAINT, 0.2)
    return heads


def _legends(kinds: Sequence[View], width: int) -> Image.Image:
    """A bar under each column whose colours stand for numbers that are the same for all patches."""
    row = Image.new("RGB", (width, HEIGHT_PX), PAPER)
    for place, kind in enumerate(kinds, start=1):
        x = place * (_PANEL_PX + _GAP_PX)
        if kind.ramp and kind.title == "Elevation":
            draw_text(row, (x, 0), "from each patch's lowest to its highest", 13, FAINT)
        elif kind.ramp:
            row.paste(legend(kind.ramp, kind.low, kind.high, _PANEL_PX), (x, 0))
    return row
