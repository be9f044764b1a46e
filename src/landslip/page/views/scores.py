"""The reference of a scene, and scores against it."""

from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from landslip.figures.colour_ramps import ACCENT
from landslip.figures.formatting import format_count, to_sentence
from landslip.metrics.counts import DEFINITION, PixelCounts
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.page import messages
from landslip.page.errors import UploadError
from landslip.page.jobs.results import SceneReference, SceneResult, SceneScores
from landslip.page.jobs.tasks import ReferenceTask, SceneSource, ScoreTask, UploadLimits
from landslip.page.server.server_state import ServerState
from landslip.page.server.session import SessionState
from landslip.page.uploads.receive import REFERENCE_KINDS, receive
from landslip.page.views.masks import POLYGON_TYPES
from landslip.page.views.parts import LAYERS_KEY, escape_markdown, show_errors
from landslip.probability import STEP

_TYPES: Final = [*POLYGON_TYPES, "tif", "tiff"]


def choose_reference(server: ServerState, state: SessionState, source: SceneSource, limits: UploadLimits) -> None:
    """Let the user add or remove the reference of a scene, before or after it is mapped."""
    reference = state.references.get(source)
    with st.expander(messages.REFERENCE):
        if reference is not None:
            count = format_count(reference.count, "landslide", "landslides")
            text = messages.REFERENCE_LINE.format(count=count, valid=reference.valid_fraction)
            st.markdown(f"**{escape_markdown(reference.title)}**: {text}")
            if st.button(messages.REFERENCE_REMOVE, width="stretch"):
                del state.references[source]
                st.rerun()
        number = state.reference_round
        file = st.file_uploader(messages.REFERENCE_UPLOADER, type=_TYPES, key=f"reference-{number}")
        value = st.number_input(
            messages.LANDSLIDE_VALUE_FIELD,
            0,
            255,
            None,
            key=f"landslide-value-{number}",
            help=messages.LANDSLIDE_VALUE_HELP,
        )
        layer = st.text_input(
            messages.LAYER_FIELD, key=f"reference-layer-{number}", help=messages.LAYER_HELP, max_chars=200
        )
        if st.button(messages.REFERENCE_BUTTON, disabled=file is None, width="stretch") and file is not None:
            state.clear_messages()
            with show_errors():
                folder = state.session.new_folder("reference")
                try:
                    (upload,) = receive([file], folder, server.settings, REFERENCE_KINDS)
                except UploadError as error:
                    state.errors.append(str(error))
                    st.rerun()
                task = ReferenceTask(
                    folder=folder,
                    upload=upload,
                    source=source,
                    landslide_values=() if value is None or upload.kind != "raster" else (int(value),),
                    layer=layer.strip() or None,
                    limits=limits,
                )
                state.submit("read", task, messages.REFERENCE_READING, folder)
                st.rerun()


def keep_reference(state: SessionState, result: dict[str, Any]) -> None:
    """Keep a reference that was read, and show it."""
    reference = SceneReference.model_validate(result)
    state.references[reference.source] = reference
    state.reference_round += 1
    layers = st.session_state.get(LAYERS_KEY, [messages.SHOW_OUTLINES])
    others = [layer for layer in layers if layer != messages.SHOW_REFERENCE]
    st.session_state[LAYERS_KEY] = [*others, messages.SHOW_REFERENCE]


def show_scene_scores(state: SessionState, result: SceneResult, threshold: float) -> None:
    """Show the scores of a map if there is a reference."""
    reference = state.references.get(result.source)
    if reference is None:
        st.info(messages.NO_REFERENCE_YET)
        return
    with st.spinner(messages.REDRAWING):
        task = ScoreTask(map_folder=result.folder, mask=reference.mask, threshold=threshold)
        scores = SceneScores.model_validate(state.session.run(task))
    show_scores(ProbabilityHistogram(np.array(scores.landslide), np.array(scores.background)), threshold)
    low, high = scores.f1_interval
    blocks = format_count(scores.blocks, "block", "blocks")
    if low is None or high is None:
        st.markdown(messages.NO_F1_INTERVAL.format(blocks=blocks))
    else:
        few = messages.FEW_BLOCKS if scores.few_blocks else ""
        st.markdown(messages.F1_INTERVAL.format(low=low, high=high, blocks=blocks, few=few))
    st.markdown(
        messages.OBJECTS_LINE.format(
            matches=scores.matches,
            reference=format_count(scores.reference_landslides, "reference landslide", "reference landslides"),
            false=scores.mapped_landslides - scores.matches,
            mapped=scores.mapped_landslides,
            iou=scores.min_iou,
            detected=scores.detected,
        )
    )
    st.caption("\n".join(f"- {escape_markdown(to_sentence(note))}" for note in (*reference.notes, *scores.notes)))


def show_scores(histogram: ProbabilityHistogram, threshold: float) -> None:
    """Show F1, precision, recall and IoU at a threshold, and F1 by threshold."""
    st.markdown(score_line(histogram.at(threshold), threshold))
    curve = histogram.f1_curve()[1:]
    thresholds = np.arange(1, len(curve) + 1) * STEP
    st.line_chart(
        pd.DataFrame({messages.THRESHOLD: thresholds, "F1": curve}),
        x=messages.THRESHOLD,
        y="F1",
        color=ACCENT,
        height=220,
        y_label=messages.F1_AXIS,
    )
    best = best_threshold([histogram])
    st.caption(messages.BEST_NOTE.format(best=histogram.at(best).f1, threshold=best))


def score_line(counts: PixelCounts, threshold: float) -> str:
    """Return the scores with their definition."""
    return messages.SCORE_LINE.format(
        f1=counts.f1,
        precision=counts.precision,
        recall=counts.recall,
        iou=counts.iou,
        threshold=threshold,
        definition=DEFINITION,
    )
