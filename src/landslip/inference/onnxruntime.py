"""ONNX Runtime: an engine for machines that OpenVINO does not serve, and a second opinion where it does."""

import contextlib
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# On some versions its own import reports its use to a public server, and leaves a file in the temporary folder; what
# its interface offers against that comes too late. Whoever set this otherwise meant it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as causes

from landslip.detector.detector import INPUT, OUTPUT, Detector
from landslip.errors import EngineError
from landslip.inference.engine import Precision


class OnnxRuntimeEngine:
    """Runs images one by one, all threads on each."""

    name = "onnxruntime"
    version = onnxruntime.__version__
    precision = "float32"
    batch = 4

    def __init__(
        self, detector: Detector, *, height: int, width: int, precision: Precision, threads: int | None
    ) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4  # what it has to say comes as an error
        self._name = detector.card.name
        self._size = (height, width)
        with self._failures():
            self._session = onnxruntime.InferenceSession(
                detector.onnx_bytes, options, providers=["CPUExecutionProvider"]
            )

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, h, w) float32 probability."""
        results = np.empty((len(images), *self._size), np.float32)
        with self._failures():
            for image, result in zip(images, results, strict=True):
                result[:] = self._session.run([OUTPUT], {INPUT: image[None]})[0][0, 0]
        return results

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """What fails inside ONNX Runtime, on loading or only at this size, becomes ours."""
        try:
            yield
        except (causes.Fail, causes.InvalidGraph, causes.NotImplemented, causes.RuntimeException) as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(f"ONNX Runtime cannot run {self._name} ({reason}): try --engine openvino") from error
