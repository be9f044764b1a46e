"""The view Predict: an image, detectors, and the resulting landslides."""

from typing import Final

import streamlit as st

from landslip.change.baseline import packaged_baseline
from landslip.figures.formatting import to_sentence
from landslip.page import messages
from landslip.page.errors import PageError, UploadError, name_control
from landslip.page.jobs.results import PatchResult, SceneResult
from landslip.page.jobs.tasks import (
    MapTask,
    PatchMapTask,
    PatchSource,
    ReadTask,
    SceneSource,
)
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.uploads.receive import check_space, receive, upload_limits
from landslip.page.views.detectors import describe_detector
from landslip.page.views.examples import choose_example, find_examples
from landslip.page.views.finished import finish_job
from landslip.page.views.masks import Excluded, Masks, choose_masks
from landslip.page.views.parts import close_drawer, escape_markdown, show_errors, show_jobs
from landslip.page.views.scores import choose_reference

_TYPES: Final = ["tif", "tiff", "jp2", "h5", "hdf5", "png", "zip"]
_DETECTORS_KEY: Final = "detectors"
_SOURCE_KIND_KEY, _SOURCE_KEY, _RESULT_KEY = "image-source", "source", "result"


def show(server: ServerState, state: SessionState) -> None:
    """Show the view."""
    with st.sidebar:
        source = _choose_image(server, state)
        if isinstance(source, SceneSource):
            choose_reference(server, state, source, upload_limits(server.settings))
        before = _choose_before(server, state, source) if isinstance(source, SceneSource) else None
        detectors = _choose_detectors(server)
        if before and (fitted := packaged_baseline().detector) not in detectors:
            st.caption(messages.BEFORE_DETECTOR.format(name=fitted))
        masks, excluded = choose_masks() if isinstance(source, SceneSource) else ("auto", Excluded())
        ready = source is not None and bool(detectors)
        if st.button(messages.MAP_BUTTON, type="primary", disabled=not ready, width="stretch") and source is not None:
            with show_errors():
                _submit_maps(server, state, source, detectors, masks, excluded, before)
                state.maps_asked += 1
        if (state.sources or state.results) and st.button(messages.START_OVER, width="stretch"):
            state.start_over()
            st.rerun()
        st.caption(messages.PRIVACY)
    close_drawer(state)
    if not state.results:
        st.title(messages.TAGLINE, anchor=False)
    show_jobs(server, state, lambda pending: finish_job(server, state, pending))
    if state.results:
        _show_results(server, state)
    elif not state.pending:
        _show_welcome()


def _show_welcome() -> None:
    steps = (
        (messages.IMAGE, messages.WELCOME_IMAGE),
        (messages.DETECTOR, messages.WELCOME_DETECTOR),
        (messages.RESULT, messages.WELCOME_RESULT),
    )
    for column, (heading, text) in zip(st.columns(3), steps, strict=True):
        with column.container(border=True, height="stretch"):
            st.subheader(heading, anchor=False)
            st.write(text)
    st.warning(messages.CANDIDATES, icon=":material/info:")


def _choose_image(server: ServerState, state: SessionState) -> SceneSource | PatchSource | None:
    """Step 1; None until there is an image."""
    st.header(messages.IMAGE, anchor=False)
    examples = find_examples(server.settings.examples)
    options = [messages.EXAMPLE, messages.UPLOAD] if examples else [messages.UPLOAD]
    if state.sources and _SOURCE_KIND_KEY not in st.session_state:
        st.session_state[_SOURCE_KIND_KEY] = messages.UPLOAD
    if st.radio(messages.IMAGE_SOURCE, options, key=_SOURCE_KIND_KEY, horizontal=True) == messages.EXAMPLE:
        return choose_example(server, state, examples)
    return _choose_upload(server, state)


