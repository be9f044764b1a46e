"""What a visitor gives: an example or files of their own, and the detectors to run."""

from pathlib import Path
from typing import Final

import streamlit as st

from landslip.channels import TRUE_COLOUR
from landslip.figures.formatting import sentence
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.tasks import Bounds, PatchSource, ReadAnswer, ReadTask, SceneSource, Upload
from landslip.page.server.server_state import Workshop
from landslip.page.server.serving import PageSettings
from landslip.page.server.session import Memory, Run
from landslip.page.uploads.receive import receive
from landslip.page.views.parts import card_in_words, plain, told

_TYPES: Final = ["tif", "tiff", "jp2", "h5", "hdf5", "zip"]
_EXAMPLE_KEY, _DETECTORS_KEY = "example", "detectors"


def choose_image(workshop: Workshop, memory: Memory) -> SceneSource | PatchSource | None:
    """Step 1; None until there is an image."""
    st.header(words.IMAGE, anchor=False)
    examples = _examples(workshop.settings)
    where = [words.EXAMPLE, words.UPLOAD] if examples else [words.UPLOAD]
    if st.radio(words.WHERE_FROM, where, key="where-from", horizontal=True) == words.EXAMPLE:
        return _example(workshop, memory, examples)
    return _own_files(workshop, memory)


def choose_detectors(workshop: Workshop, source: SceneSource | PatchSource | None) -> list[str]:
    """Step 2; the keys of the detectors chosen."""
    st.header(words.WITH, anchor=False)
    keys = list(workshop.detectors)
    asked = st.query_params.get(_DETECTORS_KEY, "").split(",")
    first = [key for key in keys if key in asked] or keys[:1]
    # Said anew in every run: where one ended before it came here, as after an upload, the browser has forgotten it.
    st.session_state[_DETECTORS_KEY] = list(st.session_state.get(_DETECTORS_KEY, first))
    chosen: list[str] = st.multiselect(
        words.DETECTOR_LABEL, keys, key=_DETECTORS_KEY, format_func=lambda key: workshop.detectors[key].card.name
    )
    if not chosen:
        st.info(words.NO_DETECTOR)
    st.query_params[_DETECTORS_KEY] = ",".join(chosen)
    for key in chosen:
        with st.expander(words.ABOUT_DETECTOR.format(name=workshop.detectors[key].card.name)):
            card_in_words(workshop.detectors[key])
    return chosen


def _examples(settings: PageSettings) -> list[str]:
    return [name for name in words.EXAMPLE_NAMES if settings.examples and (settings.examples / name).is_dir()]


def _example(workshop: Workshop, memory: Memory, names: list[str]) -> SceneSource | PatchSource | None:
    asked = st.query_params.get(_EXAMPLE_KEY)
    if _EXAMPLE_KEY not in st.session_state and asked in names:
        st.session_state[_EXAMPLE_KEY] = asked
    name: str = st.selectbox(
        words.EXAMPLE_LABEL, names, key=_EXAMPLE_KEY, format_func=lambda one: words.EXAMPLE_NAMES[one]
    )
    st.query_params[_EXAMPLE_KEY] = name
    st.caption(words.EXAMPLE_NOTES[name])
    folder = Path(workshop.settings.examples or ".") / name
    if (folder / "img").is_dir():
        count = sum(1 for _ in (folder / "img").glob("*.png"))
        return PatchSource(
            title=words.EXAMPLE_NAMES[name], folder=folder, channels=TRUE_COLOUR, patches=count, labelled=count
        )
    return _example_scene(workshop, memory, folder, name)


def _example_scene(workshop: Workshop, memory: Memory, folder: Path, name: str) -> SceneSource | None:
    """The scene of an example, looked at once for all visitors."""
    if name not in workshop.examples_read:
        uploads = tuple(Upload(path=path, shown=path.name, kind="raster") for path in sorted(folder.glob("*.tif")))
        task = ReadTask(folder=memory.visit.folder, uploads=uploads, bounds=bounds_of(workshop.settings))
        with told(), st.spinner(words.READING):
            read = ReadAnswer.model_validate(memory.visit.ask(task))
            workshop.examples_read[name] = next(one for one in read.sources if isinstance(one, SceneSource))
    return workshop.examples_read.get(name)


def _own_files(workshop: Workshop, memory: Memory) -> SceneSource | PatchSource | None:
    settings = workshop.settings
    turn = memory.uploads_round
    files = st.file_uploader(
        words.UPLOADER,
        type=_TYPES,
        accept_multiple_files=True,
        key=f"uploads-{turn}",
        help=words.UPLOADER_HELP.format(megabytes=settings.max_upload_mb, megapixels=settings.max_megapixels),
    )
    with st.expander(words.HOW_READ):
        channels = st.text_input(words.CHANNELS_FIELD, key=f"channels-{turn}", help=words.CHANNELS_HELP, max_chars=200)
        scale = st.number_input(words.SCALE_FIELD, 0.0, 1e6, 0.0, key=f"scale-{turn}", help=words.SCALE_HELP)
        pixel_size_m = st.number_input(words.PIXEL_FIELD, 0.0, 1e5, 0.0, key=f"pixel-{turn}", help=words.PIXEL_HELP)
    if st.button(words.READ_BUTTON, disabled=not files, width="stretch"):
        memory.forget_words()
        with told():
            folder = memory.visit.new_folder("upload")
            try:
                received = receive(files, folder, settings)
            except UploadError as error:
                # What was refused must not stay in the uploader, to be refused again beside the next file.
                memory.errors.append(str(error))
                memory.uploads_round += 1
                st.rerun()
            task = ReadTask(
                folder=folder,
                uploads=received,
                channels=channels.strip() or None,
                scale=scale or None,
                pixel_size_m=pixel_size_m or None,
                bounds=bounds_of(settings),
            )
            memory.runs.append(Run(memory.visit.submit("read", task), "read", "read", words.READING, folder))
            memory.uploads_round += 1
            st.rerun()
    return _held(memory)


def _held(memory: Memory) -> SceneSource | PatchSource | None:
    """What was received and found fit."""
    if not memory.sources:
        return None
    place = 0
    if len(memory.sources) > 1:
        titles = [one.title for one in memory.sources]
        place = st.selectbox(words.HELD_LABEL, range(len(titles)), format_func=titles.__getitem__)
    source = memory.sources[place]
    st.markdown(f"**{plain(source.title)}**: {_in_words(source)}")
    for text in (*(source.warnings if isinstance(source, SceneSource) else ()),):
        st.warning(plain(sentence(text)))
    with st.expander(words.HOW_TAKEN):
        st.markdown("\n".join(f"- {plain(line)}" for line in source.notes) or words.NOTHING_TO_SAY)
    return source


def _in_words(source: SceneSource | PatchSource) -> str:
    if isinstance(source, PatchSource):
        return words.PATCHES_HELD.format(count=source.patches, labelled=source.labelled)
    return words.SCENE_HELD.format(
        width=source.width,
        height=source.height,
        size=source.pixel_size_m,
        channels=", ".join(source.channels),
        observed=source.observed_share,
    )


def bounds_of(settings: PageSettings) -> Bounds:
    """What the operator lets an upload hold."""
    return Bounds(
        megapixels=settings.max_megapixels,
        patches=settings.max_patches,
        members=10 * settings.max_files,
        unpacked_mb=settings.max_visit_mb,
    )
