"""Labelled patches: what was found beside the truth, scores pooled over all of them, files."""

from typing import Any, Final

import numpy as np
import streamlit as st

from landslip.metrics.counts import LevelCounts
from landslip.page import messages as words
from landslip.page.jobs.results import PatchResult
from landslip.page.jobs.tasks import Choice, SheetTask
from landslip.page.server.session import Memory
from landslip.page.views.downloads import show_patch_downloads
from landslip.page.views.parts import told
from landslip.page.views.scene_result import show_legend
from landslip.page.views.scores import score_line, show_scores
from landslip.probability import STEP, encode_threshold

_PER_PAGE: Final = 12
_COLUMNS: Final = 4


@st.fragment
def show_patch_results(memory: Memory, results: list[PatchResult]) -> None:
    """Show what several detectors said of the same patches."""
    tab = st.radio(
        words.RESULT_LABEL,
        [words.PICTURE_TAB, words.SCORES_TAB, words.DOWNLOAD_TAB],
        horizontal=True,
        key="patch-tab",
        label_visibility="collapsed",
    )
    kind, view, first = "found", results[0].views[0], 0
    if tab == words.PICTURE_TAB:
        left, middle, right = st.columns(3)
        kinds = [one for one in words.PATCH_KINDS if one != "truth" or results[0].source.labelled]
        kind = left.selectbox(words.PATCH_SHOW, kinds, format_func=words.PATCH_KINDS.__getitem__, key="patch-kind")
        view = middle.selectbox(words.VIEW, results[0].views, key="patch-view")
        first = choose_page(right, len(results[0].ids))
    for column, result in zip(st.columns(len(results)), results, strict=True):
        with column, told():
            _one(memory, result, tab, kind, view, first, _COLUMNS if len(results) == 1 else 2)


def choose_page(place: Any, count: int, key: str = "patch-page") -> int:
    """Which patches to look at; the first of them."""
    firsts = list(range(0, count, _PER_PAGE))
    chosen: int = place.selectbox(
        words.PATCH_PAGE,
        firsts,
        format_func=lambda first: words.PATCH_VIEW.format(
            first=first + 1, last=min(first + _PER_PAGE, count), count=count
        ),
        key=key,
    )
    return chosen


def _one(memory: Memory, result: PatchResult, tab: str, kind: str, view: str, first: int, columns: int) -> None:
    st.subheader(result.name, anchor=False)
    own = encode_threshold(result.threshold) * STEP
    threshold = st.slider(
        words.THRESHOLD,
        STEP,
        1.0,
        own,
        STEP,
        format="%.3f",
        key=f"threshold-{result.folder.name}",
        help=words.THRESHOLD_HELP.format(own=result.threshold),
    )
    levels = np.load(result.folder / "levels.npy", mmap_mode="r", allow_pickle=False)
    masks = np.load(result.folder / "masks.npy", mmap_mode="r", allow_pickle=False)
    counts = LevelCounts.of_levels(levels, masks)
    if result.source.labelled and tab != words.SCORES_TAB:
        st.markdown(score_line(counts.at(threshold), threshold))
    if tab == words.SCORES_TAB:
        if result.source.labelled:
            show_scores(counts, threshold)
        else:
            st.info(words.NO_TRUTH)
    elif tab == words.DOWNLOAD_TAB:
        own_choice = encode_threshold(threshold) == encode_threshold(own)
        show_patch_downloads(memory, result, Choice(threshold=None if own_choice else round(threshold / STEP) * STEP))
    else:
        task = SheetTask(
            source=result.source,
            result=result.folder,
            threshold=threshold,
            view=view,
            first=first,
            count=_PER_PAGE,
            out=memory.visit.place_for("sheet", str(result.folder), threshold),
        )
        show_cards(memory, task, kind, columns)


def show_cards(memory: Memory, task: SheetTask, kind: str, columns: int) -> None:
    """Pictures of patches in rows."""
    with st.spinner(words.REDRAWING):
        cards = memory.visit.ask(task)["cards"]
    if kind == "found":
        st.caption(words.PATCH_LEGEND)
    elif kind == "probability":
        show_legend()
    for start in range(0, len(cards), columns):
        # The last row may be shorter than there are columns.
        for column, card in zip(st.columns(columns), cards[start : start + columns], strict=False):
            picture = card["files"].get(kind, card["files"]["seen"])
            column.image(picture, caption=f"{card['id']}: {card['line']}", width="stretch")
