"""Peak memory of an engine, measured in a process of its own: imports, loading and a call with a full batch.

python -m landslip.inference.peak_memory ENGINE PRECISION THREADS HEIGHT WIDTH < DETECTOR.onnx
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from landslip.detector.detector import Detector
from landslip.errors import EngineError
from landslip.inference.engine import InferenceOptions, Precision, open_engine
from landslip.inference.synthetic_inputs import synthetic_images

_STATUS: Final = Path("/proc/self/status")
_TIMEOUT_S: Final = 300


def measure_peak_memory_mb(detector: Detector, options: InferenceOptions, *, height: int, width: int) -> float | None:
    """Return the peak resident memory in MB (10^6 bytes) of a process that runs one batch; None outside Linux.

    Args:
        detector: the file that runs: the int8 variant for int8.
        options: engine and precision, without ``auto``, and threads.
        height: of the images in pixels.
        width: of the images in pixels.

    Raises:
        EngineError: the process failed.

    Example:
        >>> options = InferenceOptions("openvino", "float32", 1)
        >>> peak = measure_peak_memory_mb(Detector.open("s2-rgb"), options, height=32, width=32)
        >>> peak is None or 50 < peak < 5000
        True
    """
    if not _STATUS.exists():
        return None
    # A quantised detector is asked for as auto: where the CPU lacks instructions, the engine computes it in float32.
    precision = "auto" if detector.card.quantisation else options.precision
    arguments = [options.engine, precision, str(options.threads or 0), str(height), str(width)]
    done = subprocess.run(
        [sys.executable, "-m", "landslip.inference.peak_memory", *arguments],
        input=detector.onnx_bytes,
        capture_output=True,
        check=False,
        timeout=_TIMEOUT_S,
    )
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"peak memory of {detector.card.name} was not measured ({reason})")
    return float(done.stdout) / 1e6


def _run(engine: str, precision: Precision, threads: int, height: int, width: int) -> int:
    """Run one batch and return the peak resident memory of this process in bytes."""
    detector = Detector.from_bytes(sys.stdin.buffer.read())
    ready = open_engine(detector, InferenceOptions(engine, precision, threads or None), height=height, width=width)
    ready(synthetic_images(detector.card.channels, ready.batch, height, width).astype(np.float32))
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines() if ":" in line)
    return int(fields["VmHWM"].split()[0]) * 1024


if __name__ == "__main__":
    name, wanted, *numbers = sys.argv[1:]
    sys.stdout.write(str(_run(name, wanted, *map(int, numbers))))  # type: ignore[arg-type] # checked by InferenceOptions
