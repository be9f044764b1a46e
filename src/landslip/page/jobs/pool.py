"""The pool: lanes of workers, each with its queue. A worker that dies is reported on its ticket and replaced.

Lanes keep short things from waiting for long ones: uploads are read, maps are made and pictures are drawn apart.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from landslip.figures.formatting import duration_text
from landslip.page import messages as words
from landslip.page.errors import QueueError
from landslip.page.jobs.job import Ticket
from landslip.page.jobs.process import Limits, WorkerProcess

_ATTEMPTS: Final = 2
"""A process that died while it had nothing to do is no reason to fail a task."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """How one lane works."""

    name: str
    workers: int
    limits: Limits
    tasks_each: int
    """After so many tasks a process is replaced by a fresh one: nothing piles up, nothing is left over."""
    most_waiting: int
    most_waiting_visitor: int


@dataclass(slots=True)
class _Lane:
    settings: LaneSettings
    waiting: deque[Ticket] = field(default_factory=deque)
    running: list[Ticket] = field(default_factory=list)
    processes: set[WorkerProcess] = field(default_factory=set)
    news: threading.Condition = field(default_factory=threading.Condition)
    closed: bool = False


class Pool:
    """All lanes. Made once in a server; ``close`` ends every process."""

    def __init__(self, lanes: Sequence[LaneSettings]) -> None:
        """Start every lane with its processes."""
        self._lanes = {one.name: _Lane(one) for one in lanes}
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=f"landslip-{name}-{number}", daemon=True)
            for name, lane in self._lanes.items()
            for number in range(lane.settings.workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, lane_name: str, owner: str, task: str) -> Ticket:
        """Put a task in the queue of a lane.

        Args:
            lane_name: which lane.
            owner: the visitor.
            task: as one line of JSON.

        Raises:
            QueueError: too many are waiting, or the page is closing.
        """
        lane = self._lanes[lane_name]
        ticket = Ticket(owner, task)
        with lane.news:
            lane.waiting = deque(one for one in lane.waiting if not one.over)
            if lane.closed:
                raise QueueError(words.CLOSING)
            if len(lane.waiting) >= lane.settings.most_waiting:
                raise QueueError(words.QUEUE_FULL.format(count=len(lane.waiting)))
            own = sum(one.owner == owner for one in lane.waiting)
            if own >= lane.settings.most_waiting_visitor:
                raise QueueError(words.QUEUE_FULL_VISITOR.format(count=own))
            lane.waiting.append(ticket)
            lane.news.notify()
        return ticket

    def ahead_of(self, lane_name: str, ticket: Ticket) -> int:
        """How many tasks come before one that waits."""
        lane = self._lanes[lane_name]
        with lane.news:
            waiting = [one for one in lane.waiting if not one.over]
            running = sum(not one.over for one in lane.running)
            return running + waiting.index(ticket) if ticket in waiting else 0

    def give_up(self, owner: str) -> None:
        """Cancel all tasks of a visitor who has left."""
        for lane in self._lanes.values():
            with lane.news:
                own = [one for one in (*lane.waiting, *lane.running) if one.owner == owner]
            for ticket in own:
                ticket.cancel()

    @property
    def pids(self) -> dict[str, tuple[int, ...]]:
        """The processes of every lane."""
        held = {name: tuple(lane.processes) for name, lane in self._lanes.items()}
        return {name: tuple(one.pid for one in processes) for name, processes in held.items()}

    def close(self) -> None:
        """End every process; tasks that wait or run are cancelled."""
        for lane in self._lanes.values():
            with lane.news:
                lane.closed = True
                held = (*lane.waiting, *lane.running)
                lane.news.notify_all()
            for ticket in held:
                ticket.cancel()
        for thread in self._threads:
            thread.join(10)

    def _serve(self, lane: _Lane) -> None:
        """Keep one process warm and give it one task after another."""
        process = self._start(lane)
        while (ticket := self._next(lane)) is not None:
            for _ in range(_ATTEMPTS):
                if process.alive:
                    break
                process = self._replace(lane, process)
            if ticket.begin(process.kill):
                self._run(lane, process, ticket)
            with lane.news:
                lane.running.remove(ticket)
            if not lane.closed and (not process.alive or process.tasks_done >= lane.settings.tasks_each):
                process = self._replace(lane, process)
        lane.processes.discard(process)
        process.close()

    def _run(self, lane: _Lane, process: WorkerProcess, ticket: Ticket) -> None:
        ending, answer, sentence = process.run(ticket.task, ticket.report)
        if ending == "done":
            ticket.finish(answer)
        elif ending == "failed":
            ticket.fail(sentence)
        elif ending == "timed out":
            ticket.fail(words.OUT_OF_TIME.format(limit=duration_text(lane.settings.limits.time_s)))
        else:
            ticket.fail(words.WORKER_DIED)
        if ticket.progress.state == "cancelled" or ending in ("died", "timed out"):
            process.close()

    def _next(self, lane: _Lane) -> Ticket | None:
        """Wait for a task; None when the lane is closed."""
        with lane.news:
            while not lane.closed:
                while lane.waiting:
                    ticket = lane.waiting.popleft()
                    if not ticket.over:
                        lane.running.append(ticket)
                        return ticket
                lane.news.wait()
        return None

    def _start(self, lane: _Lane) -> WorkerProcess:
        process = WorkerProcess(lane.settings.limits)
        lane.processes.add(process)
        return process

    def _replace(self, lane: _Lane, process: WorkerProcess) -> WorkerProcess:
        lane.processes.discard(process)
        process.close()
        return self._start(lane)
