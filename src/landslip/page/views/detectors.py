"""The view Detectors: cards and reports, and a benchmark of the engines on this machine."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from landslip.detector.card import Score
from landslip.figures.formatting import format_duration
from landslip.page import messages
from landslip.page.jobs.tasks import BenchmarkTask, FetchTask, PublishedTask
from landslip.page.server.server_state import OfferedDetector, ServerState
from landslip.page.server.session import SessionState
from landslip.page.views.finished import BENCHMARKS_KEY, finish_job
from landslip.page.views.parts import show_errors, show_jobs

_REPORTS: Final = Path(__file__).parents[4] / "docs" / "results"
_BUTTONS: Final = 4
"""Buttons in a row."""


def show(server: ServerState, state: SessionState) -> None:
    """Show the view."""
    st.title(messages.DETECTORS, anchor=False)
    st.warning(messages.CANDIDATES, icon=":material/info:")
    for offered in server.detectors.values():
        with st.container(border=True):
            _show_card(offered)
    _show_published(server, state)
    show_jobs(server, state, lambda pending: finish_job(server, state, pending))
    _show_benchmarks(server, state)
    settings = server.settings
    run = format_duration(settings.run_time_s)
    st.caption(messages.LIMITS_NOTE.format(mb=settings.max_upload_mb, px=settings.max_megapixels, run=run))


def _show_card(offered: OfferedDetector) -> None:
    card = offered.card
    st.subheader(card.name, anchor=False)
    st.caption(
        messages.SIZE_LINE.format(
            network=card.architecture, size=offered.size_mb, licence=card.licence, created=card.created.isoformat()
        )
    )
    describe_detector(offered)
    st.caption(" · ".join(card.attribution))
    # The report is next to the detector's file, or among the results of the project.
    paths = (Path(offered.location).with_suffix(".md"), _REPORTS / f"{card.name}.md")
    report = next((path for path in paths if path.is_file()), None)
    if report is not None:
        with st.expander(messages.REPORT):
            st.markdown(report.read_text(encoding="utf-8"))


def describe_detector(offered: OfferedDetector) -> None:
    """Show what a user should know about a detector before using it."""
    card = offered.card
    st.markdown(f"**{card.title}**")
    st.markdown(
        messages.DETECTOR_INPUT.format(
            channels=", ".join(card.channels), size=card.pixel_size_m, data=card.trained_on.rstrip(".")
        )
    )
    st.markdown(
        messages.DETECTOR_THRESHOLD.format(threshold=card.threshold, selection=card.threshold_selection.rstrip("."))
    )
    if card.scores:
        st.markdown(f"{messages.DETECTOR_SCORES}:\n" + "\n".join(f"- {_score_text(score)}" for score in card.scores))
    st.markdown(f"{messages.DETECTOR_LIMITS}:\n" + "\n".join(f"- {text}" for text in card.not_good_for))


def _score_text(score: Score) -> str:
    """A score with its protocol, definition and interval."""
    return (
        f"**F1 {score.f1_text}** on {score.data}: precision {score.precision:.3f}, recall {score.recall:.3f}, "
        f"IoU {score.iou:.3f}; {score.protocol}; {score.definition}; {score.patches} patches."
    )


def _show_published(server: ServerState, state: SessionState) -> None:
    """Show a button for each published network that can be loaded here."""
    st.subheader(messages.PUBLISHED, anchor=False)
    if find_spec("torch") is None or find_spec("segmentation_models_pytorch") is None:
        st.info(messages.PUBLISHED_NEEDS)
        return
    st.write(messages.PUBLISHED_NOTE)
    if not server.published:
        server.published = state.session.run(PublishedTask())["networks"]
    networks = server.published
    for start in range(0, len(networks), _BUTTONS):
        # The last row may be shorter.
        for column, (name, network) in zip(st.columns(_BUTTONS), networks[start : start + _BUTTONS], strict=False):
            label = messages.PUBLISHED_BUTTON.format(network=network)
            if column.button(label, key=f"published-{name}", disabled=bool(state.pending), width="stretch"):
                state.clear_messages()
                with show_errors():
                    task = FetchTask(name=name, out=server.shared_folder / "published")
                    state.submit("map", task, messages.PUBLISHED_LOADING.format(network=network), None)
                    st.rerun()


def _show_benchmarks(server: ServerState, state: SessionState) -> None:
    st.subheader(messages.BENCHMARK, anchor=False)
    results = st.session_state.setdefault(BENCHMARKS_KEY, {})
    name = st.selectbox(messages.BENCHMARK_LABEL, list(server.detectors))
    if st.button(messages.BENCHMARK_BUTTON, disabled=bool(state.pending)):
        with show_errors():
            task = BenchmarkTask(detector=server.detectors[name].location)
            state.submit("map", task, messages.BENCHMARK_TITLE.format(name=name), None)
            st.rerun()
    for label, result in results.items():
        st.markdown(f"**{label}**")
        st.caption(messages.BENCHMARK_NOTE.format(tiles=result["tiles"], side=result["side_px"], cores=result["cores"]))
        rows = result["rows"]
        st.table(
            pd.DataFrame(
                {
                    messages.ENGINE: [f"{row['engine']} {row['version']}" for row in rows],
                    messages.PRECISION: [row["precision"] for row in rows],
                    messages.TILES_PER_S: [f"{row['patches_per_s']:.1f}" for row in rows],
                    messages.LARGEST_DIFFERENCE: [f"{row['largest_difference']:.1e}" for row in rows],
                }
            )
        )
