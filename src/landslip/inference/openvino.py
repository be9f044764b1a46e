"""OpenVINO: the default engine on a CPU.

In bfloat16 a DN has three digits at most, too few to subtract a mean from. So the graph is cut before its first
convolution, or before that of each member of an ensemble: what comes before, the normalisation, always runs in float32;
what follows in the precision asked for.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

# openvino's own import reports its use to a public server, without asking and by forking this process. Without this
# package it does not, and lacks nothing else.
if "openvino" not in sys.modules:
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # the documented way to forbid an import

import openvino
from openvino import opset13, properties

from landslip.detector.detector import INPUT, Detector
from landslip.errors import EngineError
from landslip.inference.engine import Precision

_CONVOLUTIONS: Final = frozenset({"Convolution", "GroupConvolution"})
Values = dict[str, NDArray[np.float32]]


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
        # Left to itself OpenVINO takes bfloat16 on a CPU that has it, without saying so.
        self.precision: str = precision
        if precision == "bfloat16" and "BF16" not in core.get_property("CPU", properties.device.capabilities):
            raise EngineError("this CPU does not compute in bfloat16: leave out --precision")
        # Many at once: streams wait for each other only at the end of a call.
        self.batch = 32 * streams
        try:
            model = core.read_model(detector.onnx_bytes, b"")
            model.reshape({INPUT: [1, len(detector.card.channels), height, width]})
            first, second = _cut(model)
            self._first = _queue(core, first, "f32", streams)
            self._second = second and _queue(core, second, "bf16" if self.precision == "bfloat16" else "f32", streams)
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(
                f"OpenVINO cannot run {detector.card.name} ({reason}): try --engine onnxruntime"
            ) from error

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, h, w) float32 probability."""
        given: list[Values] = [{INPUT: image[None]} for image in images]
        results = _run(self._first, given)
        if self._second:
            both = zip(given, results, strict=True)
            given = [one | {_normalised(number): value for number, value in enumerate(seen)} for one, seen in both]
            results = _run(self._second, given)
        return np.concatenate([answer for answer, *_ in results])[:, 0]


def outputs_of(
    model: onnx.ModelProto, shape: tuple[int, ...]
) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Make a graph with any outputs ready to run on images (n, C, h, w) of one shape, in float32; gives all outputs.

    Raises:
        EngineError: OpenVINO cannot run the graph.
    """
    core = openvino.Core()
    try:
        read = core.read_model(model.SerializeToString(), b"")
        read.reshape({INPUT: list(shape)})
        compiled = core.compile_model(read, "CPU", {properties.hint.inference_precision: "f32"})
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise EngineError(f"OpenVINO cannot run this graph ({reason})") from error

    def run(images: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        answers = compiled({INPUT: images})
        return [answers[output] for output in compiled.outputs]

    return run


def _cut(model: openvino.Model) -> tuple[openvino.Model, openvino.Model | None]:
    """A model as what comes before its first convolutions and what follows; without a convolution it stays whole."""
    deep: set[str] = set()
    first: dict[tuple[str, int], openvino.Output] = {}
    for node in model.get_ordered_ops():
        name, convolves = node.get_name(), node.get_type_name() in _CONVOLUTIONS
        if any(value.get_node().get_name() in deep for value in node.input_values()):
            deep.add(name)
        elif convolves:
            image = node.input_value(0)
            first[image.get_node().get_name(), image.get_index()] = image
            deep.add(name)
    if not first:
        return model, None
    inputs = model.get_parameters()
    before = list(first.values())
    normalised = []
    for number, image in enumerate(before):
        value = opset13.parameter(image.get_shape(), np.float32, _normalised(number))
        value.output(0).set_names({_normalised(number)})
        normalised.append(value)
        # What follows takes the normalised image from the new input; sizes may still be asked of the old one.
        for taker in image.get_target_inputs():
            if taker.get_node().get_name() in deep:
                taker.replace_source_output(value.output(0))
    return openvino.Model(before, inputs), openvino.Model(model.get_results(), [*normalised, *inputs])


def _normalised(number: int) -> str:
    return f"normalised.{number}"


def _queue(core: openvino.Core, model: openvino.Model, precision: str, streams: int) -> openvino.AsyncInferQueue:
    compiled = core.compile_model(
        model,
        "CPU",
        {
            properties.hint.performance_mode: properties.hint.PerformanceMode.THROUGHPUT,
            properties.hint.inference_precision: precision,
            properties.num_streams: streams,
            properties.inference_num_threads: streams,
        },
    )
    queue = openvino.AsyncInferQueue(compiled, streams)
    queue.set_callback(_keep)
    return queue


def _run(queue: openvino.AsyncInferQueue, given: list[Values]) -> list[list[NDArray[np.float32]]]:
    """The outputs of a model for each of some inputs."""
    results: dict[int, list[NDArray[np.float32]]] = {}
    for number, inputs in enumerate(given):
        queue.start_async(inputs, userdata=(results, number))
    queue.wait_all()
    return [results[number] for number in range(len(given))]


def _keep(request: openvino.InferRequest, place: tuple[dict[int, Any], int]) -> None:
    results, number = place
    results[number] = [tensor.data.copy() for tensor in request.output_tensors]
