"""The connection to a cluster: a scheduler at an address, or workers that are started on this machine."""

import logging
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final

from distributed import Client, LocalCluster
from distributed.comm.core import CommClosedError

from landslip.cluster.worker import MapperPlugin
from landslip.errors import ClusterError, SettingsError

WAIT_VARIABLE: Final = "LANDSLIP_CLUSTER_WAIT_S"
"""Environment variable: seconds for which a scheduler that does not answer, and a first worker, are waited for."""
_WAIT_S: Final = 120.0
_PAUSE_S: Final = 1.0
_LOCAL: Final = re.compile(r"local(?::(\d+))?")
_ADDRESS: Final = re.compile(r"(?:[a-z]+://)?[^\s/:]+(?::\d+)?|(?:tcp|tls|ws|wss|ucx)://\[[0-9a-fA-F:]+\]:\d+")


class Cluster:
    """A cluster that is connected; use ``open_cluster``."""

    def __init__(
        self, target: str, client: Client, plugin: MapperPlugin, *, own: bool, wait_s: float = _WAIT_S
    ) -> None:
        self.target = target
        self.client = client
        self.plugin = plugin
        self.generation = 0
        """Rises with each new connection: what was submitted before is lost."""
        self._own = own
        self._wait_s = wait_s

    @property
    def dashboard_link(self) -> str:
        """URL of the dashboard."""
        return str(self.client.dashboard_link)

    @property
    def threads(self) -> int:
        """Number of threads of all workers; 1 where there is none at the moment."""
        self.check()
        return max(int(sum(self.client.nthreads().values())), 1)

    @property
    def workers(self) -> int:
        """Number of workers."""
        self.check()
        return len(self.client.nthreads())

    def check(self) -> None:
        """Check that the scheduler is connected.

        Raises:
            ConnectionError: it is not.
        """
        if self.client.status != "running":
            raise ConnectionError(f"the scheduler {self.target} is not connected")

    def reconnect(self) -> None:
        """Connect again to a scheduler that was lost.

        Raises:
            ClusterError: it does not answer.
        """
        if self._own:
            raise ClusterError(
                "the workers on this machine were lost: run the same command again, finished blocks are kept"
            )
        # A client without a scheduler may fail to take leave of it.
        with suppress(OSError, TimeoutError, CancelledError):
            self.client.close(timeout=5)
        self.client = _connect(self.target, self._wait_s)
        self.generation += 1
        self.prepare()

    def prepare(self) -> None:
        """Wait for a worker, and send the detector to each.

        Raises:
            ClusterError: no worker comes, or a worker has another version of landslip, or ends.
        """
        try:
            self.client.wait_for_workers(1, timeout=self._wait_s)
        except TimeoutError as error:
            raise ClusterError(
                f"the cluster {self.target} has no worker after {self._wait_s:.0f} s: start workers, then run the same "
                "command again"
            ) from error
        # By a function of Python itself: one of landslip could not be sent to a worker without it.
        found = self.client.run(version, "landslip", on_error="return")
        for worker, other in found.items():
            if other != version("landslip"):
                has = f"landslip {other}" if isinstance(other, str) else "no landslip"
                raise ClusterError(
                    f"worker {worker} has {has}, this machine landslip {version('landslip')}: install the same version "
                    "on all machines"
                )
        try:
            self.client.register_plugin(self.plugin)
        except ImportError as error:
            raise ClusterError(
                f"a worker of {self.target} lacks a package ({error}): install landslip[cluster] on all machines"
            ) from error
        except OSError as error:
            raise ClusterError(
                f"a worker of {self.target} ended while it loaded the detector, mostly for lack of memory ({error}): "
                "give workers more memory, look into their log, and run the same command again"
            ) from error


@contextmanager
def open_cluster(target: str, plugin: MapperPlugin) -> Iterator[Cluster]:
    """Connect to a cluster, or start one on this machine, until the block ends.

    Args:
        target: ``local`` for one worker process a core, ``local:N`` for N; or the address of a scheduler, such as
            ``tcp://10.0.0.1:8786``; or the path of a scheduler file (``.json``).
        plugin: for the workers.

    Raises:
        SettingsError: the target is none of these, or ``LANDSLIP_CLUSTER_WAIT_S`` is no number of seconds.
        ClusterError: the scheduler does not answer, or has no worker.
    """
    wait_s = _waiting_time()
    local = _LOCAL.fullmatch(target)
    if local:
        count = int(local[1]) if local[1] else os.cpu_count() or 1
        if count < 1:
            raise SettingsError(f"cluster local:N needs at least one worker, got {target}", parameter="cluster")
        with (
            LocalCluster(
                n_workers=count, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
            ) as started,
            Client(started) as client,
        ):
            cluster = Cluster(target, client, plugin, own=True, wait_s=wait_s)
            cluster.prepare()
            yield cluster
        return
    if not target.endswith(".json") and not _ADDRESS.fullmatch(target):
        raise SettingsError(
            f"cluster must be local, local:N, the address of a Dask scheduler such as tcp://10.0.0.1:8786, or a "
            f"scheduler file, got '{target}'",
            parameter="cluster",
        )
    cluster = Cluster(target, _connect(target, wait_s), plugin, own=False, wait_s=wait_s)
    # Dask logs the traceback of a lost connection, which is told as an error where it cannot be repaired.
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        cluster.prepare()
        yield cluster
    finally:
        with suppress(OSError, TimeoutError, CancelledError):
            cluster.client.close(timeout=5)
        logger.setLevel(level)


def _waiting_time() -> float:
    text = os.environ.get(WAIT_VARIABLE, str(_WAIT_S))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise SettingsError(f"{WAIT_VARIABLE} must be a number of seconds above 0, got '{text}'", parameter="cluster")
    return seconds


def _connect(target: str, wait_s: float) -> Client:
    """Connect to a scheduler.

    Raises:
        ClusterError: it does not answer.
    """
    until = time.monotonic() + wait_s
    while True:
        left = max(until - time.monotonic(), 1.0)
        try:
            if target.endswith(".json"):
                if not Path(target).is_file():
                    raise OSError(f"no file {target}")
                return Client(scheduler_file=target, timeout=left)
            return Client(target, timeout=left)
        except (OSError, TimeoutError, CommClosedError, ValueError) as error:
            if time.monotonic() + _PAUSE_S > until:
                raise ClusterError(
                    f"no Dask scheduler answers at {target} within {wait_s:.0f} s ({error}): start it, then run the "
                    "same command again; finished blocks are kept",
                    parameter="cluster",
                ) from error
            time.sleep(_PAUSE_S)
