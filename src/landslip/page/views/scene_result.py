"""The map of a scene: controls that redraw at once, the map or the picture, table, scores, files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from landslip.channels import TRUE_COLOUR
from landslip.datasets.pictures.views import FALSE_COLOUR
from landslip.figures.formatting import area_text, count_text, sentence
from landslip.page import messages as words
from landslip.page.jobs.results import Drawn, Found, LaidTruth, SceneResult
from landslip.page.jobs.tasks import Choice, OutlineTask, PictureTask, SketchTask
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory
from landslip.page.views.downloads import show_scene_downloads
from landslip.page.views.landslide_map import show_map
from landslip.page.views.parts import LAYERS_KEY, plain, told
from landslip.page.views.scores import show_scene_scores
from landslip.page.views.table import chosen_landslide, show_attributes, show_table
from landslip.probability import STEP, encode_threshold

_MOST_BESIDE: Final = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What was chosen for all maps of a scene alike."""

    min_area_m2: float
    min_slope_deg: float
    channels: tuple[str, ...]
    tab: str
    layers: frozenset[str]


@st.fragment
def show_scene_results(workshop: Workshop, memory: Memory, results: list[SceneResult]) -> None:
    """Show the maps that several detectors made of one scene; changes here rerun nothing else."""
    results = results[:_MOST_BESIDE]
    alone = len(results) == 1
    row = st.columns([4, 2, 3, 3] if alone else [2, 3, 3], vertical_alignment="bottom")
    threshold = choose_threshold(results[0], row[0]) if alone else None
    truth = memory.truths.get(results[0].source)
    look = _choose_look(results, row[-3:], truth)
    for column, result in zip(st.columns(len(results)), results, strict=True):
        with column, told():
            if not alone:
                st.subheader(result.name, anchor=False)
                threshold = choose_threshold(result, st.container())
            choice = Choice(threshold=threshold, min_area_m2=look.min_area_m2, min_slope_deg=look.min_slope_deg)
            _one(workshop, memory, result, choice, look, alone=alone)


def _choose_look(results: list[SceneResult], row: list[DeltaGenerator], truth: LaidTruth | None) -> Look:
    """Controls that all maps of a scene share."""
    source = results[0].source
    min_area_m2 = row[0].number_input(words.MIN_AREA, 0.0, 1e7, 400.0, 100.0, key="min-area", format="%.0f")
    slope_known = any(result.slope_known for result in results)
    min_slope_deg = row[1].slider(
        words.MIN_SLOPE,
        0,
        45,
        0,
        key="min-slope",
        disabled=not slope_known,
        help=None if slope_known else words.SLOPE_UNKNOWN,
    )
    channels = _choose_view(row[2], source.channels)
    tabs = [words.MAP_TAB, words.PICTURE_TAB, words.SCORES_TAB, words.DOWNLOAD_TAB]
    left, right = st.columns(2, vertical_alignment="center")
    tab = left.radio(
        words.RESULT_LABEL,
        tabs if source.georeferenced else tabs[1:],
        horizontal=True,
        key="scene-tab",
        label_visibility="collapsed",
    )
    shown = [words.SHOW_OUTLINES, words.SHOW_PROBABILITY, *([words.SHOW_TRUTH] if truth else [])]
    # A truth may have come or gone since.
    st.session_state[LAYERS_KEY] = [one for one in st.session_state.get(LAYERS_KEY, shown[:1]) if one in shown]
    layers = right.pills(
        words.LAYERS,
        shown,
        selection_mode="multi",
        key=LAYERS_KEY,
        label_visibility="collapsed",
    )
    return Look(min_area_m2, float(min_slope_deg), channels, tab, frozenset(layers))


def _one(workshop: Workshop, memory: Memory, result: SceneResult, choice: Choice, look: Look, *, alone: bool) -> None:
    found = found_at(memory, result, choice)
    said, picker = st.columns([3, 2], vertical_alignment="bottom") if alone else (st.container(), st.container())
    said.markdown(f"##### {words.SUMMARY_LINE.format(count=found.count, area=area_text(found.area_m2))}")
    if found.count > len(found.rows):
        st.caption(words.SHOWN_OF.format(shown=len(found.rows), count=found.count))
    if result.warnings:
        with st.expander(f"{words.WARNINGS} ({len(result.warnings)})"):
            st.markdown("\n".join(f"- {plain(sentence(text))}" for text in result.warnings))
    if look.tab == words.SCORES_TAB:
        show_scene_scores(memory, result, result.threshold if choice.threshold is None else choice.threshold)
        return
    if look.tab == words.DOWNLOAD_TAB:
        show_scene_downloads(memory, result, choice)
        return
    with picker:
        chosen = chosen_landslide(result, found)
    ground = picture_of(memory, result, look.channels)
    where, beside = st.columns([3, 2]) if alone else (st.container(), st.container())
    with where:
        if look.tab == words.MAP_TAB:
            show_map(workshop, memory, result, ground, found, look.layers, chosen)
        else:
            show_sketch(memory, result, ground, found, look.layers, chosen)
    with beside:
        if chosen is not None:
            show_attributes(chosen)
        show_table(result, found)


