"""Small parts that several views share: progress with time left, errors as sentences, pictures, detectors in words."""

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.detector.card import Score
from landslip.errors import LandslipError
from landslip.figures.formatting import duration_text, sentence
from landslip.page import messages as words
from landslip.page.jobs.job import Progress
from landslip.page.server.server_state import Offered, Workshop
from landslip.page.server.session import Memory, Run

_NEWS_EVERY_S: Final = 0.7
LAYERS_KEY: Final = "layers"
"""Of what is shown over an image, in the state of the session."""


def plain(text: str) -> str:
    """Text as it is, where Streamlit would read it as Markdown: names of files come from visitors."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!<>|~$:&])", r"\\\1", text)


@contextmanager
def told() -> Iterator[None]:
    """What cannot be done is told in a sentence."""
    try:
        yield
    except LandslipError as error:
        st.error(plain(sentence(str(error))))


def show_runs(workshop: Workshop, memory: Memory, finish: Callable[[Run], None]) -> None:
    """Show what runs, with time left and a way to cancel; hand over what is done.

    Args:
        workshop: with the queue.
        memory: of the visitor.
        finish: told of each run that is done.
    """
    for error in memory.errors:
        st.error(plain(sentence(error)))
    for note in memory.notes:
        st.info(plain(sentence(note)))
    if (memory.errors or memory.notes) and st.button(words.DISMISS, key="dismiss"):
        memory.forget_words()
        st.rerun()
    if memory.runs:
        _bars(workshop, memory, finish)


@st.fragment(run_every=_NEWS_EVERY_S)
def _bars(workshop: Workshop, memory: Memory, finish: Callable[[Run], None]) -> None:
    over = [run for run in memory.runs if run.ticket.over]
    for run in over:
        memory.runs.remove(run)
        progress = run.ticket.progress
        if progress.state != "done" and run.folder is not None:
            shutil.rmtree(run.folder, ignore_errors=True)
        if progress.state == "done":
            finish(run)
        elif progress.state == "failed":
            memory.errors.append(progress.sentence)
        else:
            memory.notes.append(words.CANCELLED)
    if over:
        st.rerun()
    for number, run in enumerate(memory.runs):
        bar, button = st.columns([5, 1], vertical_alignment="bottom")
        progress = run.ticket.progress
        bar.progress(
            progress.share,
            f"{plain(run.label)}. {progress_text(progress, workshop.pool.ahead_of(run.lane, run.ticket))}",
        )
        button.button(words.CANCEL, key=f"cancel-{number}", on_click=run.ticket.cancel, width="stretch")


def progress_text(progress: Progress, ahead: int) -> str:
    """How far a task is, in words."""
    if progress.state == "waiting":
        return words.WAITING_AHEAD.format(ahead=ahead) if ahead else words.WAITING_NEXT
    if not progress.doing:
        return words.STARTING
    doing = words.DOING.get(progress.doing, progress.doing)
    if progress.left_s is None:
        return words.DOING_SHARE.format(doing=doing, share=progress.share)
    return words.LEFT.format(doing=doing, share=progress.share, left=duration_text(max(progress.left_s, 1)))


def data_address(path: Path) -> str:
    """A WebP picture as an address that needs no request."""
    return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"


def score_text(score: Score) -> str:
    """One score of a card, with what it takes to read it."""
    interval = f" ({score.f1_interval[0]:.3f} to {score.f1_interval[1]:.3f})" if score.f1_interval else ""
    return (
        f"**F1 {score.f1:.3f}**{interval} on {score.data}: precision {score.precision:.3f}, recall {score.recall:.3f}, "
        f"IoU {score.iou:.3f}; {score.protocol}; {score.definition}; {score.patches} patches."
    )


def card_in_words(offered: Offered) -> None:
    """What a visitor should know of a detector before using it."""
    card = offered.card
    st.markdown(f"**{card.title}**")
    st.markdown(
        f"Looks at {', '.join(card.channels)} at {card.pixel_size_m:g} m. Trained on {card.trained_on.rstrip('.')}."
    )
    st.markdown(f"Threshold {card.threshold:g}: {card.threshold_chosen.rstrip('.')}.")
    if card.scores:
        st.markdown(f"{words.DETECTOR_SCORES}:\n" + "\n".join(f"- {score_text(score)}" for score in card.scores))
    st.markdown(f"{words.DETECTOR_LIMITS}:\n" + "\n".join(f"- {text}" for text in card.not_good_for))
