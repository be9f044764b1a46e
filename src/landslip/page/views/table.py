"""The landslides as a table sorted by area, and the one that was chosen, by table, list or map."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import streamlit as st

from landslip.figures.formatting import area_text, length_text, place_text
from landslip.page import messages as words
from landslip.page.jobs.results import Found, SceneResult

Row = Mapping[str, Any]
_COLUMNS: Final = ("id", "area_m2", "confidence", "slope_mean_deg", "length_m", "width_m", "lon", "lat")
_LISTED: Final = 300


def _key(result: SceneResult) -> str:
    return f"chosen-{result.folder.name}"


def choose(result: SceneResult, number: int | None) -> None:
    """Choose a landslide by its id."""
    st.session_state[_key(result)] = number


def chosen_landslide(result: SceneResult, found: Found) -> dict[str, Any] | None:
    """The list to choose from, by keyboard too; the row chosen, None for the whole image."""
    rows = {int(row["id"] or 0): dict(row) for row in found.rows}
    numbers: list[int | None] = [None, *list(rows)[:_LISTED]]
    held = st.session_state.get(_key(result))
    if held is not None and held not in rows:
        st.session_state[_key(result)] = None
    elif held is not None and held not in numbers:
        numbers.append(held)
    number = st.selectbox(
        words.GO_TO, numbers, key=_key(result), format_func=lambda one: words.WHOLE if one is None else _line(rows[one])
    )
    return None if number is None else rows[number]


def _line(row: Row) -> str:
    return words.GO_TO_LINE.format(id=row["id"], area=area_text(row["area_m2"]), confidence=row["confidence"])


def show_attributes(row: Row) -> None:
    """All that is known of a landslide."""
    known = {
        "Area": area_text(row["area_m2"]),
        "Perimeter": length_text(row["perimeter_m"]),
        "Length and width": f"{length_text(row['length_m'])} x {length_text(row['width_m'])}",
        "Confidence": f"{row['confidence']:.0%}",
        "Probability, mean and highest": f"{row['probability_mean']:.2f}, {row['probability_max']:.2f}",
    }
    if row["lon"] is not None:
        known["Place"] = place_text(row["lon"], row["lat"])
    if row["slope_mean_deg"] is not None:
        known["Slope, mean and steepest"] = f"{row['slope_mean_deg']:.0f}°, {row['slope_max_deg']:.0f}°"
    if row["elevation_min_m"] is not None:
        known["Elevation"] = f"{row['elevation_min_m']:,.0f} to {row['elevation_max_m']:,.0f} m"
    if row["image_date"]:
        known["Image of"] = row["image_date"]
    with st.container(border=True):
        st.markdown(f"**{words.ATTRIBUTES.format(id=row['id'])}**")
        st.markdown("\n".join(f"- {name}: {text}" for name, text in known.items()))


def show_table(result: SceneResult, found: Found) -> None:
    """The table; a row chosen there becomes the landslide chosen."""
    if not found.rows:
        st.info(words.NONE_FOUND)
        return
    table = pd.DataFrame([{name: row[name] for name in _COLUMNS} for row in found.rows])
    table = table.dropna(axis="columns", how="all").round({"confidence": 2})
    ids = table["id"].tolist()
    key = f"table-{result.folder.name}-{found.geopackage.parent.name}"

    def picked() -> None:
        rows = st.session_state[key].selection.rows
        choose(result, int(ids[rows[0]]) if rows else None)

    st.dataframe(
        table.rename(columns=words.COLUMN_NAMES),
        hide_index=True,
        key=key,
        on_select=picked,
        selection_mode="single-row",
        height=360,
        column_config={
            words.COLUMN_NAMES["area_m2"]: st.column_config.NumberColumn(format="%.0f"),
            words.COLUMN_NAMES["confidence"]: st.column_config.ProgressColumn(
                min_value=0, max_value=1, format="percent"
            ),
            words.COLUMN_NAMES["length_m"]: st.column_config.NumberColumn(format="%.0f"),
            words.COLUMN_NAMES["width_m"]: st.column_config.NumberColumn(format="%.0f"),
            words.COLUMN_NAMES["slope_mean_deg"]: st.column_config.NumberColumn(format="%.0f"),
            words.COLUMN_NAMES["lon"]: st.column_config.NumberColumn(format="%.4f"),
            words.COLUMN_NAMES["lat"]: st.column_config.NumberColumn(format="%.4f"),
        },
    )
    st.caption(words.TABLE_HELP)
