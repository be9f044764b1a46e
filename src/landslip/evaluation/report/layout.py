"""The page of a report or study: headlines, sections, HTML and JSON."""

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
from landslip.evaluation.evaluate import Scores
from landslip.evaluation.predictions import Predictions
from landslip.figures.charts import Chart, RowChart, chart_image
from landslip.figures.formatting import format_date, to_sentence
from landslip.figures.html_tables import bullet_list, paragraph
from landslip.files import atomic
from landslip.metrics.intervals import format_ends


@dataclass(frozen=True, slots=True)
class ReportInput:
    """What a report on a detector is made from."""

    predictions: Predictions
    scores: Scores
    patches: PatchSet[Any]
    """The predicted patches, in the same order."""
    card: Card | None
    """Of the detector; None for saved predictions."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report, as HTML and as data."""

    key: str
    """Of the data in the JSON."""
    title: str
    html: str
    data: Any


@dataclass(frozen=True, slots=True)
class Headline:
    """A figure at the top of a page."""

    name: str
    value: str
    detail: str
    """Below the value, smaller: its interval or total."""


def format_ratio(value: float | None) -> str:
    """Format a ratio with three digits; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def format_interval(low: float | None, high: float | None, style: str = ".3f") -> str:
    """Format the ends of an interval without a line break; say where it is not given."""
    return format_ends(low, high, style).replace(" ", "\u00a0")


def format_integer(number: float) -> str:
    """Format an integer with thousands separators."""
    return f"{number:,.0f}"


def chart_html(chart: Chart | RowChart, caption: str = "") -> str:
    """Draw a chart with a caption, which must be free of markup."""
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure class="drawn"><div class="across">{chart_image(chart)}</div>{below}</figure>'


@dataclass(frozen=True, slots=True)
class ReportPage:
    """A page before it is written as HTML."""

    kicker: str
    title: str
    lead: str
    notes: Sequence[str]
    """Protocol and definition, which all figures depend on."""
    cautions: Sequence[str]
    """Limitations that must be known to interpret the figures."""
    headlines: Sequence[Headline]
    sections: Sequence[Section]
    attribution: Sequence[str]

    def html(self) -> str:
        """Return the page. It loads nothing, and its content security policy forbids it to."""
        style = _packaged("landslip.mapping.report", "report.css") + _packaged(__package__, "report.css")
        made = f"Made by landslip {landslip.__version__} on {format_date(datetime.now(UTC))}."
        return Template(_packaged(__package__, "report.html")).substitute(
            title=escape(f"{self.kicker}: {self.lead}"),
            style=style,
            style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            kicker=escape(self.kicker),
            name=escape(self.title),
            lead=escape(self.lead),
            notes="".join(paragraph(to_sentence(note), "caveat") for note in self.notes if note),
            warnings=_warnings(self.cautions),
            figures="".join(
                f"<div><dt>{escape(one.name)}</dt><dd>{escape(one.value)}<small>{escape(one.detail)}</small></dd></div>"
                for one in self.headlines
            ),
            contents="".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in self.sections),
            sections="".join(
                f'<section id="{one.key}"><h2>{escape(one.title)}</h2>{one.html}</section>' for one in self.sections
            ),
            footer="".join(map(paragraph, (*dict.fromkeys(self.attribution), made))),
        )


def write_report_files(folder: Path, name: str, html: str, data: dict[str, Any]) -> tuple[Path, Path]:
    """Write ``name.html`` and ``name.json``, each atomically.

    Raises:
        OutputError: they cannot be written.
    """
    text = json.dumps(replace_non_finite(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_text(folder / f"{name}.html", html), write_text(folder / f"{name}.json", text)


def write_text(path: Path, text: str) -> Path:
    """Write a file atomically; its folder is created.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): give a folder you may write to"
        ) from error
    atomic.write_text(path, text)
    return path


def replace_non_finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {name: replace_non_finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [replace_non_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _packaged(package: str | None, name: str) -> str:
    return files(package or "").joinpath(name).read_text(encoding="utf-8")


def _warnings(cautions: Sequence[str]) -> str:
    if not cautions:
        return ""
    return (
        f'<section class="warnings" role="note"><h2>Limitations</h2>{bullet_list(map(to_sentence, cautions))}</section>'
    )
