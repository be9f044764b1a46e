"""Puts the sections together and writes ``report.html`` and ``report.json``."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import landslip
from landslip.drawing.wording import date_text, sentence
from landslip.errors import OutputError
from landslip.evaluation.charts.style import page_style
from landslip.evaluation.pixel import DEFINITION
from landslip.evaluation.report.landslides import (
    frequency_section,
    inventories,
    landslides_section,
    outlines_section,
)
from landslip.evaluation.report.origin import cautions, origin_section
from landslip.evaluation.report.pixels import by_scene_section, comparison_section, definitions_section
from landslip.evaluation.report.probabilities import calibration_section, threshold_section
from landslip.evaluation.report.section import Asked, Section, from_to
from landslip.mapping.sheet.report_tables import bullets, paragraph

Watch = Callable[[str, int, int], None]

HTML = "report.html"
JSON = "report.json"


@dataclass(frozen=True, slots=True)
class Report:
    """A finished report."""

    html: str
    data: dict[str, Any]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both files; a file is whole or not there.

        Raises:
            OutputError: they cannot be written.
        """
        paths = folder / HTML, folder / JSON
        text = json.dumps(self.data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, content in zip(paths, (self.html, text), strict=True):
                unfinished = path.with_name(f".{path.name}.unfinished")
                unfinished.write_text(content, encoding="utf-8")
                unfinished.replace(path)
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written to ({error.strerror or error}): give a folder you may write to"
            ) from error
        return paths


def make_report(asked: Asked, watch: Watch = lambda doing, done, total: None) -> Report:
    """Make a report of predictions.

    Args:
        asked: what it is made from.
        watch: told which section is being made, how many are done and how many there are.

    Raises:
        PatchesError: a patch is damaged.
        PredictionsError: two patches have one place.
    """
    sections = tuple(_sections(asked, watch))
    created = datetime.now(UTC)
    style = files("landslip.mapping.sheet").joinpath("report.css").read_text(encoding="utf-8")
    style += files("landslip.evaluation.report").joinpath("report.css").read_text(encoding="utf-8") + page_style()
    title = asked.predictions.detector if asked.card is None else asked.card.title
    attribution = () if asked.card is None else asked.card.attribution
    html = Template(files("landslip.evaluation.report").joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=f"Evaluation: {escape(asked.predictions.detector)}",
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        name=escape(title),
        lead=escape(f"{asked.predictions.detector} on {asked.predictions.data or 'patches'}"),
        protocol=escape(sentence(asked.predictions.protocol or "protocol not said")),
        definition=escape(f"F1, precision, recall and IoU: {DEFINITION}, unless said otherwise."),
        warnings=_warnings(cautions(asked)),
        figures=_figures(asked, sections),
        contents="".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in sections),
        sections="".join(
            f'<section id="{one.key}"><h2>{escape(one.title)}</h2>{one.html}</section>' for one in sections
        ),
        footer="".join(
            map(paragraph, (*attribution, f"Made by landslip {landslip.__version__} on {date_text(created)}."))
        ),
    )
    data = {"landslip": landslip.__version__, "created": created.isoformat(), "cautions": list(cautions(asked))}
    return Report(html, data | {one.key: one.data for one in sections})


def _sections(asked: Asked, watch: Watch) -> Iterator[Section]:
    found = inventories(asked)
    makers: tuple[Callable[[], Section | None], ...] = (
        lambda: by_scene_section(asked),
        lambda: definitions_section(asked),
        lambda: comparison_section(asked),
        lambda: landslides_section(asked, found),
        lambda: outlines_section(asked),
        lambda: frequency_section(asked, found),
        lambda: calibration_section(asked),
        lambda: threshold_section(asked),
        lambda: origin_section(asked),
    )
    for done, make in enumerate(makers, 1):
        section = make()
        watch("writing the report", done, len(makers))
        if section is not None:
            yield section


def _warnings(said: tuple[str, ...]) -> str:
    if not said:
        return ""
    return f'<section class="warnings" role="note"><h2>Please note</h2>{bullets(map(sentence, said))}</section>'


def _figures(asked: Asked, sections: tuple[Section, ...]) -> str:
    """The headline figures, each with its interval."""
    made = asked.scores.intervals
    found = [
        (name, f"{made[key].value:.3f}", from_to(made[key].low, made[key].high))
        for key, name in (("f1", "F1"), ("precision", "Precision"), ("recall", "Recall"), ("iou", "IoU"))
    ]
    objects = next(one.data["all"] for one in sections if one.key == "landslides")
    share = f"of {objects['truth']:,} true ones"
    found.append(("Landslides found", f"{objects['pairs']:,}", share))
    found.append(("False alarms", f"{objects['false_alarms']:,}", f"of {objects['mapped']:,} mapped ones"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(said)}</small></dd></div>"
        for name, value, said in found
    )
