"""The report of a map, ``report.html``: one self-contained page for screen and print."""

import base64
import hashlib
import io
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.detector.card import Card
from landslip.figures.formatting import format_area, format_count, format_dates, format_percent, to_sentence
from landslip.figures.html_tables import bullet_list, has_terrain, landslides_table, paragraph
from landslip.files.atomic import write_text
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.report import sections
from landslip.mapping.report.margin import CAVEAT, headline

if TYPE_CHECKING:
    import geopandas as gpd


def write_report(
    path: Path,
    overview: Image.Image,
    landslides: "gpd.GeoDataFrame",
    areas_m2: NDArray[np.float64],
    summary: Summary,
    card: Card,
    *,
    frequency: str | None = None,
) -> None:
    """Write the report.

    The page loads no other file, and its content security policy forbids it.

    Args:
        path: of the file.
        overview: the map sheet.
        landslides: the largest, sorted by area, with the columns of ``landslides.gpkg``.
        areas_m2: of all landslides, (N,).
        summary: of the map.
        card: of the detector.
        frequency: the chart of the areas, from ``sections.frequency_section``; drawn here where None.

    Raises:
        OutputError: the file cannot be written.
    """
    if frequency is None:
        frequency = sections.frequency_section(areas_m2, summary.settings.min_area_m2)
    style, script = _packaged("report.css"), _packaged("report.js")
    name = escape(summary.scene.name or "Unnamed scene")
    page = Template(_packaged("report.html")).substitute(
        title=f"Landslide map: {name}",
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        name=name,
        headline=escape(headline(summary)),
        caveat=escape(CAVEAT),
        warnings=_warnings(summary),
        figures=_figures(summary, areas_m2),
        overview=_data_url(overview),
        overview_width=overview.width,
        overview_height=overview.height,
        overview_alt=f"Map sheet of {name} with {format_count(summary.landslides, 'landslide', 'landslides')} outlined",
        largest=_largest(landslides, summary, card),
        frequency=sections.frequency_section(areas_m2, summary.settings.min_area_m2)
        if frequency is None
        else frequency,
        detector=sections.detector_section(summary, card),
        image=sections.image_section(summary),
        masks=sections.masks_section(summary),
        change=sections.change_section(summary),
        settings=sections.settings_section(summary),
        files=sections.files_section(summary),
        attribution="".join(paragraph(line) for line in dict.fromkeys((*summary.attribution, *card.attribution))),
    )
    write_text(path, page)


def _packaged(name: str) -> str:
    return files("landslip.mapping.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash of the page's own style or script for its content security policy."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_url(picture: Image.Image) -> str:
    """The picture as a data URL: JPEG without chroma subsampling, a quarter of the size of a PNG."""
    held = io.BytesIO()
    picture.convert("RGB").save(held, "JPEG", quality=91, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"


def _warnings(summary: Summary) -> str:
    if not summary.warnings:
        return ""
    listed = bullet_list(map(to_sentence, summary.warnings))
    return f'<section class="warnings" role="note"><h2>Warnings</h2>{listed}</section>'


def _figures(summary: Summary, areas_m2: NDArray[np.float64]) -> str:
    """The key figures."""
    found = [("Landslides", f"{summary.landslides:,}"), ("Area of landslides", format_area(summary.landslide_area_m2))]
    if len(areas_m2):
        found.append(("Largest", format_area(float(areas_m2.max()))))
        found.append(("Median", format_area(float(np.median(areas_m2)))))
    if summary.valid_area_m2 > 0:
        fraction = summary.landslide_area_m2 / summary.valid_area_m2
        found.append(("Landslides in the valid area", format_percent(fraction)))
    found += [
        ("Valid pixels", format_percent(summary.valid_fraction)),
        ("Image date", format_dates(summary.scene.dates)),
    ]
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in found)


def _largest(landslides: "gpd.GeoDataFrame", summary: Summary, card: Card) -> str:
    if not len(landslides):
        return paragraph("No landslides were detected.")
    parts = [paragraph(sections.largest_note(summary, len(landslides), card))]
    if not has_terrain(landslides):
        parts.append(paragraph("The scene has no elevation: height, slope and aspect are unknown.", "note"))
    return "".join([*parts, landslides_table(landslides)])
