"""The workshop: what all visitors share (settings, detectors, workers, the folder for their files), and each visit.

Made once in a server. When the server ends, its folder goes; what a server left that was killed, the next one removes.
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

from pydantic import BaseModel

from landslip.detector.card import Card
from landslip.detector.detector import DEFAULT, Detector, packaged
from landslip.page import messages as words
from landslip.page.errors import PageError
from landslip.page.jobs.job import Ticket
from landslip.page.jobs.pool import LaneSettings, Pool
from landslip.page.jobs.process import Limits
from landslip.page.jobs.tasks import SceneSource
from landslip.page.server.serving import PageSettings

_PREFIX: Final = "landslip-page-"
_GRACE_S: Final = 150.0
"""How long a visitor may be away: a break in the connection is no goodbye (Streamlit itself waits 120 s)."""
_QUICK_TIME_S: Final = 300
_QUICK_TASKS: Final = 100
_MAP_TASKS: Final = 10
_LONGEST_FILE_TIMES: Final = 20
"""What a map writes may be longer than an upload."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A detector that visitors may choose."""

    key: str
    """Its name, by which visitors choose it."""
    opens: str
    """By which it is opened: a name of the package or a path of the operator."""
    card: Card
    size_mb: float


@dataclass(slots=True)
class Visit:
    """One visitor: a folder and tasks of their own."""

    owner: str
    folder: Path
    pool: Pool
    numbers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, lane: str, task: BaseModel) -> Ticket:
        """Put a task in a queue.

        Raises:
            QueueError: there is no room for it.
        """
        return self.pool.submit(lane, self.owner, task.model_dump_json())

    def ask(self, task: BaseModel, timeout_s: float = _QUICK_TIME_S) -> dict[str, Any]:
        """Have something short done at once.

        Raises:
            PageError: it cannot be done.
        """
        ticket = self.submit("quick", task)
        progress = ticket.wait(timeout_s)
        if progress.state != "done":
            ticket.cancel()
            raise PageError(progress.sentence or words.WORKER_DIED)
        return ticket.answer

    def new_folder(self, stem: str) -> Path:
        """A name in the visitor's folder that nothing bears yet; the folder is not made."""
        with self._lock:
            self.numbers += 1
            return self.folder / f"{stem}-{self.numbers:03d}"

    def place_for(self, stem: str, *parts: object) -> Path:
        """A name that depends on some values alone, so that what was made for them once is found again."""
        return self.folder / f"{stem}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}"

    def end(self) -> None:
        """The visitor has left: tasks are cancelled, the folder goes."""
        self.pool.give_up(self.owner)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start_over(self) -> None:
        """Forget everything, and go on."""
        self.end()
        self.folder.mkdir(mode=0o700)


class Workshop:
    """What visitors share."""

    def __init__(self, settings: PageSettings, pool: Callable[[Sequence[LaneSettings]], Pool] = Pool) -> None:
        """Open the detectors and start the workers.

        Args:
            settings: what is allowed.
            pool: makes the workers.

        Raises:
            DetectorError: a detector of the operator cannot be used.
        """
        self.settings = settings
        self.detectors = {one.key: one for one in _offered(settings)}
        _remove_leftovers()
        self.root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self.pool = pool(_lanes(settings))
        self.visits: dict[str, Visit] = {}
        self.examples_read: dict[str, SceneSource] = {}
        self._leaving: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()
        atexit.register(self.close)

    def new_visit(self) -> Visit:
        """Welcome a visitor."""
        owner = secrets.token_hex(8)
        folder = self.root / owner
        folder.mkdir(mode=0o700)
        visit = Visit(owner, folder, self.pool)
        with self._lock:
            self.visits[owner] = visit
        return visit

    def here(self, owner: str) -> None:
        """A visitor is here, perhaps again after a break in the connection."""
        with self._lock:
            leaving = self._leaving.pop(owner, None)
        if leaving is not None:
            leaving.cancel()

    def gone(self, owner: str, grace_s: float = _GRACE_S) -> None:
        """A visitor's connection has ended: unless it comes back soon, so has the visit."""
        timer = threading.Timer(grace_s, self.end, (owner,))
        timer.daemon = True
        with self._lock:
            if owner not in self.visits:
                return
            before = self._leaving.pop(owner, None)
            self._leaving[owner] = timer
        if before is not None:
            before.cancel()
        timer.start()

    def end(self, owner: str) -> None:
        """A visit is over."""
        with self._lock:
            visit = self.visits.pop(owner, None)
            self._leaving.pop(owner, None)
        if visit is not None:
            visit.end()

    @property
    def shared_folder(self) -> Path:
        """For what is the same for all visitors, such as the figures of the operator's data."""
        return self.root / "shared"

    def close(self) -> None:
        """End all work and remove every file."""
        self.pool.close()
        shutil.rmtree(self.root, ignore_errors=True)


def _offered(settings: PageSettings) -> list[Offered]:
    """Those of the package, the default first, then the operator's, which stand for one of the same name."""
    named = sorted(packaged(), key=lambda name: name != DEFAULT)
    opened = [(one, Detector.open(one)) for one in (*named, *(str(path.resolve()) for path in settings.detectors))]
    return [Offered(one.card.name, opens, one.card, len(one.onnx_bytes) / 1e6) for opens, one in opened]


def _lanes(settings: PageSettings) -> list[LaneSettings]:
    file_mb = max(_LONGEST_FILE_TIMES * settings.max_upload_mb, settings.max_visit_mb)
    reader = Limits(memory_mb=settings.reader_memory_mb, file_mb=settings.max_visit_mb, time_s=settings.reader_time_s)
    quick = Limits(memory_mb=settings.worker_memory_mb, file_mb=file_mb, time_s=_QUICK_TIME_S)
    maps = Limits(memory_mb=settings.worker_memory_mb, file_mb=file_mb, time_s=settings.run_time_s)
    room = settings.queue, settings.queue_visitor
    return [
        LaneSettings("read", 1, reader, 1, *room),
        LaneSettings("quick", 1, quick, _QUICK_TASKS, *room),
        LaneSettings("map", settings.workers, maps, _MAP_TASKS, *room),
    ]


def _remove_leftovers() -> None:
    """Remove the folders of servers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        number = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdigit() and not _runs(int(number)) and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
