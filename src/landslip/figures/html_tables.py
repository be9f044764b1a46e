"""Tables, lists and paragraphs of HTML reports. All text is escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
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
class _Column:
    """A column of the table of landslides: its heading and number format."""

    head: str
    form: str


_COLUMNS: Final[Mapping[str, _Column]] = {
    "id": _Column("No.", "d"),
    "area_m2": _Column("Area (m²)", ",.0f"),
    "length_m": _Column("Length (m)", ",.0f"),
    "width_m": _Column("Width (m)", ",.0f"),
    "perimeter_m": _Column("Perimeter (m)", ",.0f"),
    "confidence": _Column("Confidence", ".2f"),
    "probability_mean": _Column("Mean probability", ".2f"),
    "probability_max": _Column("Highest probability", ".2f"),
    "elevation_min_m": _Column("Lowest point (m)", ",.0f"),
    "elevation_max_m": _Column("Highest point (m)", ",.0f"),
    "relief_m": _Column("Relief (m)", ",.0f"),
    "slope_mean_deg": _Column("Mean slope (°)", ".0f"),
    "slope_max_deg": _Column("Steepest slope (°)", ".0f"),
    "aspect_deg": _Column("Aspect (°)", ".0f"),
    "lat": _Column("Latitude (°)", ".5f"),
    "lon": _Column("Longitude (°)", ".5f"),
}


def landslides_table(landslides: "gpd.GeoDataFrame") -> str:
    """Return the landslides as an HTML table that can be sorted; empty columns are left out.

    Args:
        landslides: sorted by area, largest first, with the columns of ``landslides.gpkg``.
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


def has_terrain(landslides: "gpd.GeoDataFrame") -> bool:
    """Return whether any terrain attribute is known."""
    return any(name in landslides.columns and bool(landslides[name].notna().any()) for name in _TERRAIN)


def _number_cell(value: float | int | None, form: str) -> str:
    """A table cell with its value for sorting; a dash where it is unknown."""
    # NaN is the one value that differs from itself.
    if value is None or value != value:  # noqa: PLR0124
        return '<td class="number">–</td>'
    number = int(value) if form == "d" else value
    return f'<td class="number" data-value="{number!r}">{number:{form}}</td>'


def pairs_table(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names and values as an HTML table, one pair per row."""
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in pairs)
    return f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'


def plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, code: int | None = None) -> str:
    """Return an HTML table of text; the column of index ``code`` is set as code."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td><code>{escape(cell)}</code></td>" if index == code else f"<td>{escape(cell)}</td>"
            for index, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def bullet_list(lines: Iterable[str]) -> str:
    """Return lines as an HTML list."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph, with a class of the style sheet where ``kind`` is given."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"
