"""The predictions for patches: pictures with layers, a table of landslides, pooled scores and downloads."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.page import messages
from landslip.page.jobs.results import PatchResult
from landslip.page.jobs.tasks import PatchLayer, PatchPicturesTask, PolygonSettings
from landslip.page.server.session import SessionState
from landslip.page.views.downloads import show_downloads
from landslip.page.views.landslides import describe_landslide, draw_table, show_attributes, take_choice
from landslip.page.views.parts import (
    choose_channels,
    choose_min_area,
    choose_min_slope,
    choose_threshold,
    show_errors,
    show_legend,
)
from landslip.page.views.scores import score_line, show_scores

_PER_PAGE: Final = 12
_COLUMNS: Final = 4


@dataclass(frozen=True, slots=True)
class _Controls:
    """Settings that the results of all detectors share."""

    tab: str
    view: str
    channels: tuple[str, ...]
    layers: frozenset[PatchLayer]
    first: int
    min_area_m2: float
    min_slope_deg: float


@st.fragment
def show_patch_results(state: SessionState, results: list[PatchResult]) -> None:
    """Show the predictions of several detectors for the same patches."""
    st.caption(messages.CANDIDATES)
    controls = _choose_controls(results[0])
    columns = _COLUMNS if len(results) == 1 else 2
    for column, result in zip(st.columns(len(results)), results, strict=True):
        with column, show_errors():
            _show_result(state, result, controls, columns)


def _choose_controls(result: PatchResult) -> _Controls:
    tab = st.radio(
        messages.RESULT_LABEL,
        [messages.PICTURE_TAB, messages.SCORES_TAB, messages.DOWNLOAD_TAB],
        horizontal=True,
        key="patch-tab",
        label_visibility="collapsed",
    )
    row = st.container(key="settings").columns([2, 2, 3, 3], vertical_alignment="bottom")
    min_area_m2 = choose_min_area(row[0])
    min_slope_deg = choose_min_slope(row[1], known=bool({"slope", "elevation"} & set(result.source.channels)))
    view, first, layers = result.views[0], 0, frozenset[PatchLayer]()
    channels: tuple[str, ...] = ()
    if tab == messages.PICTURE_TAB:
        view = row[2].selectbox(messages.COMPOSITE, [*result.views, messages.ANY_CHANNELS], key="patch-view")
        if view == messages.ANY_CHANNELS:
            channels = choose_channels(row[2], result.source.channels, "patch-channels")
        first = choose_page(row[3], len(result.ids), "patch-page")
        layers = _choose_layers(labelled=bool(result.source.labelled))
    return _Controls(tab, view, channels, layers, first, min_area_m2, min_slope_deg)


def _choose_layers(*, labelled: bool) -> frozenset[PatchLayer]:
    """Choose the layers; those that need a reference are offered only where there is one."""
    layers: list[PatchLayer] = ["outlines", "probability"]
    if labelled:
        layers += ["reference", "errors"]
    chosen: list[PatchLayer] = st.pills(
        messages.LAYERS,
        layers,
        selection_mode="multi",
        default=["errors"] if labelled else ["outlines"],
        format_func=messages.PATCH_LAYERS.__getitem__,
        key=f"patch-layers-{labelled}",
        label_visibility="collapsed",
    )
    return frozenset(chosen)


def choose_page(container: DeltaGenerator, count: int, key: str) -> int:
    """Let the user choose a page of patches; return the index of the first."""

    def label(first: int) -> str:
        return messages.PATCH_RANGE.format(first=first + 1, last=min(first + _PER_PAGE, count), count=count)

    chosen: int = container.selectbox(messages.PATCH_PAGE, list(range(0, count, _PER_PAGE)), format_func=label, key=key)
    return chosen


def _show_result(state: SessionState, result: PatchResult, controls: _Controls, columns: int) -> None:
    st.subheader(result.name, anchor=False)
    chosen = choose_threshold(result.folder.name, result.threshold, st.container())
    settings = PolygonSettings(threshold=chosen, min_area_m2=controls.min_area_m2, min_slope_deg=controls.min_slope_deg)
    _show_scores(state, result, controls.tab, settings)
    if controls.tab != messages.PICTURE_TAB:
        return
    key = f"selected-{result.folder.name}"
    selected = st.session_state.get(key)
    task = PatchPicturesTask(
        source=result.source,
        result=result.folder,
        detector=result.detector,
        settings=settings,
        view=controls.view,
        channels=controls.channels,
        layers=controls.layers,
        selected=selected,
        first=controls.first,
        out=state.session.cache_path(
            "patches",
            str(result.folder),
            settings,
            controls.view,
            controls.channels,
            sorted(controls.layers),
            selected,
        ),
    )
    patches = render(state, task)
    pictures, table = st.container(), st.container()
    with table:
        _show_landslides(result, [row for patch in patches for row in patch["rows"]], key)
    with pictures:
        if "errors" in controls.layers:
            st.caption(messages.PATCH_LEGEND)
        if "probability" in controls.layers:
            show_legend()
        show_patches(patches, columns)


def _show_landslides(result: PatchResult, rows: list[dict[str, Any]], key: str) -> None:
    """Show the landslides of the patches on this page, largest first, and the selected one with its attributes."""
    if not rows:
        st.info(messages.NONE_FOUND)
        return
    by_number = {row["number"]: row for row in sorted(rows, key=lambda row: -row["area_m2"])}
    list_key = f"go-to-{result.folder.name}"
    shown = st.session_state.get(key)
    st.session_state[list_key] = shown if shown in by_number else None

    def select(number: str | None) -> None:
        st.session_state[key] = number

    left, right = st.columns([2, 3])
    with left:
        st.selectbox(
            messages.GO_TO_PATCHES,
            [None, *by_number],
            key=list_key,
            format_func=lambda number: (
                messages.NO_SELECTION if number is None else describe_landslide(by_number[number])
            ),
            on_change=lambda: take_choice(list_key, shown, select),
            help=messages.PATCH_NUMBER_HELP,
            placeholder=messages.NO_SELECTION,
        )
        if shown in by_number:
            show_attributes(by_number[shown])
        elif shown is not None:
            st.caption(messages.SELECTED_NOT_HERE.format(number=shown))
    with right:
        draw_table(list(by_number.values()), f"patch-table-{result.folder.name}-{hash(tuple(by_number))}", select)


def _show_scores(state: SessionState, result: PatchResult, tab: str, settings: PolygonSettings) -> None:
    """Show the scores, and the content of the tabs Scores and Download."""
    threshold = result.threshold if settings.threshold is None else settings.threshold
    encoded = np.load(result.folder / "encoded.npy", mmap_mode="r", allow_pickle=False)
    masks = np.load(result.folder / "masks.npy", mmap_mode="r", allow_pickle=False)
    histogram = ProbabilityHistogram.of_encoded(encoded, masks)
    if tab == messages.SCORES_TAB:
        if result.source.labelled:
            show_scores(histogram, threshold)
        else:
            st.info(messages.NO_REFERENCE)
    elif result.source.labelled:
        st.markdown(score_line(histogram.at(threshold), threshold))
    else:
        st.caption(messages.NO_REFERENCE)
    if tab == messages.DOWNLOAD_TAB:
        show_downloads(state, result, settings)


def render(state: SessionState, task: PatchPicturesTask) -> list[dict[str, Any]]:
    """Render patches."""
    with st.spinner(messages.REDRAWING):
        patches: list[dict[str, Any]] = state.session.run(task)["patches"]
    return patches


def show_patches(patches: list[dict[str, Any]], columns: int) -> None:
    """Show rendered patches in rows."""
    for start in range(0, len(patches), columns):
        # The last row may be shorter.
        for column, patch in zip(st.columns(columns), patches[start : start + columns], strict=False):
            column.image(patch["file"], caption=f"{patch['id']}: {patch['caption']}", width="stretch")
