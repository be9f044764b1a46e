"""ONNX Runtime: the second engine for a CPU, and the engines for NVIDIA GPUs (CUDA, TensorRT)."""

import contextlib
import os
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

# Some versions report their use to a public server on import and leave a file in the temporary folder; their API for
# switching this off comes too late. A value set by the user is kept.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as causes

from landslip.detector.detector import Detector
from landslip.detector.sealed_file import INPUT, OUTPUT
from landslip.errors import EngineError
from landslip.inference.engine import InferenceOptions

_FALLBACKS: Final = MappingProxyType(
    {
        "CPUExecutionProvider": (),
        "CUDAExecutionProvider": ("CPUExecutionProvider",),
        "TensorrtExecutionProvider": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    }
)
"""Providers for the operators that the first one lacks, such as those that compute shapes."""
# TF32 keeps ten bits of a float32: the scores on a card were measured without it.
_SETTINGS: Final = MappingProxyType({"CUDAExecutionProvider": {"use_tf32": "0"}})
_GPU_BATCH: Final = 16
_FAILURES: Final = (causes.EPFail, causes.Fail, causes.InvalidGraph, causes.NotImplemented, causes.RuntimeException)


def available_providers() -> tuple[str, ...]:
    """Return the execution providers of the installed ONNX Runtime."""
    return tuple(onnxruntime.get_available_providers())


class OnnxRuntimeEngine:
    """Run a detector in ONNX Runtime, in batches of a fixed size: of one image on a CPU, unless another is asked for.

    Args:
        detector: the detector to run.
        options: threads, batch, and precision, which must be int8 for the integers of a quantised detector to be used.
        name: of the engine.
        provider: execution provider that runs the network.
        height: of every image in pixels.
        width: of every image in pixels.

    Raises:
        EngineError: the provider cannot be initialised, or cannot run the graph.
    """

    version = onnxruntime.__version__

    def __init__(
        self, detector: Detector, options: InferenceOptions, name: str, provider: str, *, height: int, width: int
    ) -> None:
        self.name = name
        self.precision: str = options.precision
        self._on_gpu = provider != "CPUExecutionProvider"
        self._step = _GPU_BATCH if self._on_gpu else options.batch or 1
        self.batch = max(self._step, 4)
        self._detector = detector.card.name
        self._size = (height, width)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads or 0
        settings.log_severity_level = 4  # failures arrive as exceptions
        if self.precision != "int8":
            settings.add_session_config_entry("session.disable_quant_qdq", "1")
        providers: list[tuple[str, dict[str, Any]]] = [
            (one, dict(_SETTINGS.get(one, {}))) for one in (provider, *_FALLBACKS[provider])
        ]
        with _failures(self._detector):
            self._session = onnxruntime.InferenceSession(detector.onnx_bytes, settings, providers=providers)
        # A provider whose libraries or GPU are missing is skipped in silence.
        used = self._session.get_providers()
        if provider not in used:
            raise EngineError(
                f"engine '{name}' cannot be initialised: ONNX Runtime fell back to {', '.join(used)}; check the GPU "
                "driver and the CUDA, cuDNN and TensorRT libraries, or use another engine",
                parameter="engine",
            )

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict probability (n, h, w) float32 for images (n, C, h, w) float32 in physical units."""
        results = np.empty((len(images), *self._size), np.float32)
        step = self._step
        with _failures(self._detector):
            for first in range(0, len(images), step):
                part = images[first : first + step]
                # The last batch is filled with zeros, so that the network always runs at one shape.
                full = np.zeros((step, *part.shape[1:]), np.float32)
                full[: len(part)] = part
                results[first : first + step] = self._session.run([OUTPUT], {INPUT: full})[0][: len(part), 0]
        return results


def load_graph(model: onnx.ModelProto) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Load a graph for images (n, C, h, w) and return all its outputs in float32.

    Raises:
        EngineError: ONNX Runtime cannot run the graph.
    """
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # failures arrive as exceptions
    with _failures(model.graph.name):
        session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])

    def run(images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with _failures(model.graph.name):
            results: list[NDArray[np.float32]] = session.run(None, {INPUT: images})
        return results

    return run


@contextlib.contextmanager
def _failures(name: str) -> Iterator[None]:
    """Turn failures of ONNX Runtime, on loading or on running, into ``EngineError``."""
    try:
        yield
    except _FAILURES as error:
        reason = str(error).strip().splitlines()[-1]
        raise EngineError(
            f"ONNX Runtime cannot run {name} ({reason}): use the engine openvino", parameter="engine"
        ) from error
