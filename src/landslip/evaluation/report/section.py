"""What a report is made from, and what one section of it is."""

from dataclasses import dataclass
from typing import Any

from landslip.datasets.patch_set import PatchSet
from landslip.detector.card import Card
from landslip.evaluation.predictions import Predictions
from landslip.evaluation.scores import Scores


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is made from."""

    predictions: Predictions
    scores: Scores
    patches: PatchSet[Any]
    """Those that were predicted, in the same order."""
    card: Card | None
    """Of the detector; None where only its predictions were kept."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: what people read, and the same for a program."""

    key: str
    """Under which the data stand in the JSON."""
    title: str
    html: str
    data: Any


def figure(value: float | None) -> str:
    """A ratio with three digits, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def from_to(low: float, high: float) -> str:
    """The ends of an interval, kept on one line."""
    return f"{low:.3f}\u00a0to\u00a0{high:.3f}"


def count(number: float) -> str:
    """A whole number, thousands set apart."""
    return f"{number:,.0f}"


def chart(drawing: str, caption: str = "") -> str:
    """A drawing with what is to be said of it; ``caption`` must be free of markup."""
    said = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="drawn"><div class="across">{drawing}</div>{said}</figure>'
