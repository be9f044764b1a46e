"""Detectors: their cards and reports, and the engines timed on this machine."""

from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from landslip.figures.formatting import duration_text
from landslip.page import messages as words
from landslip.page.jobs.tasks import BenchTask
from landslip.page.server.server_state import Offered, Workshop
from landslip.page.server.session import Memory, Run
from landslip.page.views.parts import card_in_words, show_runs, told

_REPORTS: Final = Path(__file__).parents[4] / "docs" / "results"
_BENCH: Final = "bench-answers"


def show(workshop: Workshop, memory: Memory) -> None:
    """Show the page."""
    st.title(words.DETECTORS, anchor=False)
    st.warning(words.CANDIDATES, icon=":material/info:")
    for offered in workshop.detectors.values():
        with st.container(border=True):
            _card(offered)
    st.subheader(words.BENCH, anchor=False)
    answers = st.session_state.setdefault(_BENCH, {})
    show_runs(workshop, memory, lambda run: answers.update({run.label: run.ticket.answer}))
    key = st.selectbox(
        words.DETECTOR_LABEL_ONE, list(workshop.detectors), format_func=lambda one: workshop.detectors[one].card.name
    )
    if st.button(words.BENCH_BUTTON, disabled=bool(memory.runs)):
        with told():
            ticket = memory.visit.submit("map", BenchTask(detector=workshop.detectors[key].opens))
            label = words.TIMING.format(name=workshop.detectors[key].card.name)
            memory.runs.append(Run(ticket, "map", "bench", label))
            st.rerun()
    for label, answer in answers.items():
        st.markdown(f"**{label}**")
        st.caption(words.BENCH_NOTE.format(tiles=answer["tiles"], side=answer["side_px"], cores=answer["cores"]))
        st.table(
            pd.DataFrame(
                {
                    words.ENGINE: [row["engine"] for row in answer["rows"]],
                    words.PRECISION: [row["precision"] for row in answer["rows"]],
                    words.TILES_PER_S: [f"{row['tiles_per_s']:.1f}" for row in answer["rows"]],
                    words.LARGEST_DIFFERENCE: [f"{row['largest_difference']:.1e}" for row in answer["rows"]],
                }
            )
        )
    settings = workshop.settings
    st.caption(
        words.SETTINGS_NOTE.format(
            mb=settings.max_upload_mb, px=settings.max_megapixels, run=duration_text(settings.run_time_s)
        )
    )


def _card(offered: Offered) -> None:
    card = offered.card
    st.subheader(card.name, anchor=False)
    st.caption(
        words.SIZE_LINE.format(
            network=card.network, size=offered.size_mb, licence=card.licence, made=card.created.isoformat()
        )
    )
    card_in_words(offered)
    st.caption(" · ".join(card.attribution))
    report = _report_of(offered)
    if report is not None:
        with st.expander(words.REPORT):
            st.markdown(report.read_text(encoding="utf-8"))


def _report_of(offered: Offered) -> Path | None:
    """A report beside the detector's file, or among the project's results."""
    beside = Path(offered.opens).with_suffix(".md")
    known = (beside, _REPORTS / f"{offered.card.name}.md")
    return next((path for path in known if path.is_file()), None)
