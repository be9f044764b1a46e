"""Worker processes: both ends of the pipe, and the limits of the process.

The server writes a task as a line of JSON; the process answers with lines of JSON: progress, then the result or an
error message. The process limits itself before it reads a task and ends with its server. Any exception other than a
``LandslipError`` or a ``MemoryError`` ends it, with the traceback in the server's log, and the server starts another.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated, Any, Final, Literal, TextIO

from pydantic import Field

from landslip.errors import LandslipError
from landslip.files.model import Frozen
from landslip.files.progress import Progress
from landslip.page import messages

FOLDER_PREFIX: Final = "landslip-page-"
"""Of the folders of a server; the id of its process follows."""
_NICENESS: Final = 5
_OPEN_FILES: Final = 512
_PROGRESS_EVERY_S: Final = 0.2


class ProcessLimits(Frozen):
    """Limits of one worker process."""

    memory_mb: Annotated[int, Field(ge=1)]
    """Address space (RLIMIT_AS), which exceeds the resident memory."""
    file_mb: Annotated[int, Field(ge=1)]
    """Largest file that it may write (RLIMIT_FSIZE)."""
    time_s: Annotated[int, Field(ge=1)]
    """Wall time of one task; the server kills the process afterwards."""


def limit_process(limits: ProcessLimits) -> None:
    """Limit this process for good: address space, file size, open files, no core dump, lower priority.

    Does nothing on systems without ``setrlimit``, such as Windows.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    os.nice(_NICENESS)
    wanted = {
        resource.RLIMIT_AS: limits.memory_mb * 10**6,
        resource.RLIMIT_FSIZE: limits.file_mb * 10**6,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in wanted.items():
        _, hard = resource.getrlimit(kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))


Ending = Literal["done", "failed", "died", "timed out"]
_SKIPPED_DRIVERS: Final = (
    *("VRT", "DERIVED", "GTI", "WMS", "WCS", "WMTS", "WFS", "OAPIF", "OGCAPI", "HTTP", "STACTA", "STACIT"),
    *("PLMOSAIC", "EEDA", "EEDAI", "DAAS", "NGW", "Elasticsearch", "AmigoCloud", "Carto", "SQLite"),
    *("HDF5", "HDF5Image", "netCDF", "PDF", "GML", "GMLAS"),
)
"""GDAL drivers that follow references to other files or to the network, or that no upload needs."""


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: no GDAL driver that leaves the file, no sidecar files, no plug-ins.

    Args:
        variables: the environment of the server.
    """
    return {
        **variables,
        "GDAL_SKIP": ",".join(_SKIPPED_DRIVERS),
        "OGR_SKIP": ",".join(_SKIPPED_DRIVERS),
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_VRT_ENABLE_PYTHON": "NO",
        "GDAL_DRIVER_PATH": "disable",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        # Any request that a file could cause ends at a closed port of this machine.
        "GDAL_HTTP_PROXY": "127.0.0.1:9",
        "CPL_LOG": os.devnull,
        "HDF5_PLUGIN_PRELOAD": "::",
        "TORCHINDUCTOR_CACHE_DIR": str(torch_folder()),
        # Many arenas would exhaust the address space of a limited process.
        "MALLOC_ARENA_MAX": "4",
    }


def torch_folder() -> Path:
    """Return the folder in which PyTorch, if a task imports it, keeps files; to be removed with the server."""
    return Path(tempfile.gettempdir()) / f"{FOLDER_PREFIX}{os.getpid()}-torch"


class WorkerProcess:
    """A process that runs tasks one after another. One thread calls ``run``; any thread may call ``kill``."""

    def __init__(self, limits: ProcessLimits) -> None:
        """Start the process, ready for the first task."""
        self._limits = limits
        self._timed_out = threading.Event()
        self.tasks_done = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "landslip.page.jobs.worker", limits.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(os.environ),
            text=True,
            encoding="utf-8",
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def close(self) -> None:
        """End the process and wait for it."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def run(self, task: str, progress: Progress) -> tuple[Ending, dict[str, Any], str]:
        """Run a task.

        Args:
            task: as one line of JSON.
            progress: called with the progress.

        Returns:
            How the task ended, its result, and the error message if it failed.
        """
        timer = threading.Timer(self._limits.time_s, self._time_out)
        timer.daemon = True
        timer.start()
        try:
            return self._exchange(task, progress)
        except (BrokenPipeError, ValueError):
            # The process died before it read the task, or in the middle of a line.
            return self._died()
        finally:
            timer.cancel()
            self.tasks_done += 1

    def _exchange(self, task: str, progress: Progress) -> tuple[Ending, dict[str, Any], str]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process was started without pipes")
        stdin.write(task + "\n")
        stdin.flush()
        for line in stdout:
            message = json.loads(line)
            if "progress" in message:
                progress(*message["progress"])
            elif "result" in message:
                return "done", message["result"], ""
            else:
                return "failed", {}, message["error"]
        return self._died()

    def _time_out(self) -> None:
        self._timed_out.set()
        self.kill()

    def _died(self) -> tuple[Ending, dict[str, Any], str]:
        self.kill()
        self._process.wait()
        return ("timed out" if self._timed_out.is_set() else "died"), {}, ""


class _Pipe:
    """The process's end of the pipe."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._last: tuple[str, float] = ("", 0.0)

    def send(self, name: str, value: object) -> None:
        """Write one line."""
        with self._lock:
            self._file.write(json.dumps({name: value}) + "\n")
            self._file.flush()

    def report(self, stage: str, done: int, total: int, /) -> None:
        """Send the progress, a few times a second at most."""
        now = time.monotonic()
        if stage != self._last[0] or done >= total or now - self._last[1] > _PROGRESS_EVERY_S:
            self._last = stage, now
            self.send("progress", (stage, int(done), int(total)))


def main() -> None:
    """Run tasks until the server ends."""
    # Text that a library prints must not mix with the messages.
    pipe = _Pipe(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    # A library must not read the tasks from stdin.
    stdin = os.fdopen(os.dup(0), encoding="utf-8")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    limit_process(ProcessLimits.model_validate_json(sys.argv[1]))
    from landslip.page.jobs.tasks import perform  # noqa: PLC0415 - within the limits

    tasks: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_receive, args=(stdin, tasks), daemon=True).start()
    while True:
        task = tasks.get()
        try:
            pipe.send("result", perform(task, pipe.report))
        except LandslipError as error:
            pipe.send("error", str(error))
        except MemoryError:
            pipe.send("error", messages.OUT_OF_MEMORY)


def _receive(stdin: TextIO, tasks: SimpleQueue[str]) -> None:
    """Hand tasks on; exit when the server closes the pipe, even in the middle of a task."""
    for line in stdin:
        tasks.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
