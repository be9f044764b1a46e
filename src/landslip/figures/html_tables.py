"""The tables of the report. Whatever comes from outside is escaped here, where it becomes HTML."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import geopandas as gpd

_TERRAIN: Final = (
    "elevation_min_m",
    "elevation_max_m",
    "relief_m",
    "slope_mean_deg",
    "slope_max_deg",
    "aspect_deg",
)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column of the table of landslides: its head and how its numbers are written."""

    head: str
    form: str


_COLUMNS: Final[Mapping[str, _Shown]] = {
    "id": _Shown("No.", "d"),
    "area_m2": _Shown("Area (m²)", ",.0f"),
    "length_m": _Shown("Length (m)", ",.0f"),
    "width_m": _Shown("Width (m)", ",.0f"),
    "perimeter_m": _Shown("Perimeter (m)", ",.0f"),
    "confidence": _Shown("Confidence", ".2f"),
    "probability_mean": _Shown("Mean probability", ".2f"),
    "probability_max": _Shown("Highest probability", ".2f"),
    "elevation_min_m": _Shown("Lowest point (m)", ",.0f"),
    "elevation_max_m": _Shown("Highest point (m)", ",.0f"),
    "relief_m": _Shown("Relief (m)", ",.0f"),
    "slope_mean_deg": _Shown("Mean slope (°)", ".0f"),
    "slope_max_deg": _Shown("Steepest slope (°)", ".0f"),
    "aspect_deg": _Shown("Aspect (°)", ".0f"),
    "lat": _Shown("Latitude (°)", ".5f"),
    "lon": _Shown("Longitude (°)", ".5f"),
}


def landslides_table(landslides: gpd.GeoDataFrame) -> str:
    """The landslides as a table that a click on a head sorts; columns of which nothing is known are left out.

    Args:
        landslides: sorted by area, largest first, with the columns of ``attributes.py``.
    """
    shown = [name for name in _COLUMNS if name in landslides.columns and landslides[name].notna().any()]
    heads = []
    for name in shown:
        # The rows come sorted by area.
        sort = ' aria-sort="descending"' if name == "area_m2" else ""
        heads.append(f'<th scope="col" class="number"{sort}><button type="button">{_COLUMNS[name].head}</button></th>')
    rows = zip(*(landslides[name].tolist() for name in shown), strict=True)
    body = "".join(
        "<tr>"
        + "".join(_number_cell(value, _COLUMNS[name].form) for name, value in zip(shown, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return (
        '<div class="scroll tall"><table class="sortable">'
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def terrain_known(landslides: gpd.GeoDataFrame) -> bool:
    """Whether anything is known of the ground under the landslides."""
    return any(name in landslides.columns and bool(landslides[name].notna().any()) for name in _TERRAIN)


def _number_cell(value: float | int | None, form: str) -> str:
    """A table cell with its bare value for sorting; a dash where nothing is known."""
    # NaN is the one value that differs from itself.
    if value is None or value != value:  # noqa: PLR0124
        return '<td class="number">–</td>'
    number = int(value) if form == "d" else value
    return f'<td class="number" data-value="{number!r}">{number:{form}}</td>'


def pairs_table(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, one pair a row."""
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs)
    return f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'


def plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, code: int | None = None) -> str:
    """A table of text; the column ``code`` is set as code."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td><code>{escape(cell)}</code></td>" if place == code else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def bullets(lines: Iterable[str]) -> str:
    """Lines as a list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of text, of a class of the style sheet if one is named."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"
