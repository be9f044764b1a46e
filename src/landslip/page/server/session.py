"""What outlives one run of the script: the workshop, for all visitors, and what each visitor has in hand."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.page.jobs.job import Ticket
from landslip.page.jobs.results import LaidTruth, PatchResult, SceneResult
from landslip.page.jobs.tasks import PatchSource, SceneSource
from landslip.page.server.server_state import Visit, Workshop
from landslip.page.server.serving import PageSettings

_KEY: Final = "landslip"


@dataclass(slots=True)
class Run:
    """A task that a visitor waits for."""

    ticket: Ticket
    lane: str
    kind: str
    """Of the task: what to do with its answer."""
    label: str
    folder: Path | None = None
    """What it writes to: removed where it is refused, fails or is cancelled."""


@dataclass(slots=True)
class Memory:
    """What one visitor has in hand."""

    visit: Visit
    uploads_round: int = 0
    """Part of the uploader's key: a new one is empty, and what the old one held in memory is let go."""
    truths_round: int = 0
    sources: list[SceneSource | PatchSource] = field(default_factory=list)
    results: list[SceneResult | PatchResult] = field(default_factory=list)
    truths: dict[SceneSource, LaidTruth] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def forget_words(self) -> None:
        """What was said of the last upload says nothing of the next."""
        self.errors.clear()
        self.notes.clear()

    def start_over(self) -> None:
        """Forget everything."""
        self.visit.start_over()
        self.uploads_round += 1
        self.truths_round += 1
        for held in (self.sources, self.results, self.truths, self.runs, self.errors, self.notes):
            held.clear()


@st.cache_resource(show_spinner=False)
def workshop_for(settings: str) -> Workshop:
    """The workshop of this server."""
    return Workshop(PageSettings.model_validate_json(settings))


def memory_of(workshop: Workshop) -> Memory:
    """What this visitor has in hand; the visit begins here."""
    held = st.session_state.get(_KEY)
    if held is None or held.visit.owner not in workshop.visits:
        st.session_state[_KEY] = Memory(workshop.new_visit())
    memory: Memory = st.session_state[_KEY]
    _presence(workshop, memory.visit.owner)
    workshop.here(memory.visit.owner)
    return memory


@st.cache_resource(show_spinner=False, scope="session", on_release=lambda held: held[0].gone(held[1]))
def _presence(_workshop: Workshop, owner: str) -> tuple[Workshop, str]:
    """Streamlit lets go of this when the visitor's connection ends."""
    return _workshop, owner
