"""The worker: takes tasks as lines of JSON, answers with lines of JSON, and ends when its server is gone.

It binds itself to its limits before it sees a task. What it cannot do for a reason that a visitor can mend it says in a
sentence; anything else ends it, with the reason in the server's log, and the server starts another.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, TextIO

from landslip.errors import LandslipError
from landslip.page import messages as words
from landslip.page.jobs.process import Limits, bind

_NEWS_EVERY_S: Final = 0.2


class Voice:
    """The worker's side of the pipe."""

    def __init__(self, pipe: TextIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._last: tuple[str, float] = ("", 0.0)

    def say(self, **said: Any) -> None:
        """Write one line."""
        with self._lock:
            self._pipe.write(json.dumps(said) + "\n")
            self._pipe.flush()

    def watch(self, doing: str, done: int, total: int) -> None:
        """Tell progress, but not too often."""
        now = time.monotonic()
        if doing != self._last[0] or done >= total or now - self._last[1] > _NEWS_EVERY_S:
            self._last = doing, now
            self.say(say="progress", doing=doing, done=int(done), total=int(total))


def main() -> None:
    """Work until there is no more to come."""
    # Whatever a library prints must not get between the lines.
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Nor must one that looks at stdin: a thread always reads there.
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    bind(Limits.model_validate_json(sys.argv[1]))
    from landslip.page.jobs.perform import perform  # noqa: PLC0415 - heavy; within the limits

    voice = Voice(pipe)
    tasks: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders, tasks), daemon=True).start()
    while True:
        task = tasks.get()
        try:
            voice.say(say="done", answer=perform(task, voice.watch))
        except LandslipError as error:
            voice.say(say="failed", sentence=str(error))
        except MemoryError:
            voice.say(say="failed", sentence=words.OUT_OF_MEMORY)


def _listen(orders: TextIO, tasks: SimpleQueue[str]) -> None:
    """Hand tasks on; without a server there is nothing left to do, not even to finish."""
    for line in orders:
        tasks.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
