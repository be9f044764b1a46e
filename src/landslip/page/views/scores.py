"""Scores against a truth: one definition, said beside every figure."""

import numpy as np
import pandas as pd
import streamlit as st

from landslip.figures.formatting import count_text, sentence
from landslip.figures.palette import ACCENT
from landslip.metrics.counts import DEFINITION, LevelCounts, PixelCounts, best_threshold
from landslip.page import messages as words
from landslip.page.jobs.results import SceneResult, Scored
from landslip.page.jobs.tasks import ScoreTask
from landslip.page.server.session import Memory
from landslip.page.views.parts import plain
from landslip.probability import STEP


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
