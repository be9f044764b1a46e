"""Sections on where the map fails: by what the ground is like, and the worst patches to look at."""

import base64
import io
from typing import Any

from landslip.channels import TRUE_COLOUR
from landslip.datasets.formats import SENTINEL, SYNTHETIC
from landslip.evaluation.report.sheet import Asked, Section, chart, count, figure
from landslip.evaluation.resolve import SYNTHETIC_LABEL
from landslip.evaluation.strata.figures import Strata, Stratum, by_border, by_ground
from landslip.evaluation.strata.gallery import Gallery, Worst, draw_gallery, worst
from landslip.figures.charts import Axis, Row, RowChart
from landslip.figures.html_tables import paragraph, plain_table

_BORDER = "border"


def strata_section(asked: Asked) -> Section:
    """Figures by slope, height, light, plants and colour as far as channels tell them, and by distance to a border."""
    made = (*by_ground(asked.predictions, asked.patches), by_border(asked.predictions))
    parts = []
    for one in made:
        parts.append(f"<h3>{_title(one)}</h3>" + chart(_drawn(one)) + _table(one))
    unit = made[0].drawn
    note = (
        f"Intervals: bootstrap over {unit}. Near a border right and wrong are a matter of a pixel. Recall far inside "
        "landslides and false alarms far outside of them are what a person would call errors."
    )
    return Section(
        "ground", "Where it fails", "".join(parts) + paragraph(note, "note"), {one.name: one.as_dict() for one in made}
    )


def gallery_section(asked: Asked) -> Section | None:
    """The worst false alarms and misses; None where the patches have no true colour to look at."""
    if not set(TRUE_COLOUR) <= set(asked.patches.channels):
        return None
    chosen = worst(asked.predictions)
    source = SYNTHETIC if SYNTHETIC_LABEL in asked.predictions.data else SENTINEL
    picture = draw_gallery(chosen, asked.predictions, asked.patches, beside=1, source=source)
    held = io.BytesIO()
    picture.save(held, "JPEG", quality=88, optimize=True)
    address = f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode()}"
    html = (
        f'<figure class="sheet"><img src="{address}" width="{picture.width}" height="{picture.height}" '
        'alt="The patches with most false alarms and with most missed, each in true colour, with its truth, its '
        'probability, and what was right and wrong"></figure>'
    )
    return Section("gallery", "The worst to look at", html, _as_data(chosen))


def _title(one: Strata) -> str:
    return f"{one.title}{f' ({one.unit})' if one.unit else ''}"


def _drawn(one: Strata) -> RowChart:
    """F1 by class; where no landslide lies, or none is called one, F1 says nothing."""
    border = one.name == _BORDER or (one.unit == "m" and "border" in one.title)
    rows = []
    for stratum in one.strata:
        some = stratum.tp + stratum.fn > 0
        said = f"{stratum.landslide_share:.1%} landslide" if stratum.landslide_share is not None else ""
        if border:
            rows.append(_right(stratum))
        else:
            value = stratum.f1 if some else None
            rows.append(Row(stratum.label, value, stratum.f1_low, stratum.f1_high, said))
    label = "share of pixels that the map has right" if border else "F1, with 95 % interval"
    return RowChart(f"{label} by {one.title.lower()}", Axis(label, low=0, high=1), rows)


def _right(stratum: Stratum) -> Row:
    pixels = stratum.pixels
    return Row(stratum.label, (stratum.tp + stratum.tn) / pixels if pixels else None, note=f"{count(pixels)} px")


def _table(one: Strata) -> str:
    if one.name == _BORDER:
        heads: tuple[str, ...] = ("Distance", "Pixels", "Of landslide found", "Called landslide though it is none")
        return plain_table(heads, ((*_known(stratum), *_sides(stratum)) for stratum in one.strata))
    heads = ("Class", "Pixels", "Landslide", "F1", "Precision", "Recall", "False alarms on the rest")
    rows = (
        (
            *_known(stratum),
            _share(stratum.landslide_share),
            # Without a landslide in the truth they say nothing.
            *(figure(value if stratum.tp + stratum.fn else None) for value in _ratios(stratum)),
            _share(stratum.false_alarm_rate),
        )
        for stratum in one.strata
    )
    return plain_table(heads, rows)


def _known(stratum: Stratum) -> tuple[str, str]:
    return stratum.label, count(stratum.pixels)


def _ratios(stratum: Stratum) -> tuple[float, float, float]:
    return stratum.f1, stratum.precision, stratum.recall


def _sides(stratum: Stratum) -> tuple[str, str]:
    return _share(stratum.recall if stratum.tp + stratum.fn else None), _share(stratum.false_alarm_rate)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def _as_data(chosen: Gallery) -> dict[str, Any]:
    def plain(one: Worst) -> dict[str, Any]:
        return {
            "id": one.id,
            "scene": one.scene,
            "false_px": one.false_px,
            "missed_px": one.missed_px,
            "found_px": one.found_px,
        }

    return {"false_alarms": list(map(plain, chosen.false_alarms)), "misses": list(map(plain, chosen.misses))}
