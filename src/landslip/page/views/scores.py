"""Scores against a truth: one definition, said beside every figure."""

import numpy as np
import pandas as pd
import streamlit as st

from landslip.evaluation.pixel import DEFINITION, LevelCounts, PixelCounts, best_threshold
from landslip.levels import STEP
from landslip.page import words
from landslip.page.palette import ACCENT
from landslip.page.work.results import SceneResult


def show_scene_scores(result: SceneResult, threshold: float) -> None:
    """The scores of a map."""
    if result.truth is None:
        st.info(words.NO_TRUTH)
        return
    counts = LevelCounts(np.array(result.truth.landslide), np.array(result.truth.other))
    show_scores(counts, threshold)


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
