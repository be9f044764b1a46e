"""What a process may use at most. It binds itself before it looks at anything of a visitor."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from landslip.files.model import Frozen

_NICE: Final = 5
_OPEN_FILES: Final = 512


class Limits(Frozen):
    """Bounds of one worker process."""

    memory_mb: Annotated[int, Field(ge=1)]
    """Address space (RLIMIT_AS), which is more than what is used of it."""
    file_mb: Annotated[int, Field(ge=1)]
    """Longest file that it may write (RLIMIT_FSIZE)."""
    time_s: Annotated[int, Field(ge=1)]
    """Longest task, by the clock; whoever started the process kills it then."""


def bind(limits: Limits) -> None:
    """Bind this process for good: memory, length of files, open files, no core dump; and let the server go first.

    On systems without such limits, Windows among them, nothing is bound.
    """
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return
    os.nice(_NICE)
    wanted = {
        resource.RLIMIT_AS: limits.memory_mb * 10**6,
        resource.RLIMIT_FSIZE: limits.file_mb * 10**6,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in wanted.items():
        _, hard = resource.getrlimit(kind)
        within = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (within, within))


Ending = Literal["done", "failed", "died", "timed out"]
_SKIPPED_DRIVERS: Final = (
    *("VRT", "DERIVED", "GTI", "WMS", "WCS", "WMTS", "WFS", "OAPIF", "OGCAPI", "HTTP", "STACTA", "STACIT"),
    *("PLMOSAIC", "EEDA", "EEDAI", "DAAS", "NGW", "Elasticsearch", "AmigoCloud", "Carto", "SQLite"),
    *("HDF5", "HDF5Image", "netCDF", "PDF"),
)
"""Drivers of GDAL that follow a file's words to other files or to the network, or that nobody needs here."""


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a worker: no GDAL driver that leaves the file, no reading beside it, no plug-ins."""
    return {
        **given,
        "GDAL_SKIP": ",".join(_SKIPPED_DRIVERS),
        "OGR_SKIP": ",".join(_SKIPPED_DRIVERS),
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_VRT_ENABLE_PYTHON": "NO",
        "GDAL_DRIVER_PATH": "disable",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        # Whatever a file could make GDAL ask for ends on this machine, where nothing listens.
        "GDAL_HTTP_PROXY": "127.0.0.1:9",
        "CPL_LOG": os.devnull,
        "HDF5_PLUGIN_PRELOAD": "::",
        # Many arenas would fill the address space that a process may have.
        "MALLOC_ARENA_MAX": "4",
    }


class WorkerProcess:
    """A process that does tasks one after another. One thread runs it; any thread may kill it."""

    def __init__(self, limits: Limits) -> None:
        """Start a process; it imports what it needs while nobody waits."""
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
        """Its number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """End it and wait until it is gone."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait()

    def run(self, task: str, report: Callable[[str, int, int], None]) -> tuple[Ending, dict[str, Any], str]:
        """Do a task.

        Args:
            task: as one line of JSON.
            report: told of progress.

        Returns:
            How it ended, the answer, and the sentence where it failed.
        """
        alarm = threading.Timer(self._limits.time_s, self._out_of_time)
        alarm.daemon = True
        alarm.start()
        try:
            return self._listen(task, report)
        except (BrokenPipeError, ValueError):
            # It died before the task reached it, or in the middle of a line.
            return self._death()
        finally:
            alarm.cancel()
            self.tasks_done += 1

    def _listen(self, task: str, report: Callable[[str, int, int], None]) -> tuple[Ending, dict[str, Any], str]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process was started without pipes")
        stdin.write(task + "\n")
        stdin.flush()
        for line in stdout:
            said = json.loads(line)
            if said["say"] == "progress":
                report(said["doing"], said["done"], said["total"])
            elif said["say"] == "done":
                return "done", said["answer"], ""
            elif said["say"] == "failed":
                return "failed", {}, said["sentence"]
        return self._death()

    def _out_of_time(self) -> None:
        self._timed_out.set()
        self.kill()

    def _death(self) -> tuple[Ending, dict[str, Any], str]:
        self.kill()
        self._process.wait()
        return ("timed out" if self._timed_out.is_set() else "died"), {}, ""
