"""The landslides of a map: on a pannable map, in a table, and the selected one with its attributes.

The map needs no tiles: its background is the image itself.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import pydeck
import streamlit as st

from landslip.figures.colour_ramps import OUTLINE, REFERENCE, SELECTED
from landslip.figures.formatting import format_area, format_length, format_lonlat
from landslip.page import messages
from landslip.page.jobs.results import Box, Landslides, ScenePicture, SceneResult
from landslip.page.jobs.tasks import LocateTask
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.views.parts import data_url, probability_picture, show_legend

Row = Mapping[str, Any]
_COLUMNS: Final = ("number", "area_m2", "confidence", "slope_mean_deg", "length_m", "width_m", "lon", "lat", "id")
_MAX_LISTED: Final = 300
_HEIGHT_PX: Final = 560
_WIDTH_PX: Final = 640
"""Approximate width of the map; a smaller value zooms out a little."""
_MAX_ZOOM: Final = 16.5
_WORLD_PX: Final = 512
_LANDSLIDES: Final = "landslides"
_NO_BASE_MAP: Final = 'data:application/json,{"version":8,"sources":{},"layers":[]}'
"""An empty style; without a style Streamlit would request one from a public server."""


def _anchor(result: SceneResult) -> str:
    """Key of the number that the user selected, which may be absent at the current settings."""
    return f"selected-{result.folder.name}"


def _select(result: SceneResult, number: str | None) -> None:
    st.session_state[_anchor(result)] = number


def choose_landslide(state: SessionState, result: SceneResult, landslides: Landslides) -> dict[str, Any] | None:
    """Show a list of the landslides; return the selected row, None for the whole image.

    The selection is kept while the threshold moves. Where the selected landslide has become part of a larger one, that
    one is shown; where it is below the threshold, the whole image.
    """
    rows: dict[str, dict[str, Any]] = {str(row["number"]): dict(row) for row in landslides.rows}
    numbers: list[str | None] = [None, *list(rows)[:_MAX_LISTED]]
    selected = st.session_state.get(_anchor(result))
    shown = selected if selected is None or selected in rows else _locate(state, result, landslides, selected)
    if shown is not None and shown not in numbers:
        numbers.append(shown)
    key = f"go-to-{result.folder.name}"
    st.session_state[key] = shown
    st.selectbox(
        messages.GO_TO,
        numbers,
        key=key,
        format_func=lambda number: messages.WHOLE if number is None else describe_landslide(rows[number]),
        on_change=lambda: take_choice(key, shown, lambda number: _select(result, number)),
        help=messages.NUMBER_HELP,
        placeholder=messages.WHOLE,
    )
    if selected is not None and shown is None:
        st.caption(messages.SELECTED_GONE.format(number=selected))
    elif shown != selected:
        st.caption(messages.SELECTED_JOINED.format(number=selected, larger=shown))
    return None if shown is None else rows[shown]


def describe_landslide(row: Row) -> str:
    """Return number, area and confidence of a landslide as text."""
    area = format_area(row["area_m2"])
    return messages.GO_TO_LINE.format(number=row["number"], area=area, confidence=row["confidence"])


def take_choice(key: str, shown: str | None, select: Callable[[str | None], None]) -> None:
    """Select the landslide that the user chose in a list.

    Where the list has changed since the browser drew it, Streamlit hands over the label instead of the number. The
    label of the landslide that was shown already is not a choice.

    Args:
        key: of the list in Streamlit's session state.
        shown: number of the landslide that the list showed; None for none.
        select: called with the number of the chosen landslide, None for none.
    """
    value = st.session_state[key]
    number = None if value is None else read_number(value)
    if value == number or number != shown:
        select(number)


def read_number(label: str) -> str:
    """Return the number at the start of a label of `describe_landslide`.

    Examples:
        >>> read_number("81-34: 4.94 ha, confidence 77%"), read_number("81-34")
        ('81-34', '81-34')
    """
    match = re.match(r".*\d+-\d+(?=: |$)", label)
    return match.group() if match else label


def _locate(state: SessionState, result: SceneResult, landslides: Landslides, number: str) -> str | None:
    """Return the number of the landslide that contains the most probable pixel of another one."""
    row, col = map(int, number.split("-"))
    task = LocateTask(source=result.source, geopackage=landslides.geopackage, row=row, col=col)
    found = state.session.run(task)["id"]
    return next((str(one["number"]) for one in landslides.rows if one["id"] == found), None)


def show_attributes(row: Row) -> None:
    """Show the attributes of a landslide."""
    known = {
        "Area": format_area(row["area_m2"]),
        "Perimeter": format_length(row["perimeter_m"]),
        "Length x width": f"{format_length(row['length_m'])} x {format_length(row['width_m'])}",
        "Confidence": f"{row['confidence']:.0%}",
        "Probability, mean and maximum": f"{row['probability_mean']:.2f}, {row['probability_max']:.2f}",
    }
    if row["lon"] is not None:
        known["Location"] = format_lonlat(row["lon"], row["lat"])
    if row["slope_mean_deg"] is not None:
        known["Slope, mean and maximum"] = f"{row['slope_mean_deg']:.0f}°, {row['slope_max_deg']:.0f}°"
    if row["elevation_min_m"] is not None:
        known["Elevation"] = f"{row['elevation_min_m']:,.0f} to {row['elevation_max_m']:,.0f} m"
    if row["image_date"]:
        known["Image date"] = row["image_date"]
    with st.container(border=True):
        st.markdown(f"**{messages.ATTRIBUTES.format(number=row['number'])}**")
        st.markdown("\n".join(f"- {name}: {text}" for name, text in known.items()))


def show_table(result: SceneResult, landslides: Landslides) -> None:
    """Show the landslides as a table in which one can be selected."""
    if not landslides.rows:
        st.info(messages.NONE_FOUND)
        return
    key = f"table-{result.folder.name}-{landslides.geopackage.parent.name}"
    draw_table(landslides.rows, key, lambda number: _select(result, number))


def draw_table(rows: Sequence[Row], key: str, select: Callable[[str | None], None]) -> None:
    """Show a table of landslides.

    Args:
        rows: the landslides; not empty.
        key: of the table in Streamlit's session state.
        select: called with the number of the landslide that is selected, None for none.
    """
    table = pd.DataFrame([{name: row.get(name) for name in _COLUMNS} for row in rows])
    table = table.dropna(axis="columns", how="all").round({"confidence": 2, "area_m2": 0})
    numbers = table["number"].tolist()

    def choose() -> None:
        chosen = st.session_state[key].selection.rows
        select(numbers[chosen[0]] if chosen else None)

    formats = {
        "area_m2": "localized",
        **dict.fromkeys(("length_m", "width_m", "slope_mean_deg"), "%.0f"),
        **dict.fromkeys(("lon", "lat"), "%.4f"),
    }
    columns: dict[str, Any] = {
        messages.COLUMN_NAMES[name]: st.column_config.NumberColumn(format=text) for name, text in formats.items()
    }
    columns[messages.COLUMN_NAMES["confidence"]] = st.column_config.ProgressColumn(
        min_value=0, max_value=1, format="percent"
    )
    st.dataframe(
        table.rename(columns=messages.COLUMN_NAMES),
        hide_index=True,
        key=key,
        on_select=choose,
        selection_mode="single-row",
        height=360,
        column_config=columns,
    )
    st.caption(messages.TABLE_HELP)


def show_map(
    server: ServerState,
    state: SessionState,
    result: SceneResult,
    background: ScenePicture,
    landslides: Landslides,
    layers: frozenset[str],
    selected: Row | None,
) -> None:
    """Show the map of a result.

    Args:
        server: with the base map of the operator.
        state: of the user.
        result: the map.
        background: the rendered scene.
        landslides: of the map, at the current settings.
        layers: titles of the layers to show.
        selected: the landslide to highlight and zoom to.
    """
    if background.mercator is None or background.bounds is None or landslides.geojson is None:
        st.info(messages.NO_MAP)
        return
    shown = [_picture_layer("background", background)]
    if messages.SHOW_PROBABILITY in layers:
        shown.append(_picture_layer("probability", probability_picture(state, result)))
    reference = state.references.get(result.source)
    if messages.SHOW_REFERENCE in layers and reference is not None and reference.geojson is not None:
        features = json.loads(reference.geojson.read_text(encoding="utf-8"))
        shown.append(_outline_layer("reference", features, REFERENCE, pickable=False, width_px=2))
    if messages.SHOW_OUTLINES in layers:
        features = _features(landslides)
        shown.append(_outline_layer(_LANDSLIDES, features, OUTLINE, pickable=True, width_px=2))
        if selected is not None:
            marked = [one for one in features["features"] if one["properties"]["number"] == selected["number"]]
            collection = {"type": "FeatureCollection", "features": marked}
            shown.append(_outline_layer("selected", collection, SELECTED, pickable=False, width_px=4))
    box = (
        background.bounds
        if selected is None
        else (selected["west"], selected["south"], selected["east"], selected["north"])
    )
    deck = pydeck.Deck(
        layers=shown,
        initial_view_state=view_of(box),
        map_provider=None,
        map_style=server.settings.base_map or _NO_BASE_MAP,
        tooltip={"text": messages.TOOLTIP},
    )
    key = f"map-{result.folder.name}"

    def select() -> None:
        objects = st.session_state[key].selection.objects.get(_LANDSLIDES, [])
        if objects:
            _select(result, str(objects[0]["properties"]["number"]))

    st.pydeck_chart(
        deck,
        height=_HEIGHT_PX,
        key=key,
        on_select=select,
        selection_mode="single-object",
        alt=messages.PICTURE_ALT.format(title=result.source.title, count=landslides.count),
    )
    if messages.SHOW_PROBABILITY in layers:
        show_legend()


def _features(landslides: Landslides) -> dict[str, Any]:
    """The outlines as GeoJSON, with the values of the tooltip rounded."""
    if landslides.geojson is None:
        return {"type": "FeatureCollection", "features": []}
    collection: dict[str, Any] = json.loads(landslides.geojson.read_text(encoding="utf-8"))
    features = []
    for feature in collection["features"]:
        values = feature["properties"]
        texts = {
            "number": values["number"],
            "area_m2": f"{values['area_m2']:,.0f}",
            "confidence": f"{values['confidence']:.0%}",
        }
        # The tooltip takes values from the feature itself, the selection from its properties.
        features.append({"type": "Feature", "geometry": feature["geometry"], "properties": texts, **texts})
    return collection | {"features": features}


def view_of(box: Box) -> pydeck.ViewState:
    """Return the view in Web Mercator that contains a box given in degrees."""
    west, south, east, north = box
    width = max(east - west, 1e-9) / 360
    height = max(_mercator(north) - _mercator(south), 1e-9)
    zoom = min(math.log2(_WIDTH_PX / _WORLD_PX / width), math.log2(_HEIGHT_PX / _WORLD_PX / height)) - 0.1
    return pydeck.ViewState(
        longitude=(west + east) / 2, latitude=(south + north) / 2, zoom=min(zoom, _MAX_ZOOM), max_zoom=20, pitch=0
    )


def _mercator(latitude_deg: float) -> float:
    """Northing in Web Mercator as a fraction of the height of the world map."""
    return math.log(math.tan(math.pi / 4 + math.radians(latitude_deg) / 2)) / (2 * math.pi)


def _picture_layer(name: str, picture: ScenePicture) -> pydeck.Layer:
    if picture.mercator is None or picture.bounds is None:
        raise ValueError("a picture without a CRS cannot be shown on a map")
    # Quoted, because pydeck reads a bare string as an expression.
    return pydeck.Layer(
        "BitmapLayer", id=name, data=None, image=f"'{data_url(picture.mercator)}'", bounds=list(picture.bounds)
    )


def _outline_layer(
    name: str, features: dict[str, Any], colour: tuple[int, int, int], *, pickable: bool, width_px: int
) -> pydeck.Layer:
    return pydeck.Layer(
        "GeoJsonLayer",
        id=name,
        data=features,
        pickable=pickable,
        auto_highlight=pickable,
        stroked=True,
        filled=pickable,
        # Almost transparent, so that a click inside the outline selects it.
        get_fill_color=[*colour, 12],
        get_line_color=[*colour, 255],
        get_line_width=width_px,
        line_width_units="'pixels'",
        line_joint_rounded=True,
    )
