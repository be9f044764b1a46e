"""Compare: two results of one place under one another, and what differs between them."""

from typing import Any

import streamlit as st

from landslip.channels import TRUE_COLOUR
from landslip.figures.formatting import area_text
from landslip.page import messages as words
from landslip.page.jobs.results import Found, SceneResult
from landslip.page.jobs.tasks import Choice, DifferenceTask
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory
from landslip.page.views.parts import told
from landslip.page.views.scene_result import choose_threshold, found_at, picture_of, sketched
from landslip.page.views.swipe import show_swipe


def show(workshop: Workshop, memory: Memory) -> None:
    """Show the page."""
    st.title(words.COMPARE, anchor=False)
    st.write(words.COMPARE_INTRO)
    results = [one for one in memory.results if isinstance(one, SceneResult)]
    if results:
        with told():
            _compare(memory, results)
    else:
        st.info(words.COMPARE_NEEDS)
    show_catalogue_search()


def show_catalogue_search() -> None:
    """Where searching a catalogue by area and date will stand."""
    with st.expander(words.CATALOGUE):
        st.write(words.CATALOGUE_LATER)


def _compare(memory: Memory, results: list[SceneResult]) -> None:
    sides = st.columns(2)
    picked: list[tuple[SceneResult, Choice, str]] = []
    for number, (side, heading) in enumerate(zip(sides, (words.COMPARE_LEFT, words.COMPARE_RIGHT), strict=True)):
        with side:
            place = st.selectbox(
                heading,
                range(len(results)),
                index=min(number, len(results) - 1),
                format_func=lambda one: _title(results[one]),
                key=f"compare-{number}",
            )
            result = results[place]
            threshold = choose_threshold(result, side, f"compare-threshold-{number}")
            value = result.threshold if threshold is None else threshold
            picked.append((result, Choice(threshold=threshold), f"{_title(result)}, {value:.3f}"))
    found = [found_at(memory, result, choice) for result, choice, _ in picked]
    (left, _, left_name), (right, _, right_name) = picked
    alike = (left.source.height, left.source.width) == (right.source.height, right.source.width)
    pictures = [_sketch(memory, result, one) for (result, _, _), one in zip(picked, found, strict=True)]
    difference: dict[str, Any] = {}
    if alike:
        difference = memory.visit.ask(
            DifferenceTask(
                left=left.source,
                right=right.source,
                left_outlines=found[0].geopackage,
                right_outlines=found[1].geopackage,
            )
        )
    if difference.get("one_grid"):
        show_swipe(pictures[0], pictures[1], left_name, right_name, key="swipe")
    else:
        st.info(words.DIFFERENT_PLACE)
        for side, picture, name in zip(st.columns(2), pictures, (left_name, right_name), strict=True):
            side.image(str(picture), caption=name)
    st.subheader(words.DIFFERS, anchor=False)
    st.table(_rows(found, (left_name, right_name), difference))


def _title(result: SceneResult) -> str:
    date = f", {result.source.date:%Y-%m-%d}" if result.source.date else ""
    return f"{result.source.title}{date}, {result.name}"


def _sketch(memory: Memory, result: SceneResult, found: Found) -> Any:
    known = result.source.channels
    channels = TRUE_COLOUR if set(TRUE_COLOUR) <= set(known) else tuple(known[:1])
    ground = picture_of(memory, result, channels)
    return sketched(memory, result, ground, found, frozenset({words.SHOW_OUTLINES}))


def _rows(found: list[Found], names: tuple[str, str], difference: dict[str, Any]) -> dict[str, list[str]]:
    """The table: what each has, and what only one has."""
    figures = {
        words.DIFFERS_COUNT: [f"{one.count:,}" for one in found],
        words.DIFFERS_AREA: [area_text(one.area_m2) for one in found],
        words.DIFFERS_LARGEST: [area_text(float(one.rows[0]["area_m2"] or 0)) if one.rows else "" for one in found],
    }
    if difference.get("one_grid"):
        figures |= {
            words.DIFFERS_BOTH: [f"{difference['left_met']:,}", f"{difference['right_met']:,}"],
            words.DIFFERS_ALONE: [f"{difference['left_alone']:,}", f"{difference['right_alone']:,}"],
            words.DIFFERS_ALONE_AREA: [area_text(difference["left_only_m2"]), area_text(difference["right_only_m2"])],
        }
    headings = (
        names if names[0] != names[1] else (f"{names[0]} ({words.COMPARE_LEFT})", f"{names[1]} ({words.COMPARE_RIGHT})")
    )
    columns = {"": list(figures)}
    for place, heading in enumerate(headings):
        columns[heading] = [values[place] for values in figures.values()]
    return columns
