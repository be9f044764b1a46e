"""State that outlives one run of the script: of the server, and of each visitor's session."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import streamlit as st

from landslip.page.jobs.pool import Job
from landslip.page.jobs.results import PatchResult, SceneReference, SceneResult
from landslip.page.jobs.tasks import PatchSource, SceneSource, Task
from landslip.page.server.server_state import ServerState, Session
from landslip.page.server.settings import PageSettings

_KEY: Final = "landslip"


@dataclass(slots=True)
class PendingJob:
    """A job that the page shows until it is over."""

    job: Job
    queue: str
    task: type[Task]
    """Decides what is done with the result."""
    label: str
    folder: Path | None = None
    """Where the job writes; removed unless the job succeeds."""


@dataclass(slots=True)
class SessionState:
    """What one visitor has uploaded, mapped and submitted."""

    session: Session
    image_round: int = 0
    """Part of the key of the uploader: a new key empties it and frees the memory of the files it held."""
    reference_round: int = 0
    sources: list[SceneSource | PatchSource] = field(default_factory=list)
    results: list[SceneResult | PatchResult] = field(default_factory=list)
    references: dict[SceneSource, SceneReference] = field(default_factory=dict)
    pending: list[PendingJob] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def submit(self, queue: str, task: Task, label: str, folder: Path | None) -> None:
        """Submit a task whose progress the page shows.

        Raises:
            QueueError: the queue is full.
        """
        self.pending.append(PendingJob(self.session.submit(queue, task), queue, type(task), label, folder))

    def clear_messages(self) -> None:
        """Remove the errors and notes of the last upload."""
        self.errors.clear()
        self.notes.clear()

    def start_over(self) -> None:
        """Remove all files and results."""
        self.session.clear()
        self.image_round += 1
        self.reference_round += 1
        for items in (self.sources, self.results, self.references, self.pending, self.errors, self.notes):
            items.clear()


@st.cache_resource(show_spinner=False)
def get_server_state(settings: str) -> ServerState:
    """Return the state of this server, made with the first call."""
    return ServerState(PageSettings.model_validate_json(settings))


def get_session_state(server: ServerState) -> SessionState:
    """Return the state of this visitor's session, opened with the first call."""
    state: SessionState | None = st.session_state.get(_KEY)
    if state is None or state.session.owner not in server.sessions:
        state = st.session_state[_KEY] = SessionState(server.open_session())
    _connection(server, state.session.owner)
    server.connected(state.session.owner)
    return state


@st.cache_resource(show_spinner=False, scope="session", on_release=lambda pair: pair[0].disconnected(pair[1]))
def _connection(_server: ServerState, owner: str) -> tuple[ServerState, str]:
    """Streamlit releases this value when the visitor's connection ends."""
    return _server, owner
