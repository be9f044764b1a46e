"""Jobs, and the queues of worker processes that run them.

Each queue has its own processes, so that short tasks do not wait for long ones: uploads are read, maps are made and
pictures are rendered in separate queues. A process that dies fails its job and is replaced.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from landslip.figures.formatting import format_duration
from landslip.page import messages
from landslip.page.errors import QueueError
from landslip.page.jobs.worker import ProcessLimits, WorkerProcess

State = Literal["waiting", "running", "done", "failed", "cancelled"]
_ENDED: Final = frozenset({"done", "failed", "cancelled"})
_MIN_FRACTION: Final = 0.02
"""Progress below which the remaining time is not estimated."""
_ATTEMPTS: Final = 2
"""An idle process that has died is replaced before the job starts; the job does not fail."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """State of a job at one moment."""

    state: State
    stage: str = ""
    """What runs: ``mapping``, ``writing``."""
    fraction: float = 0.0
    """Completed fraction of the stage."""
    remaining_s: float | None = None
    """Estimated seconds until the stage ends; None while unknown."""
    error: str = ""
    """Why the job failed."""


@dataclass(slots=True)
class Job:
    """One task in a queue. Its state only moves on: waiting, running, then done, failed or cancelled."""

    owner: str
    task: str
    """As JSON."""
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _event: threading.Event = field(default_factory=threading.Event)
    _state: State = "waiting"
    _stage: str = ""
    _fraction: float = 0.0
    _stage_start_s: float = 0.0
    _stage_start_fraction: float = 0.0
    _error: str = ""
    _result: dict[str, Any] = field(default_factory=dict)
    _kill: Callable[[], None] | None = None

    def start(self, kill: Callable[[], None]) -> bool:
        """Mark the job as running.

        Args:
            kill: ends the process that runs it.

        Returns:
            False if the job was cancelled before.
        """
        with self._lock:
            if self._state != "waiting":
                return False
            self._state, self._kill, self._stage_start_s = "running", kill, self.clock()
            return True

    def report(self, stage: str, done: int, total: int) -> None:
        """Record the progress."""
        with self._lock:
            fraction = min(done / total, 1.0) if total > 0 else 0.0
            if stage != self._stage:
                self._stage_start_s, self._stage_start_fraction = self.clock(), fraction
            self._stage, self._fraction = stage, fraction

    def finish(self, result: dict[str, Any]) -> None:
        """Mark the job as done."""
        self._end("done", result=result)

    def fail(self, error: str) -> None:
        """Mark the job as failed."""
        self._end("failed", error=error)

    def cancel(self) -> None:
        """Cancel the job and kill the process that runs it."""
        kill = self._kill
        if self._end("cancelled") and kill is not None:
            kill()

    def _end(self, state: State, *, result: dict[str, Any] | None = None, error: str = "") -> bool:
        with self._lock:
            if self._state in _ENDED:
                return False
            self._state, self._result, self._error, self._kill = state, result or {}, error, None
            self._event.set()
            return True

    @property
    def is_over(self) -> bool:
        """Whether the job is done, failed or cancelled."""
        return self._event.is_set()

    @property
    def result(self) -> dict[str, Any]:
        """Result of a job that is done."""
        with self._lock:
            return self._result

    @property
    def progress(self) -> JobProgress:
        """Progress now; the remaining time follows from the rate since the stage began."""
        with self._lock:
            gained, elapsed_s = self._fraction - self._stage_start_fraction, self.clock() - self._stage_start_s
            known = self._state == "running" and gained > _MIN_FRACTION
            remaining_s = elapsed_s / gained * (1 - self._fraction) if known else None
            return JobProgress(self._state, self._stage, self._fraction, remaining_s, self._error)

    def wait(self, timeout_s: float | None = None) -> JobProgress:
        """Wait until the job is over or the time has passed."""
        self._event.wait(timeout_s)
        return self.progress


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """Settings of one queue."""

    name: str
    workers: int
    limits: ProcessLimits
    tasks_per_process: int
    """A process is replaced after this many tasks, so that neither memory nor state accumulates."""
    max_waiting: int
    max_waiting_per_user: int


@dataclass(slots=True)
class _Queue:
    settings: QueueSettings
    waiting: deque[Job] = field(default_factory=deque)
    running: list[Job] = field(default_factory=list)
    processes: set[WorkerProcess] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False


class Pool:
    """All queues with their processes; made once in a server."""

    def __init__(self, queues: Sequence[QueueSettings]) -> None:
        """Start the processes of every queue."""
        self._queues = {settings.name: _Queue(settings) for settings in queues}
        self._threads = [
            threading.Thread(target=self._serve, args=(queue,), name=f"landslip-{name}-{number}", daemon=True)
            for name, queue in self._queues.items()
            for number in range(queue.settings.workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, queue_name: str, owner: str, task: str) -> Job:
        """Put a task in a queue.

        Args:
            queue_name: name of the queue.
            owner: the user.
            task: as one line of JSON.

        Raises:
            QueueError: the queue is full or closed.
        """
        queue = self._queues[queue_name]
        job = Job(owner, task)
        with queue.changed:
            queue.waiting = deque(other for other in queue.waiting if not other.is_over)
            if queue.closed:
                raise QueueError(messages.CLOSING)
            if len(queue.waiting) >= queue.settings.max_waiting:
                raise QueueError(messages.QUEUE_FULL.format(count=len(queue.waiting)))
            own = sum(other.owner == owner for other in queue.waiting)
            if own >= queue.settings.max_waiting_per_user:
                raise QueueError(messages.QUEUE_FULL_USER.format(count=own))
            queue.waiting.append(job)
            queue.changed.notify()
        return job

    def jobs_ahead(self, queue_name: str, job: Job) -> int:
        """Count the jobs that run or wait before a waiting job."""
        queue = self._queues[queue_name]
        with queue.changed:
            waiting = [other for other in queue.waiting if not other.is_over]
            running = sum(not other.is_over for other in queue.running)
            return running + waiting.index(job) if job in waiting else 0

    def cancel_all(self, owner: str) -> None:
        """Cancel all jobs of a user."""
        for queue in self._queues.values():
            with queue.changed:
                own = [job for job in (*queue.waiting, *queue.running) if job.owner == owner]
            for job in own:
                job.cancel()

    @property
    def pids(self) -> dict[str, tuple[int, ...]]:
        """Process ids, by queue."""
        processes = {name: tuple(queue.processes) for name, queue in self._queues.items()}
        return {name: tuple(process.pid for process in group) for name, group in processes.items()}

    def close(self) -> None:
        """Cancel all jobs and end every process."""
        for queue in self._queues.values():
            with queue.changed:
                queue.closed = True
                jobs = (*queue.waiting, *queue.running)
                queue.changed.notify_all()
            for job in jobs:
                job.cancel()
        for thread in self._threads:
            thread.join(10)

    def _serve(self, queue: _Queue) -> None:
        """Run the jobs of a queue one after another in one process that stays warm."""
        process = self._start(queue)
        while (job := self._next(queue)) is not None:
            for _ in range(_ATTEMPTS):
                if process.is_alive:
                    break
                process = self._replace(queue, process)
            if job.start(process.kill):
                self._run(queue, process, job)
            with queue.changed:
                queue.running.remove(job)
            worn = not process.is_alive or process.tasks_done >= queue.settings.tasks_per_process
            if not queue.closed and worn:
                process = self._replace(queue, process)
        queue.processes.discard(process)
        process.close()

    def _run(self, queue: _Queue, process: WorkerProcess, job: Job) -> None:
        ending, result, error = process.run(job.task, job.report)
        if ending == "done":
            job.finish(result)
        elif ending == "failed":
            job.fail(error)
        elif ending == "timed out":
            job.fail(messages.OUT_OF_TIME.format(limit=format_duration(queue.settings.limits.time_s)))
        else:
            job.fail(messages.WORKER_DIED)
        if job.progress.state == "cancelled" or ending in ("died", "timed out"):
            process.close()

    def _next(self, queue: _Queue) -> Job | None:
        """Wait for a job; None when the queue is closed."""
        with queue.changed:
            while not queue.closed:
                while queue.waiting:
                    job = queue.waiting.popleft()
                    if not job.is_over:
                        queue.running.append(job)
                        return job
                queue.changed.wait()
        return None

    def _start(self, queue: _Queue) -> WorkerProcess:
        process = WorkerProcess(queue.settings.limits)
        queue.processes.add(process)
        return process

    def _replace(self, queue: _Queue, process: WorkerProcess) -> WorkerProcess:
        queue.processes.discard(process)
        process.close()
        return self._start(queue)
