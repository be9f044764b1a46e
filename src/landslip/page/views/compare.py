"""The view Compare: two results of one area under a line to drag, and a table of their differences."""

from pathlib import Path

import streamlit as st

from landslip.channels import TRUE_COLOUR
from landslip.figures.formatting import format_area
from landslip.page import messages
from landslip.page.jobs.results import Comparison, Landslides, SceneResult
from landslip.page.jobs.tasks import ComparisonTask, PolygonSettings
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.views.parts import (
    choose_threshold,
    landslides_at,
    overlay_picture,
    scene_picture,
    show_errors,
)
from landslip.page.views.swipe import show_swipe

_LONGEST_PX = 2400
"""Enough to zoom in."""


def show(_: ServerState, state: SessionState) -> None:
    """Show the view."""
    st.title(messages.COMPARE, anchor=False)
    st.write(messages.COMPARE_INTRO)
    # The earlier image stands left: by date where known, else in the order in which they were mapped.
    mapped = [result for result in reversed(state.results) if isinstance(result, SceneResult)]
    results = sorted(mapped, key=lambda result: result.source.date.timestamp() if result.source.date else 0.0)
    if results:
        with show_errors():
            _show_comparison(state, results)
    else:
        st.info(messages.COMPARE_NEEDS)


def _show_comparison(state: SessionState, results: list[SceneResult]) -> None:
    chosen: list[tuple[SceneResult, Landslides, str]] = []
    for number, (side, heading) in enumerate(
        zip(st.columns(2), (messages.COMPARE_LEFT, messages.COMPARE_RIGHT), strict=True)
    ):
        with side:
            index = st.selectbox(
                heading,
                range(len(results)),
                index=max(len(results) - 2 + number, 0),
                format_func=lambda index: _title(results[index]),
                key=f"compare-{number}",
            )
            result = results[index]
            threshold = choose_threshold(f"{number}-{result.folder.name}", result.threshold, side)
            landslides = landslides_at(state, result, PolygonSettings(threshold=threshold))
            shown = result.threshold if threshold is None else threshold
            chosen.append((result, landslides, f"{_title(result)}, {shown:.3f}"))
    pictures = [_render(state, result, landslides) for result, landslides, _ in chosen]
    (left, left_landslides, left_name), (right, right_landslides, right_name) = chosen
    comparison = Comparison()
    if (left.source.height, left.source.width) == (right.source.height, right.source.width):
        task = ComparisonTask(
            left=left.source,
            right=right.source,
            left_landslides=left_landslides.geopackage,
            right_landslides=right_landslides.geopackage,
        )
        comparison = Comparison.model_validate(state.session.run(task))
    if comparison.left is not None:
        show_swipe(pictures[0], pictures[1], left_name, right_name)
    else:
        st.info(messages.DIFFERENT_GRIDS)
        for side, picture, name in zip(st.columns(2), pictures, (left_name, right_name), strict=True):
            side.image(str(picture), caption=name)
    st.subheader(messages.DIFFERENCES, anchor=False)
    st.table(_table([left_landslides, right_landslides], (left_name, right_name), comparison))


def _title(result: SceneResult) -> str:
    date = f", {result.source.date:%Y-%m-%d}" if result.source.date else ""
    return f"{result.source.title}{date}, {result.name}"


def _render(state: SessionState, result: SceneResult, landslides: Landslides) -> Path:
    known = result.source.channels
    channels = TRUE_COLOUR if set(TRUE_COLOUR) <= set(known) else tuple(known[:1])
    background = scene_picture(state, result, channels)
    return overlay_picture(
        state, result, background, landslides, frozenset({messages.SHOW_OUTLINES}), longest_px=_LONGEST_PX
    )


def _table(landslides: list[Landslides], names: tuple[str, str], comparison: Comparison) -> dict[str, list[str]]:
    """The totals of both results, and what only one of them has."""
    rows = {
        messages.DIFFERENCE_COUNT: [f"{one.count:,}" for one in landslides],
        messages.DIFFERENCE_AREA: [format_area(one.area_m2) for one in landslides],
        messages.DIFFERENCE_LARGEST: [
            format_area(float(one.rows[0]["area_m2"] or 0)) if one.rows else "" for one in landslides
        ],
    }
    if comparison.left is not None and comparison.right is not None:
        overlaps = (comparison.left, comparison.right)
        rows |= {
            messages.DIFFERENCE_OVERLAPPING: [f"{overlap.overlapping:,}" for overlap in overlaps],
            messages.DIFFERENCE_UNMATCHED: [f"{overlap.unmatched:,}" for overlap in overlaps],
            messages.DIFFERENCE_ONLY: [format_area(overlap.unmatched_m2) for overlap in overlaps],
        }
    if names[0] == names[1]:
        names = (f"{names[0]} ({messages.COMPARE_LEFT})", f"{names[1]} ({messages.COMPARE_RIGHT})")
    return {"": list(rows), **{name: [values[index] for values in rows.values()] for index, name in enumerate(names)}}
