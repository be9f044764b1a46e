"""How much memory this process has held at most."""

import sys
from pathlib import Path


def peak_rss_mb() -> float | None:
    """The most resident memory that this process has held at once, in MB; None where the system does not say."""
    # Linux: the figure of getrusage is inherited from the process that started this one, this one is not.
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line:
            return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
