"""The predictions for patches: pictures with the reference, pooled scores and downloads."""

from typing import Final

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from landslip.metrics.thresholds import ProbabilityHistogram
from landslip.page import messages
from landslip.page.jobs.results import PatchResult
from landslip.page.jobs.tasks import PatchPicturesTask, PolygonSettings
from landslip.page.server.session import SessionState
from landslip.page.views.downloads import show_downloads
from landslip.page.views.parts import choose_threshold, show_errors, show_legend
from landslip.page.views.scores import score_line, show_scores

_PER_PAGE: Final = 12
_COLUMNS: Final = 4


@st.fragment
def show_patch_results(state: SessionState, results: list[PatchResult]) -> None:
    """Show the predictions of several detectors for the same patches."""
    first = results[0]
    tab = st.radio(
        messages.RESULT_LABEL,
        [messages.PICTURE_TAB, messages.SCORES_TAB, messages.DOWNLOAD_TAB],
        horizontal=True,
        key="patch-tab",
        label_visibility="collapsed",
    )
    kind, view, start = "prediction", first.views[0], 0
    if tab == messages.PICTURE_TAB:
        left, middle, right = st.columns(3)
        kinds = [kind for kind in messages.PATCH_KINDS if kind != "reference" or first.source.labelled]
        kind = left.selectbox(
            messages.PATCH_SHOW, kinds, format_func=messages.PATCH_KINDS.__getitem__, key="patch-kind"
        )
        view = middle.selectbox(messages.PATCH_VIEW, first.views, key="patch-view")
        start = choose_page(right, len(first.ids), "patch-page")
    columns = _COLUMNS if len(results) == 1 else 2
    for column, result in zip(st.columns(len(results)), results, strict=True):
        with column, show_errors():
            own = _show_scores(state, result, tab)
            if tab == messages.PICTURE_TAB:
                threshold = result.threshold if own is None else own
                task = PatchPicturesTask(
                    source=result.source,
                    result=result.folder,
                    threshold=threshold,
                    view=view,
                    first=start,
                    count=_PER_PAGE,
                    out=state.session.cache_path("patches", str(result.folder), threshold),
                )
                show_patches(state, task, kind, columns)


def choose_page(container: DeltaGenerator, count: int, key: str) -> int:
    """Let the visitor choose a page of patches; return the index of the first."""

    def label(first: int) -> str:
        return messages.PATCH_RANGE.format(first=first + 1, last=min(first + _PER_PAGE, count), count=count)

    chosen: int = container.selectbox(messages.PATCH_PAGE, list(range(0, count, _PER_PAGE)), format_func=label, key=key)
    return chosen


def _show_scores(state: SessionState, result: PatchResult, tab: str) -> float | None:
    """Show threshold and scores, and the content of the tabs Scores and Download; return the threshold."""
    st.subheader(result.name, anchor=False)
    chosen = choose_threshold(result.folder.name, result.threshold, st.container())
    threshold = result.threshold if chosen is None else chosen
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
    if tab == messages.DOWNLOAD_TAB:
        show_downloads(state, result, PolygonSettings(threshold=chosen))
    return chosen


def show_patches(state: SessionState, task: PatchPicturesTask, kind: str, columns: int) -> None:
    """Show pictures of patches in rows.

    Args:
        state: of the visitor.
        task: renders the patches.
        kind: a key of ``messages.PATCH_KINDS``.
        columns: pictures per row.
    """
    with st.spinner(messages.REDRAWING):
        patches = state.session.run(task)["patches"]
    if kind == "prediction":
        st.caption(messages.PATCH_LEGEND)
    elif kind == "probability":
        show_legend()
    for start in range(0, len(patches), columns):
        # The last row may be shorter.
        for column, patch in zip(st.columns(columns), patches[start : start + columns], strict=False):
            picture = patch["files"].get(kind, patch["files"]["image"])
            column.image(picture, caption=f"{patch['id']}: {patch['caption']}", width="stretch")
