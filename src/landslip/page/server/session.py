"""State that outlives one run of the script: of the server, and of each user's session."""

import secrets
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
_CONNECTION_KEY: Final = "connection"
SESSION_PARAMETER: Final = "session"
"""Part of the address that reopens a session after a reload."""
_XSRF_COOKIE: Final = "_streamlit_xsrf"


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
    """What one user has uploaded, mapped and submitted."""

    session: Session
    image_round: int = 0
    """Part of the key of the uploader: a new key empties it and frees the memory of the files it held."""
    reference_round: int = 0
    sources: list[SceneSource | PatchSource] = field(default_factory=list)
    results: list[SceneResult | PatchResult] = field(default_factory=list)
    references: dict[SceneSource, SceneReference] = field(default_factory=dict)
    pending: list[PendingJob] = field(default_factory=list)
    chosen_source: str | None = None
    """Id of the upload to choose next in the list of images: the one read last."""
    shown: str | None = None
    """Id of the source whose result is shown."""
    maps_asked: int = 0
    """How often the user asked for maps."""
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
        self.chosen_source = self.shown = None
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
    """Return the state of this user's session: that of the address if it was opened in this browser, else a new one.

    The address keeps the session once it has content, so that a reload shows the results again.
    """
    state: SessionState | None = st.session_state.get(_KEY)
    if state is None or state.session.owner not in server.sessions:
        browser = browser_of(dict(st.context.cookies))
        state = reopen_session(server, st.query_params.get(SESSION_PARAMETER, ""), browser)
        if state is None:
            state = SessionState(server.open_session(browser))
        state.session.state = state
        st.session_state[_KEY] = state
    if state.sources or state.results or state.pending:
        st.query_params[SESSION_PARAMETER] = state.session.owner
    elif SESSION_PARAMETER in st.query_params:
        del st.query_params[SESSION_PARAMETER]
    connection = st.session_state.setdefault(_CONNECTION_KEY, secrets.token_hex(8))
    _connection(server, state.session.owner, connection)
    server.connected(state.session.owner, connection)
    return state


def reopen_session(server: ServerState, owner: str, browser: str) -> SessionState | None:
    """Return the state of an open session, if the same browser opened it."""
    session = server.sessions.get(owner)
    if session is None or not browser or not secrets.compare_digest(session.browser, browser):
        return None
    state = session.state
    return state if isinstance(state, SessionState) else None


def browser_of(cookies: dict[str, str]) -> str:
    """Return the random token that Streamlit keeps in a cookie of each browser; empty without the cookie.

    The cookie is ``2|mask|token|time`` in hexadecimal, with another mask each time.
    """
    parts = cookies.get(_XSRF_COOKIE, "").strip('"').split("|")
    if len(parts) != 4 or parts[0] != "2":
        return ""
    try:
        mask, token = bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
    except ValueError:
        return ""
    return bytes(value ^ mask[index % len(mask)] for index, value in enumerate(token)).hex() if mask else ""


@st.cache_resource(show_spinner=False, scope="session", on_release=lambda held: held[0].disconnected(*held[1:]))
def _connection(_server: ServerState, owner: str, connection: str) -> tuple[ServerState, str, str]:
    """Streamlit releases this value when the user's connection ends."""
    return _server, owner, connection
