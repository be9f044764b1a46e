"""Serve the page on 127.0.0.1 for the benchmarks."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil


@contextlib.contextmanager
def served() -> Iterator[tuple[int, psutil.Process]]:
    """Yield port and process of a server; end it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "landslip", "page", "--port", str(port)], stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)
