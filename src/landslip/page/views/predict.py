"""Predict: an image, a detector, and the landslides."""

from typing import Any

import streamlit as st

from landslip.page import messages as words
from landslip.page.jobs.results import PatchResult, SceneResult
from landslip.page.jobs.tasks import MapTask, PatchesTask, PatchSource, ReadAnswer, SceneSource
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory, Run
from landslip.page.uploads.receive import check_room
from landslip.page.views.inputs import choose_detectors, choose_image
from landslip.page.views.parts import plain, show_runs, told
from landslip.page.views.scores import choose_truth, keep_truth


def show(workshop: Workshop, memory: Memory) -> None:
    """Show the page."""
    with st.sidebar:
        chosen = choose_image(workshop, memory)
        if isinstance(chosen, SceneSource):
            choose_truth(workshop, memory, chosen)
        detectors = choose_detectors(workshop, chosen)
        ready = chosen is not None and bool(detectors)
        if st.button(words.MAP_BUTTON, type="primary", disabled=not ready, width="stretch") and chosen is not None:
            with told():
                _begin(workshop, memory, chosen, detectors)
        if (memory.sources or memory.results) and st.button(words.START_OVER, width="stretch"):
            memory.start_over()
            st.rerun()
        st.caption(words.PRIVACY)
    if not memory.results:
        st.title(words.TAGLINE, anchor=False)
    show_runs(workshop, memory, lambda run: _finish(memory, run))
    if memory.results:
        _show_results(workshop, memory)
    elif not memory.runs:
        _welcome(workshop)


def _welcome(workshop: Workshop) -> None:
    steps = (
        (words.IMAGE, words.WELCOME_IMAGE),
        (words.WITH, words.WELCOME_DETECTOR),
        (words.RESULT, words.WELCOME_RESULT),
    )
    for column, (heading, text) in zip(st.columns(3), steps, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(heading, anchor=False)
            st.write(text)
    st.warning(words.CANDIDATES, icon=":material/info:")


def _begin(workshop: Workshop, memory: Memory, source: SceneSource | PatchSource, detectors: list[str]) -> None:
    """Queue a run for each detector.

    Raises:
        PageError: the visitor holds too much already, or the queue is full.
    """
    check_room(memory.visit.folder, 0, workshop.settings)
    for key in detectors:
        card, opens = workshop.detectors[key].card, workshop.detectors[key].opens
        missing = [name for name in card.channels if name not in source.channels]
        if missing:
            st.error(words.MISSING_CHANNELS.format(detector=card.name, channels=", ".join(missing)))
            continue
        out, threads = memory.visit.new_folder("map"), workshop.settings.threads
        task = (
            MapTask(source=source, detector=opens, out=out, threads=threads)
            if isinstance(source, SceneSource)
            else PatchesTask(source=source, detector=opens, out=out, threads=threads)
        )
        ticket = memory.visit.submit("map", task)
        memory.runs.append(Run(ticket, "map", task.kind, f"{source.title}, {card.name}", out))


def _finish(memory: Memory, run: Run) -> None:
    """Keep what a run gave."""
    answer: dict[str, Any] = run.ticket.answer
    if run.kind == "read":
        read = ReadAnswer.model_validate(answer)
        memory.sources[:0] = read.sources
        memory.notes += read.notes
    elif run.kind == "truth":
        keep_truth(memory, answer)
    elif run.kind == "map":
        memory.results.insert(0, SceneResult.model_validate(answer))
    elif run.kind == "patches":
        memory.results.insert(0, PatchResult.model_validate(answer))


def _show_results(workshop: Workshop, memory: Memory) -> None:
    """The results of one image, one column a detector."""
    images = list(dict.fromkeys(result.source for result in memory.results))
    titles = [
        f"{one.title} ({len(images) - place})" if len(images) > 1 else one.title for place, one in enumerate(images)
    ]
    place = 0
    if len(images) > 1:
        place = st.selectbox(words.RESULT_LABEL, range(len(images)), format_func=titles.__getitem__)
    source = images[place]
    st.title(plain(source.title), anchor=False)
    # The newest of each detector.
    newest = {result.name: result for result in reversed(memory.results) if result.source == source}
    if isinstance(source, SceneSource):
        from landslip.page.views.scene_result import show_scene_results  # noqa: PLC0415 - when there is one

        show_scene_results(workshop, memory, [one for one in newest.values() if isinstance(one, SceneResult)])
    else:
        from landslip.page.views.patch_result import show_patch_results  # noqa: PLC0415

        show_patch_results(memory, [one for one in newest.values() if isinstance(one, PatchResult)])
