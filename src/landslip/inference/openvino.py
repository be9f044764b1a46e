"""OpenVINO: the default engine on a CPU, and the engines for Intel GPUs and NPUs.

bfloat16 and float16 keep at most three digits of a DN, too few to subtract a mean. The graph is therefore cut before
its first convolution (of each member of an ensemble): the normalisation before the cut always runs in float32 on the
CPU, the network after it in the requested precision. The first convolutions of a quantised detector are in float, so
that the cut leaves its integers together.
"""

import os
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

# On import openvino forks this process and reports its use to a public server. Without this package it does not, and
# everything else works.
if "openvino" not in sys.modules:
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # the documented way to forbid an import

import openvino
from openvino import opset13, properties

from landslip.detector.detector import Detector
from landslip.detector.sealed_file import INPUT
from landslip.errors import EngineError
from landslip.inference.compiled_cache import LARGEST_KEPT_BYTES, compiled_path, keep_compiled, read_compiled
from landslip.inference.engine import InferenceOptions

_CONVOLUTIONS: Final = frozenset({"Convolution", "GroupConvolution"})
Values = dict[str, NDArray[np.float32]]


class OpenVinoEngine:
    """Run a detector in OpenVINO; on a CPU image by image, on as many streams as there are threads.

    With one thread per stream no thread waits for another inside a layer; with requests of one size a result does not
    depend on the other images of a batch.

    Args:
        detector: the detector to run.
        options: precision, threads, streams and batch.
        name: of the engine.
        device: of OpenVINO that runs the network; the normalisation always runs on the CPU.
        height: of every image in pixels.
        width: of every image in pixels.

    Raises:
        EngineError: the device does not support the precision, or OpenVINO cannot run the graph.
    """

    version = openvino.__version__.split("-", maxsplit=1)[0]

    def __init__(
        self, detector: Detector, options: InferenceOptions, name: str, device: str, *, height: int, width: int
    ) -> None:
        core = openvino.Core()
        self.name = name
        threads = options.threads or os.cpu_count() or 1
        streams = min(options.streams or threads, threads)
        self._step = options.batch or 1
        self._size = (height, width)
        # By default OpenVINO silently uses bfloat16 or float16 where it is fast: the precision is always set.
        self.precision: str = options.precision
        if self.precision == "bfloat16" and not supports_bfloat16():
            raise EngineError("this CPU does not support bfloat16: use float32", parameter="precision")
        # Streams wait for each other only at the end of a call, so a call takes many images.
        self.batch = 32 * max(streams, self._step)
        parts = (
            ("CPU", _settings("CPU", "f32", streams, threads)),
            (device, _settings(device, self._type_of_network(), streams, threads)),
        )
        # Other sizes and settings are those of small scenes and of trials, too many to be kept. Storing a network takes
        # several times its size in memory.
        plain = device == "CPU" and not options.streams and not options.batch
        own = plain and height == width == detector.card.tile_px and len(detector.onnx_bytes) <= LARGEST_KEPT_BYTES
        facts = (detector.sha256, self.precision, height, threads)
        paths = [compiled_path(*facts, part) for part in ("before the cut", "after the cut")] if own else []
        # There are no paths where nothing is kept, and one part only where the graph has no cut.
        try:
            compiled = [read_compiled(core, path, *part) for path, part in zip(paths, parts, strict=False)]
            if not own or None in compiled:
                model = core.read_model(detector.onnx_bytes, b"")
                model.reshape({INPUT: [self._step, len(detector.card.channels), height, width]})
                compiled = [core.compile_model(one, *part) for one, part in zip(_cut(model), parts, strict=True) if one]
                # As above: without paths nothing is kept.
                for path, one in zip(paths, compiled, strict=False):
                    keep_compiled(path, one)
            self._first = _queue(compiled[0], streams)
            self._second = _queue(compiled[1], streams if device == "CPU" else 0) if len(compiled) > 1 else None
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[-1]
            raise EngineError(
                f"{name} cannot run {detector.card.name} ({reason}): use another engine, such as onnxruntime",
                parameter="engine",
            ) from error

    def _type_of_network(self) -> str:
        """Return the type in which layers in float are computed."""
        # Layers of a quantised detector that stayed in float run in bfloat16 where that is fast.
        half = self.name == "openvino" and self.precision == "int8" and supports_bfloat16()
        return {"bfloat16": "bf16", "float16": "f16"}.get(self.precision, "bf16" if half else "f32")

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Predict probability (n, h, w) float32 for images (n, C, h, w) float32 in physical units."""
        given: list[Values] = [{INPUT: self._fill(images[one : one + self._step])} for one in self._starts(images)]
        results = _run(self._first, given)
        if self._second:
            given = [
                image | {_normalised(number): value for number, value in enumerate(normalised)}
                for image, normalised in zip(given, results, strict=True)
            ]
            results = _run(self._second, given)
        probability = np.empty((len(images), *self._size), np.float32)
        for first, (part, *_) in zip(self._starts(images), results, strict=True):
            count = min(self._step, len(images) - first)
            probability[first : first + count] = part[:count, 0]
        return probability

    def _starts(self, images: NDArray[np.float32]) -> range:
        return range(0, len(images), self._step)

    def _fill(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill up the last request with zeros, so that the network always runs at one shape."""
        missing = self._step - len(images)
        return images if not missing else np.pad(images, ((0, missing), (0, 0), (0, 0), (0, 0)))


