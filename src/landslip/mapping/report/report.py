"""report.html: the map as one page that needs nothing else, for a screen, for print, for a colleague by mail."""

import base64
import hashlib
import io
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landslip.detector.card import Card
from landslip.figures.charts import chart_image
from landslip.figures.formatting import area_text, count_text, date_text, sentence, share_text
from landslip.figures.frequency_area import MIN_LANDSLIDES, frequency, frequency_chart
from landslip.figures.html_tables import bullets, landslides_table, paragraph, terrain_known
from landslip.mapping.metadata.summary import Summary
from landslip.mapping.report import sections
from landslip.mapping.report.margin import CAVEAT, headline


def write_report(
    path: Path,
    overview: Image.Image,
    landslides: gpd.GeoDataFrame,
    areas_m2: NDArray[np.float64],
    summary: Summary,
    card: Card,
) -> None:
    """Write the report.

    The page loads nothing from elsewhere, and its content security policy forbids it to.

    Args:
        path: of the file; it is written under another name first, so that a half-written page never bears this one.
        overview: the map sheet.
        landslides: the largest, sorted by area, with the columns of ``attributes.py``.
        areas_m2: of all landslides, (N,).
        summary: of the map.
        card: of the detector.

    Raises:
        OSError: the file cannot be written.
    """
    style, script = _packaged("report.css"), _packaged("report.js")
    name = escape(summary.scene.name or "Scene without a name")
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
        overview=_data_address(overview),
        overview_width=overview.width,
        overview_height=overview.height,
        overview_alt=f"Map sheet of {name} with {count_text(summary.landslides, 'landslide', 'landslides')} outlined",
        largest=_largest(landslides, summary, card),
        frequency=_frequency(areas_m2, summary),
        detector=sections.detector_section(summary, card),
        image=sections.image_section(summary),
        settings=sections.settings_section(summary),
        files=sections.files_section(summary),
        attribution="".join(paragraph(line) for line in dict.fromkeys((*summary.attribution, *card.attribution))),
    )
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)


def _packaged(name: str) -> str:
    return files("landslip.mapping.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The hash by which the content security policy knows the page's own style and script."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_address(picture: Image.Image) -> str:
    """The picture as a data URL: as JPEG, a quarter of a PNG's size, with colours at full resolution."""
    held = io.BytesIO()
    picture.convert("RGB").save(held, "JPEG", quality=91, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"


def _warnings(summary: Summary) -> str:
    if not summary.warnings:
        return ""
    said = bullets(map(sentence, summary.warnings))
    return f'<section class="warnings" role="note"><h2>Please note</h2>{said}</section>'


def _figures(summary: Summary, areas_m2: NDArray[np.float64]) -> str:
    """The headline figures, each with its unit."""
    found = [("Landslides", f"{summary.landslides:,}"), ("Area of landslides", area_text(summary.landslide_area_m2))]
    if len(areas_m2):
        found.append(("Largest", area_text(float(areas_m2.max()))))
        found.append(("Median", area_text(float(np.median(areas_m2)))))
    if summary.observed_area_m2 > 0:
        share = summary.landslide_area_m2 / summary.observed_area_m2
        found.append(("Share of what was observed", share_text(share)))
    found += [
        ("Observed", share_text(summary.observed_share)),
        ("Image taken on", date_text(summary.scene.date).removeprefix("date ")),
    ]
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in found)


def _largest(landslides: gpd.GeoDataFrame, summary: Summary, card: Card) -> str:
    if not len(landslides):
        return paragraph("No landslide was found.")
    parts = [paragraph(sections.largest_note(summary.landslides, len(landslides), card))]
    if not terrain_known(landslides):
        parts.append(paragraph("Elevation was not given, so nothing is said about height, slope and aspect.", "note"))
    return "".join([*parts, landslides_table(landslides)])


def _frequency(areas_m2: NDArray[np.float64], summary: Summary) -> str:
    if len(areas_m2) < MIN_LANDSLIDES:
        few = count_text(len(areas_m2), "landslide", "landslides")
        return paragraph(f"{few}: too few for a frequency-area distribution, which needs {MIN_LANDSLIDES}.")
    chart = frequency_chart((frequency(areas_m2).series(),), summary.settings.min_area_m2)
    note = (
        "Error bars: Poisson error of the count in each class. Landslides of a few pixels are detected incompletely, "
        "so the left end depends on the image more than on the landslides. No law is fitted."
    )
    return chart_image(chart) + paragraph(note, "note")
