"""OpenVINO: the default engine on a CPU."""

import os

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import properties

from landslip.detector import INPUT, Detector
from landslip.engines import Precision
from landslip.errors import EngineError


class OpenVinoEngine:
    """Runs images one by one on as many streams as there are threads.

    One thread a stream leaves no thread waiting for another inside a layer; one image a request makes the answer
    independent of its neighbours in a batch.
    """

    name = "openvino"
    version = openvino.__version__.split("-", maxsplit=1)[0]

    def __init__(
        self, detector: Detector, *, height: int, width: int, precision: Precision, threads: int | None
    ) -> None:
        core = openvino.Core()
        streams = threads or os.cpu_count() or 1
        # Where float32 is not asked for, OpenVINO takes bfloat16 on a CPU that has it; said here, not left silent.
        fast = "BF16" in core.get_property("CPU", properties.device.capabilities)
        self.precision = "bfloat16" if precision == "default" and fast else "float32"
        try:
            model = core.read_model(detector.onnx_bytes, b"")
            model.reshape({INPUT: [1, len(detector.card.channels), height, width]})
            compiled = core.compile_model(
                model,
                "CPU",
                {
                    properties.hint.performance_mode: properties.hint.PerformanceMode.THROUGHPUT,
                    properties.hint.inference_precision: "bf16" if self.precision == "bfloat16" else "f32",
                    properties.num_streams: streams,
                    properties.inference_num_threads: streams,
                },
            )
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(
                f"OpenVINO cannot run {detector.card.name} ({reason}): try --engine onnxruntime"
            ) from error
        self._queue = openvino.AsyncInferQueue(compiled, streams)
        self._queue.set_callback(_keep)
        # Many at once: streams wait for each other only at the end of a call.
        self.batch = 32 * streams

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, h, w) float32 probability."""
        results = np.empty((len(images), *images.shape[2:]), np.float32)
        for image, result in zip(images, results, strict=True):
            self._queue.start_async({INPUT: image[None]}, userdata=result)
        self._queue.wait_all()
        return results


def _keep(request: openvino.InferRequest, result: NDArray[np.float32]) -> None:
    result[:] = request.get_output_tensor().data[0, 0]