def _choose_upload(server: ServerState, state: SessionState) -> SceneSource | PatchSource | None:
    settings = server.settings
    number = state.image_round
    files = st.file_uploader(
        messages.UPLOADER,
        type=_TYPES,
        accept_multiple_files=True,
        key=f"uploads-{number}",
        help=messages.UPLOADER_HELP.format(megabytes=settings.max_upload_mb, megapixels=settings.max_megapixels),
    )
    with st.expander(messages.HOW_TO_READ):
        channels = st.text_input(
            messages.CHANNELS_FIELD, key=f"channels-{number}", help=messages.CHANNELS_HELP, max_chars=200
        )
        scale = _number(messages.SCALE_FIELD, f"scale-{number}", messages.SCALE_HELP, 0.0, 1e6)
        offset = _number(messages.OFFSET_FIELD, f"offset-{number}", messages.OFFSET_HELP)
        nodata = _number(messages.NODATA_FIELD, f"nodata-{number}", messages.NODATA_HELP)
        pixel_size_m = _number(messages.PIXEL_FIELD, f"pixel-{number}", messages.PIXEL_HELP, 0.0, 1e5)
        to_toa = st.checkbox(messages.TO_TOA_FIELD, key=f"to-toa-{number}", help=messages.TO_TOA_HELP)
        st.caption(messages.RASTERS_ONLY)
    reading = any(pending.task is ReadTask for pending in state.pending)
    if st.button(messages.READ_BUTTON, disabled=not files or reading, width="stretch"):
        state.clear_messages()
        with show_errors():
            folder = state.session.new_folder("upload")
            try:
                received = receive(files, folder, settings)
            except UploadError as error:
                # The files stay in the uploader: the user removes the refused one, or all with 'Dismiss'.
                state.errors.append(str(error))
                st.rerun()
            task = ReadTask(
                folder=folder,
                uploads=received,
                channels=channels.strip() or None,
                scale=scale or None,
                offset=offset,
                nodata=nodata,
                pixel_size_m=pixel_size_m or None,
                to_toa=to_toa,
                limits=upload_limits(settings),
            )
            # The files stay in the uploader until they are read, so that other settings can be tried.
            state.submit("read", task, messages.READING, folder)
            st.rerun()
    return _choose_source(state)


def _number(label: str, key: str, text: str, lowest: float | None = None, highest: float | None = None) -> float | None:
    """Show a field for a number with all its digits; None if it is empty, which leaves it to the files."""
    return st.number_input(
        label, lowest, highest, None, step=1.0, format="%g", key=key, help=text, placeholder=messages.FROM_FILES
    )


def _choose_source(state: SessionState) -> SceneSource | PatchSource | None:
    """Choose one of the uploaded images."""
    if not state.sources:
        return None
    sources = {source.id: source for source in state.sources}
    source = state.sources[0]
    if len(sources) > 1:
        if state.chosen_source in sources:
            st.session_state[_SOURCE_KEY] = state.chosen_source
        state.chosen_source = None
        chosen = st.selectbox(
            messages.SOURCE_LABEL, list(sources), format_func=lambda key: sources[key].title, key=_SOURCE_KEY
        )
        source = sources[chosen]
    if isinstance(source, PatchSource):
        text = messages.PATCHES_LINE.format(count=source.patches, labelled=source.labelled)
    else:
        text = messages.SCENE_LINE.format(
            width=source.width,
            height=source.height,
            size=source.pixel_size_m,
            channels=", ".join(source.channels),
            valid=source.valid_fraction,
        )
        if source.to_toa:
            text += f"; {messages.TO_TOA_NOTE}"
    st.markdown(f"**{escape_markdown(source.title)}**: {text}")
    for warning in source.warnings if isinstance(source, SceneSource) else ():
        st.warning(escape_markdown(to_sentence(name_control(warning))))
    with st.expander(messages.READ_NOTES):
        st.markdown("\n".join(f"- {escape_markdown(note)}" for note in source.notes) or messages.NO_NOTES)
    return source


