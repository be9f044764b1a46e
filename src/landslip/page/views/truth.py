"""A truth of a scene: given, kept for the visit, taken away."""

from typing import Any, Final

import streamlit as st

from landslip.figures.formatting import count_text
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.results import LaidTruth
from landslip.page.jobs.sources import SceneSource
from landslip.page.jobs.tasks import TruthTask
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory, Run
from landslip.page.uploads.file_types import TRUTH_KINDS
from landslip.page.uploads.receive import receive
from landslip.page.views.inputs import bounds_of
from landslip.page.views.parts import LAYERS_KEY, plain, told

_TYPES: Final = ["gpkg", "geojson", "json", "zip", "tif", "tiff"]


def choose_truth(workshop: Workshop, memory: Memory, source: SceneSource) -> None:
    """Let the visitor give a truth of a scene, at any time: before it is mapped or after."""
    held = memory.truths.get(source)
    with st.expander(words.TRUTH):
        if held is not None:
            count = count_text(held.landslides, "landslide", "landslides")
            st.markdown(f"**{plain(held.title)}**: {words.TRUTH_HELD.format(count=count, known=held.known_share)}")
            if st.button(words.TRUTH_REMOVE, width="stretch"):
                del memory.truths[source]
                st.rerun()
        turn = memory.truths_round
        file = st.file_uploader(words.TRUTH_UPLOADER, type=_TYPES, key=f"truth-{turn}")
        value = st.number_input(
            words.TRUTH_VALUE_FIELD, 0, 255, None, key=f"truth-value-{turn}", help=words.TRUTH_VALUE_HELP
        )
        if st.button(words.TRUTH_BUTTON, disabled=file is None, width="stretch") and file is not None:
            memory.forget_words()
            with told():
                folder = memory.visit.new_folder("truth")
                try:
                    (upload,) = receive([file], folder, workshop.settings, TRUTH_KINDS)
                except UploadError as error:
                    memory.errors.append(str(error))
                    memory.truths_round += 1
                    st.rerun()
                values = () if value is None or upload.kind != "raster" else (int(value),)
                task = TruthTask(
                    folder=folder,
                    upload=upload,
                    source=source,
                    landslide_values=values,
                    bounds=bounds_of(workshop.settings),
                )
                memory.runs.append(Run(memory.visit.submit("read", task), "read", "truth", words.TRUTH_READING, folder))
                memory.truths_round += 1
                st.rerun()


def keep_truth(memory: Memory, answer: dict[str, Any]) -> None:
    """Keep a truth that was laid, and show it."""
    laid = LaidTruth.model_validate(answer)
    memory.truths[laid.source] = laid
    layers = st.session_state.get(LAYERS_KEY, [words.SHOW_OUTLINES])
    st.session_state[LAYERS_KEY] = [*(one for one in layers if one != words.SHOW_TRUTH), words.SHOW_TRUTH]
