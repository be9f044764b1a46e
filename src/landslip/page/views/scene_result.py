"""The maps of a scene: settings that take effect at once, map or image, table, scores and downloads."""

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from landslip.channels import TRUE_COLOUR
from landslip.datasets.pictures.views import FALSE_COLOUR
from landslip.figures.formatting import format_area, format_count
from landslip.page import messages
from landslip.page.jobs.results import Landslides, ScenePicture, SceneResult
from landslip.page.jobs.tasks import PolygonSettings
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.views.downloads import show_downloads
from landslip.page.views.landslides import choose_landslide, show_attributes, show_map, show_table
from landslip.page.views.parts import (
    LAYERS_KEY,
    before_picture,
    choose_channels,
    choose_min_area,
    choose_min_slope,
    choose_threshold,
    landslides_at,
    overlay_picture,
    scene_picture,
    show_errors,
    show_legend,
    show_warnings,
)
from landslip.page.views.scores import show_scene_scores
from landslip.page.views.swipe import show_swipe

_MAX_MAPS: Final = 3
_LONGEST_PX: Final = 2400


@dataclass(frozen=True, slots=True)
class _Controls:
    """Settings that all maps of a scene share."""

    min_area_m2: float
    min_slope_deg: float
    channels: tuple[str, ...]
    tab: str
    layers: frozenset[str]


@st.fragment
def show_scene_results(server: ServerState, state: SessionState, results: list[SceneResult]) -> None:
    """Show the maps of one scene by several detectors, side by side; a change here runs no other part again."""
    results = results[:_MAX_MAPS]
    st.caption(messages.CANDIDATES)
    single = len(results) == 1
    row = st.container(key="settings").columns([4, 2, 3, 3] if single else [2, 3, 3], vertical_alignment="bottom")
    threshold = choose_threshold(results[0].folder.name, results[0].threshold, row[0]) if single else None
    controls = _choose_controls(state, results, row[-3:])
    for column, result in zip(st.columns(len(results)), results, strict=True):
        with column, show_errors():
            if not single:
                st.subheader(result.name, anchor=False)
                threshold = choose_threshold(result.folder.name, result.threshold, st.container())
            settings = PolygonSettings(
                threshold=threshold, min_area_m2=controls.min_area_m2, min_slope_deg=controls.min_slope_deg
            )
            _show_result(server, state, result, settings, controls, single=single)


def _choose_controls(state: SessionState, results: list[SceneResult], row: list[DeltaGenerator]) -> _Controls:
    source = results[0].source
    min_area_m2 = choose_min_area(row[0])
    min_slope_deg = choose_min_slope(row[1], known=any(result.has_slope for result in results))
    channels = _choose_composite(row[2], source.channels)
    tabs = [messages.MAP_TAB, messages.PICTURE_TAB, messages.SCORES_TAB, messages.DOWNLOAD_TAB]
    if any(result.before for result in results):
        tabs.insert(2, messages.BEFORE_TAB)
    left, right = st.columns(2, vertical_alignment="center")
    tab = left.radio(
        messages.RESULT_LABEL,
        tabs if source.georeferenced else tabs[1:],
        horizontal=True,
        key="scene-tab",
        label_visibility="collapsed",
    )
    available = [messages.SHOW_OUTLINES, messages.SHOW_PROBABILITY]
    if source in state.references:
        available.append(messages.SHOW_REFERENCE)
    # The reference may have been added or removed since the last run.
    shown = st.session_state.get(LAYERS_KEY, available[:1])
    st.session_state[LAYERS_KEY] = [layer for layer in shown if layer in available]
    layers = right.pills(
        messages.LAYERS,
        available,
        selection_mode="multi",
        key=LAYERS_KEY,
        label_visibility="collapsed",
    )
    return _Controls(min_area_m2, min_slope_deg, channels, tab, frozenset(layers))


def _choose_composite(container: DeltaGenerator, known: tuple[str, ...]) -> tuple[str, ...]:
    """Choose true colour, false colour, or any channels."""
    composites: dict[str, tuple[str, ...]] = {
        title: channels
        for title, channels in ((messages.TRUE_COLOUR, TRUE_COLOUR), (messages.FALSE_COLOUR, FALSE_COLOUR))
        if set(channels) <= set(known)
    }
    title = container.selectbox(messages.COMPOSITE, [*composites, messages.ANY_CHANNELS], key="composite")
    if title in composites:
        return composites[title]
    return choose_channels(container, known, "channels")


def _show_result(
    server: ServerState,
    state: SessionState,
    result: SceneResult,
    settings: PolygonSettings,
    controls: _Controls,
    *,
    single: bool,
) -> None:
    landslides = landslides_at(state, result, settings)
    summary, picker = st.columns([3, 2], vertical_alignment="bottom") if single else (st.container(), st.container())
    area = format_area(landslides.area_m2)
    summary.markdown(f"##### {messages.SUMMARY_LINE.format(count=landslides.count, area=area)}")
    if landslides.count > len(landslides.rows):
        st.caption(messages.SHOWN_OF.format(shown=len(landslides.rows), count=landslides.count))
    show_warnings(result.warnings)
    if controls.tab == messages.SCORES_TAB:
        threshold = result.threshold if settings.threshold is None else settings.threshold
        show_scene_scores(state, result, threshold)
        return
    if controls.tab == messages.DOWNLOAD_TAB:
        show_downloads(state, result, settings)
        return
    if controls.tab == messages.BEFORE_TAB and result.before is not None:
        _show_dates(state, result, landslides)
        return
    with picker:
        selected = choose_landslide(state, result, landslides)
    background = scene_picture(state, result, controls.channels)
    left, right = st.columns([3, 2]) if single else (st.container(), st.container())
    with left:
        if controls.tab == messages.MAP_TAB:
            show_map(server, state, result, background, landslides, controls.layers, selected)
        else:
            _show_picture(state, result, background, landslides, controls.layers, selected)
    with right:
        if selected is not None:
            show_attributes(selected)
        show_table(result, landslides)


def _show_dates(state: SessionState, result: SceneResult, landslides: Landslides) -> None:
    """Show both dates under a line to drag, with the outlines over both."""
    only_new = st.toggle(messages.ONLY_NEW, value=True, help=messages.ONLY_NEW_HELP, key="only-new")
    pictures = [
        overlay_picture(
            state,
            result,
            background,
            landslides,
            frozenset({messages.SHOW_OUTLINES}),
            longest_px=_LONGEST_PX,
            not_new=not only_new,
        )
        for background in (before_picture(state, result, TRUE_COLOUR), scene_picture(state, result, TRUE_COLOUR))
    ]
    before = result.before.title if result.before else ""
    show_swipe(
        pictures[0],
        pictures[1],
        messages.BEFORE_SIDE.format(title=before),
        messages.AFTER_SIDE.format(title=result.source.title),
        alt=messages.BEFORE_ALT,
    )


def _show_picture(
    state: SessionState,
    result: SceneResult,
    background: ScenePicture,
    landslides: Landslides,
    layers: frozenset[str],
    selected: dict[str, Any] | None,
) -> None:
    number = None if selected is None else int(selected["id"] or 0)
    path = overlay_picture(state, result, background, landslides, layers, number)
    count = format_count(landslides.count, "landslide", "landslides")
    st.image(str(path), caption=messages.PICTURE_ALT.format(title=result.source.title, count=count))
    if not result.source.georeferenced:
        st.caption(messages.NO_CRS)
    if messages.SHOW_PROBABILITY in layers:
        show_legend()