def available_devices() -> frozenset[str]:
    """Return the kinds of device that OpenVINO finds here, such as CPU, GPU and NPU."""
    return frozenset(device.partition(".")[0] for device in openvino.Core().available_devices)


def supports_bfloat16() -> bool:
    """Return whether the CPU computes in bfloat16 (AVX-512 BF16 or AMX on x86)."""
    return "BF16" in openvino.Core().get_property("CPU", properties.device.capabilities)


def load_graph(
    model: onnx.ModelProto, shape: tuple[int, ...]
) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Load a graph for images (n, C, h, w) of one shape and return all its outputs in float32.

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
        results = compiled({INPUT: images})
        return [results[output] for output in compiled.outputs]

    return run


def _cut(model: openvino.Model) -> tuple[openvino.Model, openvino.Model | None]:
    """Cut a model before its first convolutions, into two models; one without convolutions stays whole."""
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
        # The second model takes the normalised image from the new input; sizes may still come from the old one.
        for taker in image.get_target_inputs():
            if taker.get_node().get_name() in deep:
                taker.replace_source_output(value.output(0))
    return openvino.Model(before, inputs), openvino.Model(model.get_results(), [*normalised, *inputs])


def _normalised(number: int) -> str:
    return f"normalised.{number}"


def _settings(device: str, precision: str, streams: int, threads: int) -> dict[Any, Any]:
    """Return the settings of a device; one other than the CPU chooses its number of requests itself."""
    settings = {
        properties.hint.performance_mode: properties.hint.PerformanceMode.THROUGHPUT,
        properties.hint.inference_precision: precision,
    }
    if device == "CPU":
        settings |= {properties.num_streams: streams, properties.inference_num_threads: threads}
    return settings


def _queue(compiled: Any, requests: int) -> openvino.AsyncInferQueue:
    """Return a queue of requests; 0 is the number that the device prefers."""
    queue = openvino.AsyncInferQueue(compiled, requests)
    queue.set_callback(_keep)
    return queue


def _run(queue: openvino.AsyncInferQueue, given: list[Values]) -> list[list[NDArray[np.float32]]]:
    """Run a model on each of some inputs and return its outputs, in their order."""
    results: dict[int, list[NDArray[np.float32]]] = {}
    for number, inputs in enumerate(given):
        queue.start_async(inputs, userdata=(results, number))
    queue.wait_all()
    return [results[number] for number in range(len(given))]


def _keep(request: openvino.InferRequest, target: tuple[dict[int, Any], int]) -> None:
    results, number = target
    results[number] = [tensor.data.copy() for tensor in request.output_tensors]
