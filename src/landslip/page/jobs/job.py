"""A ticket: one task in the queue, seen from the page. Workers write on it, views read it, anyone may cancel it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]
OVER: Final = frozenset({"done", "failed", "cancelled"})
_TOO_EARLY: Final = 0.02
"""Below this share nothing is said of the time left."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is, at one moment."""

    state: State
    doing: str = ""
    """What is being done, in the package's words: ``mapping``, ``writing``."""
    share: float = 0.0
    """How much of it is done, 0 to 1."""
    left_s: float | None = None
    """Seconds left of what is being done; None where nobody can tell yet."""
    sentence: str = ""
    """Why it failed."""


@dataclass(slots=True)
class Ticket:
    """One task. Its state only moves on: waiting, running, then one of done, failed, cancelled."""

    owner: str
    task: str
    """As JSON."""
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _state: State = "waiting"
    _doing: str = ""
    _share: float = 0.0
    _since: float = 0.0
    _share_then: float = 0.0
    _sentence: str = ""
    _answer: dict[str, Any] = field(default_factory=dict)
    _on_cancel: Callable[[], None] | None = None

    def begin(self, on_cancel: Callable[[], None]) -> bool:
        """A worker takes the task; False where it was cancelled before."""
        with self._lock:
            if self._state != "waiting":
                return False
            self._state, self._on_cancel, self._since = "running", on_cancel, self.clock()
            return True

    def report(self, doing: str, done: int, total: int) -> None:
        """A worker tells how far it is."""
        with self._lock:
            share = min(done / total, 1.0) if total > 0 else 0.0
            if doing != self._doing:
                self._since, self._share_then = self.clock(), share
            self._doing, self._share = doing, share

    def finish(self, answer: dict[str, Any]) -> None:
        """The task is done."""
        self._end("done", answer=answer)

    def fail(self, sentence: str) -> None:
        """The task cannot be done."""
        self._end("failed", sentence=sentence)

    def cancel(self) -> None:
        """Give the task up; a process that works on it is killed."""
        stop = self._on_cancel
        if self._end("cancelled") and stop is not None:
            stop()

    def _end(self, state: State, *, answer: dict[str, Any] | None = None, sentence: str = "") -> bool:
        with self._lock:
            if self._state in OVER:
                return False
            self._state, self._answer, self._sentence, self._on_cancel = state, answer or {}, sentence, None
            self._ended.set()
            return True

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._ended.is_set()

    @property
    def answer(self) -> dict[str, Any]:
        """What a task that is done gave."""
        with self._lock:
            return self._answer

    @property
    def progress(self) -> Progress:
        """How far it is now. Time left: the rate since this step began goes on."""
        with self._lock:
            gained, taken = self._share - self._share_then, self.clock() - self._since
            known = self._state == "running" and gained > _TOO_EARLY
            left_s = taken / gained * (1 - self._share) if known else None
            return Progress(self._state, self._doing, self._share, left_s, self._sentence)

    def wait(self, timeout_s: float | None = None) -> Progress:
        """Wait until it is over, or for so long."""
        self._ended.wait(timeout_s)
        return self.progress