def choose_threshold(result: SceneResult, place: DeltaGenerator, key: str = "threshold") -> float | None:
    """A threshold in the steps in which probability is stored; None for the detector's own."""
    own = encode_threshold(result.threshold) * STEP
    value = place.slider(
        words.THRESHOLD,
        STEP,
        1.0,
        own,
        STEP,
        format="%.3f",
        key=f"{key}-{result.folder.name}",
        help=words.THRESHOLD_HELP.format(own=result.threshold),
    )
    return None if encode_threshold(value) == encode_threshold(own) else round(value / STEP) * STEP


def _choose_view(place: DeltaGenerator, known: tuple[str, ...]) -> tuple[str, ...]:
    """True colour, false colour, or any three channels."""
    views: dict[str, tuple[str, ...]] = {}
    if set(TRUE_COLOUR) <= set(known):
        views[words.TRUE_COLOUR] = TRUE_COLOUR
    if set(FALSE_COLOUR) <= set(known):
        views[words.FALSE_COLOUR] = FALSE_COLOUR
    view = place.selectbox(words.VIEW, [*views, words.ANY_CHANNELS], key="view")
    if view in views:
        return views[view]
    picked: list[str] = place.multiselect(
        words.CHANNELS_SHOWN, known, list(known[:3]), max_selections=3, key="channels"
    )
    return tuple(picked) if len(picked) == 3 else tuple((picked or known)[:1])


def found_at(memory: Memory, result: SceneResult, choice: Choice) -> Found:
    """The landslides at some settings; found once."""
    out = memory.visit.place_for("found", str(result.folder), choice)
    record = out / "found.json"
    if record.exists():
        return Found.model_validate_json(record.read_text(encoding="utf-8"))
    task = OutlineTask(source=result.source, detector=result.detector, map_folder=result.folder, choice=choice, out=out)
    with st.spinner(words.REDRAWING):
        found = Found.model_validate(memory.visit.ask(task))
    record.write_text(found.model_dump_json(), encoding="utf-8")
    return found


def picture_of(memory: Memory, result: SceneResult, channels: tuple[str, ...], *, probability: bool = False) -> Drawn:
    """The ground in some channels, or the probability; drawn once."""
    task = PictureTask(
        source=result.source,
        channels=() if probability else channels,
        alike=channels == TRUE_COLOUR,
        probability=result.folder / "probability.tif" if probability else None,
        out=result.folder if probability else memory.visit.place_for("picture", result.source),
    )
    with st.spinner(words.REDRAWING):
        return Drawn.model_validate(memory.visit.ask(task))


def sketched(
    memory: Memory,
    result: SceneResult,
    ground: Drawn,
    found: Found | None,
    layers: frozenset[str],
    chosen: int | None = None,
) -> Path:
    """A picture with outlines over it; drawn once."""
    truth = memory.truths.get(result.source) if words.SHOW_TRUTH in layers else None
    shown = (str(found.geopackage) if found else "", str(truth.outlines) if truth else "")
    parts = (str(ground.record), *shown, sorted(layers), chosen, str(result.folder))
    out = memory.visit.place_for("sketch", *parts).with_suffix(".webp")
    if not out.exists():
        probability = picture_of(memory, result, (), probability=True) if words.SHOW_PROBABILITY in layers else None
        task = SketchTask(
            ground=ground.record,
            probability=probability.record if probability else None,
            outlines=found.geopackage if found and words.SHOW_OUTLINES in layers else None,
            truth=truth.outlines if truth else None,
            chosen=chosen,
            out=out,
        )
        memory.visit.ask(task)
    return out


def show_sketch(
    memory: Memory,
    result: SceneResult,
    ground: Drawn,
    found: Found,
    layers: frozenset[str],
    chosen: dict[str, float | int | str | None] | None,
) -> None:
    """The picture with its legend."""
    number = None if chosen is None else int(chosen["id"] or 0)
    path = sketched(memory, result, ground, found, layers, number)
    st.image(
        str(path),
        caption=words.PICTURE_ALT.format(
            title=result.source.title, count=count_text(found.count, "landslide", "landslides")
        ),
    )
    if not result.source.georeferenced:
        st.caption(words.NO_PLACE)
    if words.SHOW_PROBABILITY in layers:
        show_legend()


def show_legend() -> None:
    """What the colours of the probability mean."""
    from landslip.figures.colour_ramps import PROBABILITY  # noqa: PLC0415

    stops = ", ".join(f"rgb{stop}" for stop in PROBABILITY.stops)
    st.html(
        f'<div role="img" aria-label="{words.LEGEND}: 0 light to 1 dark" style="font-size:0.85rem">{words.LEGEND}'
        f'<div style="display:flex;gap:8px;align-items:center"><span>0</span><div style="flex:1;height:12px;'
        f'border:1px solid #888;background:linear-gradient(to right, {stops})"></div><span>1</span></div></div>'
    )
