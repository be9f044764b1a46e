"""The view Explore: the operator's data set with its class balance, values by channel, patches and mosaics."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from landslip.figures.formatting import format_percent
from landslip.page import messages
from landslip.page.jobs.tasks import ExploreTask, MosaicTask, PatchLayer, PatchPicturesTask, PatchSource
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.views.parts import show_errors
from landslip.page.views.patch_result import choose_page, render, show_patches

_COLOURS = ("#8a3b12", "#2b6f8f")
"""Landslide dark and warm, background lighter and cool: distinct in lightness too."""
_COLUMNS = 4


def show(server: ServerState, state: SessionState) -> None:
    """Show the view."""
    st.title(messages.EXPLORE, anchor=False)
    data = server.settings.data or _example(server)
    if data is None:
        st.info(messages.EXPLORE_NEEDS)
        return
    with show_errors():
        with st.spinner(messages.SUMMARISING):
            summary = state.session.run(ExploreTask(data=data, out=server.shared_folder))
        _show_summary(summary)
        _show_channels(summary)
        _show_patches(server, state, data, summary)
        _show_mosaic(server, state, data)


def _example(server: ServerState) -> Path | None:
    """The example patches, if the operator set no data set."""
    folder = (server.settings.examples or Path()) / "l4s-rgb-scene-b"
    return folder if (folder / "img").is_dir() else None


def _show_summary(summary: dict[str, Any]) -> None:
    st.subheader(summary["name"], anchor=False)
    channels = ", ".join(summary["channels"])
    st.write(messages.EXPLORE_SUMMARY.format(patches=summary["patches"], side=summary["side_px"], channels=channels))
    st.caption(messages.EXPLORE_READ.format(read=summary["read"], patches=summary["patches"]))
    left, right = st.columns(2)
    labelled = summary["landslide_px"] + summary["background_px"]
    fractions = np.array(summary["fractions"])
    with left:
        st.markdown(f"**{messages.CLASS_BALANCE}**")
        if labelled:
            fraction = format_percent(summary["landslide_px"] / labelled)
            patches = format_percent(float((fractions > 0).mean()))
            st.write(messages.BALANCE_LINE.format(fraction=fraction, patches=patches))
        st.markdown(f"**{messages.SCENES}**")
        st.dataframe(pd.DataFrame(summary["scenes"]), hide_index=True)
    with right:
        st.markdown(f"**{messages.BY_PATCH}**")
        if len(fractions):
            counts, edges = np.histogram(fractions * 100, bins=20)
            chart = pd.DataFrame({messages.FRACTION_AXIS: edges[:-1].round(1), messages.PATCHES_AXIS: counts})
            st.bar_chart(chart, x=messages.FRACTION_AXIS, y=messages.PATCHES_AXIS, color=_COLOURS[0], height=260)


def _show_channels(summary: dict[str, Any]) -> None:
    st.markdown(f"**{messages.BY_CHANNEL}**")
    histograms = {histogram["channel"]: histogram for histogram in summary["histograms"]}
    histogram = histograms[st.selectbox(messages.CHANNEL, list(histograms))]
    axis = f"{histogram['channel']} ({histogram['unit']})"
    columns = {
        axis: histogram["centres"],
        messages.LANDSLIDE: histogram["landslide"],
        messages.BACKGROUND: histogram["background"],
    }
    st.line_chart(
        pd.DataFrame(columns),
        x=axis,
        y=[messages.LANDSLIDE, messages.BACKGROUND],
        color=list(_COLOURS),
        y_label=messages.DENSITY_AXIS,
        height=280,
    )


def _show_patches(server: ServerState, state: SessionState, data: Path, summary: dict[str, Any]) -> None:
    st.subheader(messages.BROWSE, anchor=False)
    left, right = st.columns(2)
    kind = left.selectbox(
        messages.PATCH_SHOW, ["reference", "image"], format_func=messages.PATCH_KINDS.__getitem__, key="explore-kind"
    )
    first = choose_page(right, summary["patches"], "explore-page")
    source = PatchSource(
        title=summary["name"],
        folder=data,
        channels=tuple(summary["channels"]),
        patches=summary["patches"],
        labelled=0,
    )
    out = server.shared_folder / f"patches-{kind}"
    layers: frozenset[PatchLayer] = frozenset({"reference"}) if kind == "reference" else frozenset()
    show_patches(render(state, PatchPicturesTask(source=source, layers=layers, first=first, out=out)), _COLUMNS)


def _show_mosaic(server: ServerState, state: SessionState, data: Path) -> None:
    st.subheader(messages.MOSAIC, anchor=False)
    if not st.toggle(messages.MOSAIC_BUTTON, key="mosaic"):
        return
    with st.spinner(messages.REDRAWING):
        files = state.session.run(MosaicTask(data=data, out=server.shared_folder))["files"]
    for scene, file in files.items():
        st.image(file, caption=messages.MOSAIC_ALT.format(scene=scene))
    if not files:
        st.info(messages.MOSAIC_NONE)
