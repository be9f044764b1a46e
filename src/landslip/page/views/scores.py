"""A truth of a scene: given, kept for the visit, taken away."""

from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from landslip.figures.colour_ramps import ACCENT
from landslip.figures.formatting import count_text, sentence
from landslip.metrics.counts import DEFINITION, LevelCounts, PixelCounts, best_threshold
from landslip.page import messages as words
from landslip.page.errors import UploadError
from landslip.page.jobs.results import LaidTruth, SceneResult, Scored
from landslip.page.jobs.tasks import SceneSource, ScoreTask, TruthTask
from landslip.page.server.server_state import Workshop
from landslip.page.server.session import Memory, Run
from landslip.page.uploads.names import TRUTH_KINDS
from landslip.page.uploads.receive import receive
from landslip.page.views.inputs import bounds_of
from landslip.page.views.parts import LAYERS_KEY, plain, told
from landslip.probability import STEP

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


def show_scene_scores(memory: Memory, result: SceneResult, threshold: float) -> None:
    """The scores of a map, where there is a truth."""
    truth = memory.truths.get(result.source)
    if truth is None:
        st.info(words.NO_TRUTH_YET)
        return
    with st.spinner(words.REDRAWING):
        task = ScoreTask(map_folder=result.folder, mask=truth.mask, threshold=threshold)
        scored = Scored.model_validate(memory.visit.ask(task))
    show_scores(LevelCounts(np.array(scored.landslide), np.array(scored.other)), threshold)
    low, high = scored.f1_interval
    blocks = count_text(scored.blocks, "block", "blocks")
    few = words.TOO_FEW if scored.few_blocks else ""
    st.markdown(words.F1_INTERVAL.format(low=low, high=high, blocks=blocks, few=few))
    st.markdown(
        words.OBJECTS_LINE.format(
            pairs=scored.pairs,
            truth=count_text(scored.true_landslides, "landslide", "landslides"),
            false=scored.mapped_landslides - scored.pairs,
            mapped=scored.mapped_landslides,
            iou=scored.least_iou,
            touched=scored.touched,
        )
    )
    st.caption("\n".join(f"- {plain(sentence(note))}" for note in (*truth.notes, *scored.notes)))


def show_scores(counts: LevelCounts, threshold: float) -> None:
    """F1, precision, recall and IoU at a threshold, and F1 over all thresholds."""
    pooled = counts.at(threshold)
    st.markdown(score_line(pooled, threshold))
    curve = counts.f1_curve()[1:]
    steps = np.arange(1, len(curve) + 1) * STEP
    st.line_chart(
        pd.DataFrame({words.THRESHOLD: steps, "F1": curve}),
        x=words.THRESHOLD,
        y="F1",
        color=ACCENT,
        height=220,
        y_label=words.F1_AXIS,
    )
    best = best_threshold([counts])
    st.caption(words.BEST_NOTE.format(best=counts.at(best).f1, threshold=best))


def score_line(pooled: PixelCounts, threshold: float) -> str:
    """The scores with all that it takes to read them."""
    return words.SCORE_LINE.format(
        f1=pooled.f1,
        precision=pooled.precision,
        recall=pooled.recall,
        iou=pooled.iou,
        threshold=threshold,
        definition=DEFINITION,
    )
