"""A detector's card in words, for a terminal."""

import textwrap
from collections.abc import Iterator

from landslip.card import Score
from landslip.detector import Detector

_WIDTH = 100
_LABEL = 16


def card_text(detector: Detector) -> str:
    """All that a user of a detector should know, as lines of text."""
    card = detector.card
    channels = ", ".join(f"{name} ({unit})" for name, unit in zip(card.channels, card.units, strict=True))
    rows = [
        ("network", f"{card.network}, {len(detector.onnx_bytes) / 1e6:.1f} MB"),
        ("takes", f"{channels} at {card.pixel_size_m:g} m"),
        ("normalisation", card.normalisation.text),
        ("tiles", f"{card.tile_px} px with {card.overlap_px} px overlap"),
        ("threshold", f"{card.threshold:g}: {card.threshold_chosen}"),
        ("temperature", f"{card.temperature:g}"),
        ("confidence", card.confidence.text if card.confidence else "the mean probability inside an outline"),
        ("trained on", card.trained_on),
        *(("score", _score(score)) for score in card.scores),
        *(("not good for", text) for text in card.not_good_for),
        ("licence", card.licence),
        *(("attribution", text) for text in card.attribution),
        ("made", f"{card.created.isoformat()} by landslip {card.landslip_version}"),
        ("sha256", detector.sha256),
    ]
    return "\n".join([f"{card.name}: {card.title}", *_lines(rows)])


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
