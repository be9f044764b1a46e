"""Report sections on where errors occur: by covariates, by distance to an outline, and the worst patches."""

import base64
import io
from dataclasses import asdict
from typing import Any

from landslip.channels import TRUE_COLOUR
from landslip.datasets.patch_set import SENTINEL, SYNTHETIC
from landslip.evaluation.predict import SYNTHETIC_LABEL
from landslip.evaluation.report.layout import ReportInput, Section, chart_html, format_integer, format_ratio
from landslip.evaluation.strata.gallery import Gallery, WorstPatch, draw_gallery, find_worst
from landslip.evaluation.strata.stratify import Strata, Stratum, stratify, stratify_by_border
from landslip.figures.charts import Axis, Row, RowChart
from landslip.figures.html_tables import paragraph, plain_table

_BORDER = "border"


def strata_section(inputs: ReportInput) -> Section:
    """Make the section on accuracy by covariates and by distance to an outline."""
    made = (*stratify(inputs.predictions, inputs.patches), stratify_by_border(inputs.predictions))
    parts = [f"<h3>{_title(one)}</h3>" + chart_html(_draw(one)) + _table(one) for one in made]
    note = (
        f"Intervals: bootstrap over {made[0].over}. Near an outline a shift of one pixel decides; missed pixels far "
        "inside a landslide and false alarms far outside are errors of detection."
    )
    html = "".join(parts) + paragraph(note, "note")
    return Section(
        "strata", "Accuracy by terrain and distance to an outline", html, {one.name: one.as_dict() for one in made}
    )


def gallery_section(inputs: ReportInput) -> Section | None:
    """Make the section on the worst patches; None without true-colour channels."""
    if not set(TRUE_COLOUR) <= set(inputs.patches.channels):
        return None
    gallery = find_worst(inputs.predictions)
    source = SYNTHETIC if SYNTHETIC_LABEL in inputs.predictions.data else SENTINEL
    picture = draw_gallery(gallery, inputs.predictions, inputs.patches, beside=1, source=source)
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=88, optimize=True)
    address = f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
    html = (
        f'<figure class="sheet"><img src="{address}" width="{picture.width}" height="{picture.height}" '
        'alt="The patches with the largest area of false alarms and of missed landslides, each in true colour, with '
        'the reference, the probability and the outcome of each pixel"></figure>'
    )
    return Section("gallery", "Patches with the largest errors", html, _as_data(gallery))


def _title(one: Strata) -> str:
    return f"{one.title}{f' ({one.unit})' if one.unit else ''}"


def _draw(one: Strata) -> RowChart:
    """Draw F1 by class, or the fraction of correct pixels by distance to an outline."""
    if one.name == _BORDER:
        rows = [_correct(stratum) for stratum in one.strata]
        label = "fraction of pixels classified correctly"
    else:
        rows = [_f1(stratum) for stratum in one.strata]
        label = "F1, with 95 % interval"
    return RowChart(f"{label} by {one.title.lower()}", Axis(label, low=0, high=1), rows)


def _correct(stratum: Stratum) -> Row:
    pixels = stratum.pixels
    fraction = (stratum.tp + stratum.tn) / pixels if pixels else None
    return Row(stratum.label, fraction, note=f"{format_integer(pixels)} px")


def _f1(stratum: Stratum) -> Row:
    """F1 is not shown for a class without reference landslides."""
    fraction = stratum.landslide_fraction
    note = f"{fraction:.1%} landslide" if fraction is not None else ""
    value = stratum.f1 if stratum.tp + stratum.fn else None
    return Row(stratum.label, value, stratum.f1_low, stratum.f1_high, note)


def _table(one: Strata) -> str:
    if one.name == _BORDER:
        heads: tuple[str, ...] = ("Distance", "Pixels", "Recall", "False-alarm rate")
        return plain_table(heads, ((*_size(stratum), *_sides(stratum)) for stratum in one.strata))
    heads = ("Class", "Pixels", "Landslide", "F1", "Precision", "Recall", "False-alarm rate")
    rows = (
        (
            *_size(stratum),
            _percent(stratum.landslide_fraction),
            # Not meaningful without reference landslides.
            *(
                format_ratio(value if stratum.tp + stratum.fn else None)
                for value in (stratum.f1, stratum.precision, stratum.recall)
            ),
            _percent(stratum.false_alarm_rate),
        )
        for stratum in one.strata
    )
    return plain_table(heads, rows)


def _size(stratum: Stratum) -> tuple[str, str]:
    return stratum.label, format_integer(stratum.pixels)


def _sides(stratum: Stratum) -> tuple[str, str]:
    return _percent(stratum.recall if stratum.tp + stratum.fn else None), _percent(stratum.false_alarm_rate)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _as_data(gallery: Gallery) -> dict[str, Any]:
    def plain(one: WorstPatch) -> dict[str, Any]:
        return {name: value for name, value in asdict(one).items() if name != "position"}

    return {"false_alarms": list(map(plain, gallery.false_alarms)), "missed": list(map(plain, gallery.missed))}
