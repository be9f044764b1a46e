"""The pannable map: the scene itself as its ground, outlines over it, a click for attributes. It needs no tiles."""

import json
import math
from typing import Any, Final

import pydeck
import streamlit as st

from landslip.figures.colour_ramps import CHOSEN, OUTLINE, TRUTH
from landslip.page import messages as words
from landslip.page.jobs.results import Drawn, Found, SceneResult
from landslip.page.jobs.tasks import Box
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory
from landslip.page.views.parts import data_address
from landslip.page.views.table import choose

_HEIGHT_PX: Final = 560
_WIDTH_PX: Final = 640
"""About what there is; a little less shows a little more."""
_CLOSEST: Final = 16.5
_WORLD_PX: Final = 512
_LANDSLIDES: Final = "landslides"
_NO_BASE_MAP: Final = 'data:application/json,{"version":8,"sources":{},"layers":[]}'
"""An empty style: without any Streamlit would ask a public server for one."""


def show_map(
    workshop: Workshop,
    memory: Memory,
    result: SceneResult,
    ground: Drawn,
    found: Found,
    layers: frozenset[str],
    chosen: dict[str, Any] | None,
) -> None:
    """Show the map of a result."""
    from landslip.page.views.scene_result import picture_of, show_legend  # noqa: PLC0415 - they show each other

    if ground.mercator is None or ground.bounds is None or found.geojson is None:
        st.info(words.NO_MAP)
        return
    drawn = [_picture("ground", ground)]
    if words.SHOW_PROBABILITY in layers:
        drawn.append(_picture("probability", picture_of(memory, result, (), probability=True)))
    truth = memory.truths.get(result.source)
    if words.SHOW_TRUTH in layers and truth is not None and truth.geojson is not None:
        features = json.loads(truth.geojson.read_text(encoding="utf-8"))
        drawn.append(_outlines("truth", features, TRUTH, pickable=False, width_px=2))
    if words.SHOW_OUTLINES in layers:
        drawn.append(_outlines(_LANDSLIDES, found_features(found), OUTLINE, pickable=True, width_px=2))
        if chosen is not None:
            features = [one for one in found_features(found)["features"] if one["properties"]["id"] == chosen["id"]]
            marked = {"type": "FeatureCollection", "features": features}
            drawn.append(_outlines("chosen", marked, CHOSEN, pickable=False, width_px=4))
    box = ground.bounds if chosen is None else (chosen["west"], chosen["south"], chosen["east"], chosen["north"])
    deck = pydeck.Deck(
        layers=drawn,
        initial_view_state=view_of(box),
        map_provider=None,
        map_style=workshop.settings.base_map or _NO_BASE_MAP,
        tooltip={"text": words.TOOLTIP},
    )
    key = f"map-{result.folder.name}"

    def clicked() -> None:
        objects = st.session_state[key].selection.objects.get(_LANDSLIDES, [])
        if objects:
            choose(result, int(objects[0]["properties"]["id"]))

    st.pydeck_chart(
        deck,
        height=_HEIGHT_PX,
        key=key,
        on_select=clicked,
        selection_mode="single-object",
        alt=words.PICTURE_ALT.format(title=result.source.title, count=found.count),
    )
    if words.SHOW_PROBABILITY in layers:
        show_legend()


def found_features(found: Found) -> dict[str, Any]:
    """The outlines as GeoJSON, with what the tooltip says rounded."""
    if found.geojson is None:
        return {"type": "FeatureCollection", "features": []}
    features: dict[str, Any] = json.loads(found.geojson.read_text(encoding="utf-8"))
    return features | {"features": [_feature(one) for one in features["features"]]}


def _feature(feature: dict[str, Any]) -> dict[str, Any]:
    """One outline with what the tooltip says; it looks for names on the object itself."""
    known = feature["properties"]
    said = {
        "id": known["id"],
        "area_m2": f"{known['area_m2']:,.0f}",
        "confidence": f"{known['confidence']:.0%}",
    }
    return {"type": "Feature", "geometry": feature["geometry"], "properties": said, **said}


def view_of(box: Box) -> pydeck.ViewState:
    """The view that shows a box of degrees whole, in Web Mercator."""
    west, south, east, north = box
    across = max(east - west, 1e-9) / 360
    down = max(_mercator(north) - _mercator(south), 1e-9)
    zoom = min(math.log2(_WIDTH_PX / _WORLD_PX / across), math.log2(_HEIGHT_PX / _WORLD_PX / down)) - 0.1
    return pydeck.ViewState(
        longitude=(west + east) / 2, latitude=(south + north) / 2, zoom=min(zoom, _CLOSEST), max_zoom=20, pitch=0
    )


def _mercator(latitude_deg: float) -> float:
    """How far up the web's map a latitude lies, as a share of its height."""
    return math.log(math.tan(math.pi / 4 + math.radians(latitude_deg) / 2)) / (2 * math.pi)


def _picture(name: str, drawn: Drawn) -> pydeck.Layer:
    if drawn.mercator is None or drawn.bounds is None:
        raise ValueError("a picture without a place cannot be laid on a map")
    # Quoted: pydeck would take a bare string for an expression.
    return pydeck.Layer(
        "BitmapLayer", id=name, data=None, image=f"'{data_address(drawn.mercator)}'", bounds=list(drawn.bounds)
    )


def _outlines(
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
        # Nearly clear: the inside can be clicked.
        get_fill_color=[*colour, 12],
        get_line_color=[*colour, 255],
        get_line_width=width_px,
        line_width_units="'pixels'",
        line_joint_rounded=True,
    )
