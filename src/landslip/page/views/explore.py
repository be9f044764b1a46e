"""Explore: the data set that the operator named, with its truth, class balance, values by channel, and mosaic."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from landslip.figures.formatting import share_text
from landslip.page import messages as words
from landslip.page.jobs.tasks import ExploreTask, MosaicTask, PatchSource, SheetTask
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory
from landslip.page.views.parts import told
from landslip.page.views.patch_result import choose_page, show_cards

_COLOURS = ("#8a3b12", "#2b6f8f")
"""Landslide dark and warm, the rest lighter and cool: told apart by lightness too."""
_COLUMNS = 4


def show(workshop: Workshop, memory: Memory) -> None:
    """Show the page."""
    st.title(words.EXPLORE, anchor=False)
    data = workshop.settings.data or _example(workshop)
    if data is None:
        st.info(words.EXPLORE_NEEDS)
        return
    with told():
        with st.spinner(words.COUNTING):
            known = memory.visit.ask(ExploreTask(data=data, out=workshop.shared_folder))
        _summary(known)
        _browse(workshop, memory, data, known)
        _mosaic(workshop, memory, data)


def _example(workshop: Workshop) -> Path | None:
    """The patches that come with the examples, where the operator named nothing else."""
    folder = (workshop.settings.examples or Path()) / "l4s-rgb-scene-b"
    return folder if (folder / "img").is_dir() else None


def _summary(known: dict[str, Any]) -> None:
    st.subheader(known["name"], anchor=False)
    st.write(
        words.EXPLORE_SUMMARY.format(
            patches=known["patches"], side=known["side_px"], channels=", ".join(known["channels"])
        )
    )
    st.caption(words.EXPLORE_READ.format(read=known["read"], patches=known["patches"]))
    left, right = st.columns(2)
    labelled = known["landslide_px"] + known["other_px"]
    shares = np.array(known["shares"])
    with left:
        st.markdown(f"**{words.CLASS_BALANCE}**")
        if labelled:
            holding = share_text(float((shares > 0).mean()))
            share = share_text(known["landslide_px"] / labelled)
            st.write(words.BALANCE_LINE.format(share=share, patches=holding))
        st.markdown(f"**{words.SCENES}**")
        st.dataframe(pd.DataFrame(known["scenes"]), hide_index=True)
    with right:
        st.markdown(f"**{words.BY_PATCH}**")
        if len(shares):
            counts, edges = np.histogram(shares * 100, bins=20)
            chart = pd.DataFrame({words.SHARE_AXIS: edges[:-1].round(1), words.PATCHES_AXIS: counts})
            st.bar_chart(chart, x=words.SHARE_AXIS, y=words.PATCHES_AXIS, color=_COLOURS[0], height=260)
    st.markdown(f"**{words.BY_CHANNEL}**")
    by_name = {one["channel"]: one for one in known["histograms"]}
    one = by_name[st.selectbox(words.CHANNEL, list(by_name))]
    unit = f"{one['channel']} ({one['unit']})"
    table = pd.DataFrame({unit: one["middles"], words.LANDSLIDE: one["landslide"], words.BACKGROUND: one["other"]})
    st.line_chart(
        table,
        x=unit,
        y=[words.LANDSLIDE, words.BACKGROUND],
        color=list(_COLOURS),
        y_label=words.DENSITY_AXIS,
        height=280,
    )


def _browse(workshop: Workshop, memory: Memory, data: Path, known: dict[str, Any]) -> None:
    st.subheader(words.BROWSE, anchor=False)
    left, right = st.columns(2)
    kind = left.selectbox(
        words.PATCH_SHOW, ["truth", "seen"], format_func=words.PATCH_KINDS.__getitem__, key="explore-kind"
    )
    first = choose_page(right, known["patches"], "explore-page")
    source = PatchSource(
        title=known["name"], folder=data, channels=tuple(known["channels"]), patches=known["patches"], labelled=0
    )
    task = SheetTask(source=source, first=first, out=workshop.shared_folder / "sheet")
    show_cards(memory, task, kind, _COLUMNS)


def _mosaic(workshop: Workshop, memory: Memory, data: Path) -> None:
    st.subheader(words.MOSAIC, anchor=False)
    if not st.toggle(words.MOSAIC_BUTTON, key="mosaic"):
        return
    with st.spinner(words.REDRAWING):
        files = memory.visit.ask(MosaicTask(data=data, out=workshop.shared_folder))["files"]
    for scene, file in files.items():
        st.image(file, caption=words.MOSAIC_ALT.format(scene=scene))
    if not files:
        st.info(words.MOSAIC_NONE)
