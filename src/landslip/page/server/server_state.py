"""State of the server, shared by all users, and the session of each user.

The state is made once per server. Its folder is removed when the server ends, or by the next server if it was killed.
"""

import atexit
import hashlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from landslip.detector.card import Card
from landslip.detector.detector import DEFAULT, Detector, packaged
from landslip.page import messages
from landslip.page.errors import PageError
from landslip.page.jobs.pool import Job, Pool, QueueSettings
from landslip.page.jobs.tasks import SceneSource, Task
from landslip.page.jobs.worker import FOLDER_PREFIX, ProcessLimits, torch_folder
from landslip.page.server.settings import PageSettings

_GRACE_S: Final = 150.0
"""Time in which a user may reconnect; Streamlit itself waits 120 s."""
_QUICK_TIME_S: Final = 300
_QUICK_TASKS: Final = 100
_MAP_TASKS: Final = 10
_MAX_FILE_RATIO: Final = 20
"""Largest file of a map over the largest upload."""


@dataclass(frozen=True, slots=True)
class OfferedDetector:
    """A detector that users may choose."""

    card: Card
    location: str
    """Name or path that opens it."""
    size_mb: float


@dataclass(slots=True)
class Session:
    """One user: a folder and jobs of their own."""

    owner: str
    folder: Path
    pool: Pool
    browser: str = ""
    """Identifies the user's browser; the session can be reopened from no other."""
    state: object = None
    """What the page keeps of the user."""
    _folders: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, queue: str, task: Task) -> Job:
        """Put a task in a queue.

        Raises:
            QueueError: the queue is full.
        """
        return self.pool.submit(queue, self.owner, task.to_json())

    def run(self, task: Task, timeout_s: float = _QUICK_TIME_S) -> dict[str, Any]:
        """Run a short task, wait for it and return its result.

        Raises:
            PageError: the task failed.
        """
        job = self.submit("quick", task)
        progress = job.wait(timeout_s)
        if progress.state != "done":
            job.cancel()
            raise PageError(progress.error or messages.WORKER_DIED)
        return job.result

    def new_folder(self, stem: str) -> Path:
        """Return an unused path in the user's folder; the folder itself is not made."""
        with self._lock:
            self._folders += 1
            return self.folder / f"{stem}-{self._folders:03d}"

    def cache_path(self, stem: str, *key: object) -> Path:
        """Return a path that depends on the key only, so that results can be found again."""
        return self.folder / f"{stem}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"

    def end(self) -> None:
        """Cancel all jobs and remove the folder."""
        self.pool.cancel_all(self.owner)
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Cancel all jobs and empty the folder."""
        self.end()
        self.folder.mkdir(mode=0o700)


class ServerState:
    """Settings, detectors, worker processes and sessions of a server."""

    def __init__(self, settings: PageSettings, pool: Callable[[Sequence[QueueSettings]], Pool] = Pool) -> None:
        """Open the detectors and start the worker processes.

        Args:
            settings: limits and content of the page.
            pool: makes the worker processes.

        Raises:
            DetectorError: a detector of the operator cannot be used.
        """
        self.settings = settings
        self.detectors = {detector.card.name: detector for detector in _offered(settings)}
        _remove_leftovers()
        self.root = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
        self.pool = pool(_queues(settings))
        self.sessions: dict[str, Session] = {}
        self.example_scenes: dict[str, SceneSource] = {}
        self.examples_before: dict[str, SceneSource] = {}
        """Image before the event, by the id of the example's scene after it."""
        self.published: list[tuple[str, str]] = []
        """Published networks, once they are listed: the name of the weights and of the network."""
        self._leaving: dict[str, threading.Timer] = {}
        self._connections: dict[str, set[str]] = {}
        self._lock = threading.Lock()
        atexit.register(self.close)

    def open_session(self, browser: str = "") -> Session:
        """Open the session of a new user.

        Args:
            browser: identifies the user's browser.
        """
        owner = secrets.token_hex(8)
        folder = self.root / owner
        folder.mkdir(mode=0o700)
        session = Session(owner, folder, self.pool, browser)
        with self._lock:
            self.sessions[owner] = session
        return session

    def add_detector(self, path: Path) -> str:
        """Offer a further detector to all users until the server ends; return its name.

        Raises:
            DetectorError: it cannot be used.
        """
        detector = Detector.open(path)
        self.detectors[detector.card.name] = OfferedDetector(detector.card, str(path), detector.size_mb)
        return detector.card.name

    def connected(self, owner: str, connection: str = "") -> None:
        """Keep a session while a connection of its user is open; a reloaded page is another connection."""
        with self._lock:
            self._connections.setdefault(owner, set()).add(connection)
            leaving = self._leaving.pop(owner, None)
        if leaving is not None:
            leaving.cancel()

    def disconnected(self, owner: str, connection: str = "", grace_s: float = _GRACE_S) -> None:
        """End a session some seconds after its last connection, unless its user reconnects."""
        timer = threading.Timer(grace_s, self.close_session, (owner,))
        timer.daemon = True
        with self._lock:
            connections = self._connections.get(owner, set())
            connections.discard(connection)
            if owner not in self.sessions or connections:
                return
            before = self._leaving.pop(owner, None)
            self._leaving[owner] = timer
        if before is not None:
            before.cancel()
        timer.start()

    def close_session(self, owner: str) -> None:
        """End a session."""
        with self._lock:
            session = self.sessions.pop(owner, None)
            self._leaving.pop(owner, None)
            self._connections.pop(owner, None)
        if session is not None:
            session.end()

    @property
    def shared_folder(self) -> Path:
        """Folder of results that all users share, such as the statistics of the operator's data set."""
        return self.root / "shared"

    def close(self) -> None:
        """End all processes and remove every file."""
        self.pool.close()
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(torch_folder(), ignore_errors=True)


def _offered(settings: PageSettings) -> list[OfferedDetector]:
    """The packaged detectors, the default first, then the operator's, which replace one of the same name."""
    names = sorted(packaged(), key=lambda name: name != DEFAULT)
    locations = (*names, *(str(path.resolve()) for path in settings.detectors))
    detectors = [(location, Detector.open(location)) for location in locations]
    # A detector of change runs where an image before is given, beside one of these.
    offered = [(location, detector) for location, detector in detectors if detector.card.dates == 1]
    return [OfferedDetector(detector.card, location, detector.size_mb) for location, detector in offered]


def _queues(settings: PageSettings) -> list[QueueSettings]:
    file_mb = max(_MAX_FILE_RATIO * settings.max_upload_mb, settings.max_session_mb)
    read = ProcessLimits(
        memory_mb=settings.reader_memory_mb, file_mb=settings.max_session_mb, time_s=settings.reader_time_s
    )
    quick = ProcessLimits(memory_mb=settings.worker_memory_mb, file_mb=file_mb, time_s=_QUICK_TIME_S)
    maps = ProcessLimits(memory_mb=settings.worker_memory_mb, file_mb=file_mb, time_s=settings.run_time_s)
    waiting = settings.max_waiting, settings.max_waiting_per_user
    return [
        QueueSettings("read", 1, read, 1, *waiting),
        QueueSettings("quick", 1, quick, _QUICK_TASKS, *waiting),
        QueueSettings("map", settings.workers, maps, _MAP_TASKS, *waiting),
    ]


def _remove_leftovers() -> None:
    """Remove the folders of servers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        pid = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not _is_running(int(pid)) and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
