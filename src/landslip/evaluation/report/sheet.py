"""What a report is made from, and what one section of it is."""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import landslip
from landslip.datasets.patch_set import PatchSet
from landslip.detector.card import Card
from landslip.errors import OutputError
from landslip.evaluation.predictions import Predictions
from landslip.evaluation.scores import Scores
from landslip.figures.charts import Chart, RowChart, chart_image
from landslip.figures.formatting import date_text, sentence
from landslip.figures.html_tables import bullets, paragraph


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


def chart(drawn: Chart | RowChart, caption: str = "") -> str:
    """Draw a chart with its caption, which must be free of markup."""
    said = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="drawn"><div class="across">{chart_image(drawn)}</div>{said}</figure>'


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure at the top of a page."""

    name: str
    value: str
    said: str
    """Under it, smaller: its interval, or of how many."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page before it is written as HTML."""

    kicker: str
    title: str
    lead: str
    notes: Sequence[str]
    """Protocol, definition: what every figure below it depends on."""
    cautions: Sequence[str]
    """What a reader must know before reading a figure."""
    headlines: Sequence[Headline]
    sections: Sequence[Section]
    attribution: Sequence[str]

    def html(self) -> str:
        """The page. It loads nothing from elsewhere, and its content security policy forbids it to."""
        style = _packaged("landslip.mapping.report", "report.css") + _packaged(__package__, "report.css")
        made = f"Made by landslip {landslip.__version__} on {date_text(datetime.now(UTC))}."
        return Template(_packaged(__package__, "report.html")).substitute(
            title=escape(f"{self.kicker}: {self.lead}"),
            style=style,
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            kicker=escape(self.kicker),
            name=escape(self.title),
            lead=escape(self.lead),
            notes="".join(paragraph(sentence(note), "caveat") for note in self.notes if note),
            warnings=_warnings(self.cautions),
            figures="".join(
                f"<div><dt>{escape(one.name)}</dt><dd>{escape(one.value)}<small>{escape(one.said)}</small></dd></div>"
                for one in self.headlines
            ),
            contents="".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in self.sections),
            sections="".join(
                f'<section id="{one.key}"><h2>{escape(one.title)}</h2>{one.html}</section>' for one in self.sections
            ),
            footer="".join(map(paragraph, (*dict.fromkeys(self.attribution), made))),
        )


def write_pair(folder: Path, name: str, html: str, data: dict[str, Any]) -> tuple[Path, Path]:
    """Write ``name.html`` and ``name.json``; a file is whole or not there.

    Raises:
        OutputError: they cannot be written.
    """
    text = json.dumps(finite(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_text(folder / f"{name}.html", html), write_text(folder / f"{name}.json", text)


def write_text(path: Path, text: str) -> Path:
    """Write a file, whole or not at all, and its folder if need be.

    Raises:
        OutputError: it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): give a folder you may write to"
        ) from error
    return path


def finite(value: Any) -> Any:
    """The same without numbers that JSON has no word for: they become null."""
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _packaged(package: str | None, name: str) -> str:
    return files(package or "").joinpath(name).read_text(encoding="utf-8")


def _warnings(said: Sequence[str]) -> str:
    if not said:
        return ""
    return f'<section class="warnings" role="note"><h2>Please note</h2>{bullets(map(sentence, said))}</section>'