def _choose_before(server: ServerState, state: SessionState, source: SceneSource) -> SceneSource | None:
    """Choose the image before the event, of the example or among the uploaded ones; None for a map of one date."""
    example = server.examples_before.get(source.id)
    offered = [example] if example else state.sources
    scenes = {one.id: one for one in offered if isinstance(one, SceneSource) and one.id != source.id}
    if not scenes:
        st.caption(messages.BEFORE_NEEDS)
        return None
    chosen = st.selectbox(
        messages.BEFORE_LABEL,
        ["", *scenes],
        index=1 if example else 0,
        format_func=lambda key: scenes[key].title if key else messages.BEFORE_NONE,
        key=f"before-{source.id}",
        help=messages.BEFORE_HELP,
    )
    return scenes.get(chosen or "")


def _choose_detectors(server: ServerState) -> list[str]:
    """Step 2; the names of the chosen detectors."""
    st.header(messages.DETECTOR, anchor=False)
    names = list(server.detectors)
    asked = st.query_params.get(_DETECTORS_KEY, "").split(",")
    default = [name for name in names if name in asked] or names[:1]
    # Set again in every run: a run that ended before this point, as after an upload, makes the browser forget it.
    st.session_state[_DETECTORS_KEY] = list(st.session_state.get(_DETECTORS_KEY, default))
    chosen: list[str] = st.multiselect(messages.DETECTOR_LABEL, names, key=_DETECTORS_KEY)
    if not chosen:
        st.info(messages.NO_DETECTOR)
    st.query_params[_DETECTORS_KEY] = ",".join(chosen)
    for name in chosen:
        with st.expander(messages.ABOUT_DETECTOR.format(name=name)):
            describe_detector(server.detectors[name])
    return chosen


def _submit_maps(
    server: ServerState,
    state: SessionState,
    source: SceneSource | PatchSource,
    detectors: list[str],
    masks: Masks = "auto",
    excluded: Excluded | None = None,
    before: SceneSource | None = None,
) -> None:
    """Submit a job for each detector.

    Raises:
        PageError: the session has reached its limit, or the queue is full.
    """
    check_space(state.session.folder, 0, server.settings)
    excluded = excluded or Excluded()
    if excluded.bounds and excluded.file:
        raise PageError(messages.EXCLUDE_TWICE)
    for name in detectors:
        offered = server.detectors[name]
        missing = [channel for channel in offered.card.channels if channel not in source.channels]
        if missing:
            st.error(messages.MISSING_CHANNELS.format(detector=name, channels=", ".join(missing)))
            continue
        out, threads = state.session.new_folder("map"), server.settings.threads
        task: MapTask | PatchMapTask
        if isinstance(source, SceneSource):
            task = MapTask(
                source=source,
                before=before,
                detector=offered.location,
                out=out,
                threads=threads,
                masks=masks,
                exclude=excluded.bounds,
                exclude_file=excluded.receive(state, server.settings),
                exclude_layer=excluded.layer,
                limits=upload_limits(server.settings),
            )
        else:
            task = PatchMapTask(source=source, detector=offered.location, out=out, threads=threads)
        state.submit("map", task, f"{source.title}, {name}", out)


def _show_results(server: ServerState, state: SessionState) -> None:
    """Show the newest result of each detector for one image."""
    sources = {result.source.id: result.source for result in state.results}
    shown = state.shown if state.shown in sources else next(iter(sources))
    if len(sources) > 1:
        st.session_state[_RESULT_KEY] = shown

        def choose() -> None:
            state.shown = st.session_state[_RESULT_KEY]

        st.selectbox(
            messages.RESULT_OF,
            list(sources),
            format_func=lambda key: sources[key].title,
            key=_RESULT_KEY,
            on_change=choose,
        )
    source = sources[shown]
    st.title(escape_markdown(source.title), anchor=False)
    newest = {result.name: result for result in reversed(state.results) if result.source.id == shown}
    if isinstance(source, SceneSource):
        from landslip.page.views.scene_result import show_scene_results  # noqa: PLC0415 - when there is one

        show_scene_results(server, state, [result for result in newest.values() if isinstance(result, SceneResult)])
    else:
        from landslip.page.views.patch_result import show_patch_results  # noqa: PLC0415

        show_patch_results(state, [result for result in newest.values() if isinstance(result, PatchResult)])
