"""A detector's card in words, for a terminal."""

import textwrap
from collections.abc import Iterator

from landslip.detector.card import Card, Score
from landslip.detector.detector import Detector

_WIDTH = 100
_LABEL = 16


def card_text(detector: Detector) -> str:
    """All that a user of a detector should know, as lines of text."""
    card = detector.card
    channels = ", ".join(f"{name} ({unit})" for name, unit in zip(card.channels, card.units, strict=True))
    rows = [
        ("network", f"{card.network}, {len(detector.onnx_bytes) / 1e6:.1f} MB"),
        *_cost(card),
        ("takes", f"{channels} at {card.pixel_size_m:g} m"),
        ("normalisation", card.normalisation.text),
        ("tiles", f"{card.tile_px} px with {card.overlap_px} px overlap"),
        ("threshold", f"{card.threshold:g}: {card.threshold_chosen}"),
        ("temperature", f"{card.temperature:g}"),
        ("confidence", card.confidence.text if card.confidence else "the mean probability inside an outline"),
        ("ranges", _ranges(card)),
        ("trained on", card.trained_on),
        *_adapted(card),
        *(("score", _score(score)) for score in card.scores),
        *(("not good for", text) for text in card.not_good_for),
        ("licence", card.licence),
        *(("attribution", text) for text in card.attribution),
        ("made", f"{card.created.isoformat()} by landslip {card.landslip_version}"),
        ("sha256", detector.sha256),
    ]
    return "\n".join([f"{card.name}: {card.title}", *_lines(rows)])


def _cost(card: Card) -> list[tuple[str, str]]:
    if card.forward_passes == 1:
        return []
    members = f"mean of {', '.join(member.name for member in card.members)}"
    turned = {"none": "", "flips": ", each flipped 4 ways", "d4": ", each turned and flipped 8 ways"}[card.turns]
    return [("costs", f"{card.forward_passes} passes of a network for an image: {members}{turned}")]


def _adapted(card: Card) -> list[tuple[str, str]]:
    if card.adapted is None:
        return []
    place, images, share = card.adapted.to, card.adapted.images, card.adapted.share
    how = "" if share == 1 else f", {share:.0%} of the way"
    return [("adapted to", f"{place}, by {images} images without truth{how}: not measured there")]


def _ranges(card: Card) -> str:
    if card.input_ranges is None:
        return "not known: the training data do not tell absolute values"
    known = (f"{name} {low:g} to {high:g}" for name, (low, high) in card.input_ranges.items())
    return f"{', '.join(known)}: 1st to 99th percentile of what it learned from"


def _score(score: Score) -> str:
    interval = f" ({score.f1_interval[0]:.3f} to {score.f1_interval[1]:.3f})" if score.f1_interval else ""
    seeds = ", ".join(map(str, score.seeds))
    return (
        f"{score.data}: F1 {score.f1:.3f}{interval}, precision {score.precision:.3f}, recall {score.recall:.3f}, "
        f"IoU {score.iou:.3f}; {score.protocol}; {score.definition}; {score.patches} patches; seed {seeds}"
    )


def _lines(rows: list[tuple[str, str]]) -> Iterator[str]:
    before = ""
    for label, text in rows:
        shown = "" if label == before else label
        yield textwrap.fill(text, _WIDTH, initial_indent=f"  {shown:<{_LABEL}}", subsequent_indent=" " * (_LABEL + 2))
        before = label
