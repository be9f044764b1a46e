"""Rate of this machine at convolutions, and the operations of a detector: how far a network is from the limit.

The rate is that of OpenVINO on a chain of 3 x 3 convolutions between 256 channels, the densest work of such networks. A
network has other layers too and cannot reach it.
"""

import os
from time import perf_counter, process_time
from typing import Final

import numpy as np
import onnx
import openvino
from onnx import helper, numpy_helper
from openvino import properties

from landslip.detector.sealed_file import INPUT

_CHANNELS: Final = 256
_SIDE: Final = 32
_LAYERS: Final = 6
_SECONDS: Final = 0.2


class ConvolutionPeak:
    """Measures the rate at convolutions in one precision.

    Args:
        precision: that the CPU must support.
        threads: all cores where None.

    Example:
        >>> ConvolutionPeak("float32").measure() > 1e9
        True
    """

    def __init__(self, precision: str, threads: int | None = None) -> None:
        self._streams = threads or os.cpu_count() or 1
        core = openvino.Core()
        model = core.read_model(_chain(quantised=precision == "int8").SerializeToString(), b"")
        self._operations = count_operations(model)
        compiled = core.compile_model(
            model,
            "CPU",
            {
                properties.hint.inference_precision: "bf16" if precision == "bfloat16" else "f32",
                properties.num_streams: self._streams,
                properties.inference_num_threads: self._streams,
            },
        )
        self._queue = openvino.AsyncInferQueue(compiled, self._streams)
        self._image = np.random.default_rng(0).uniform(0, 1, (1, _CHANNELS, _SIDE, _SIDE)).astype(np.float32)
        self._seconds(self._streams)  # warms up

    def measure(self) -> float:
        """Return operations per second of CPU time in a short round; a multiplication and an addition are two."""
        calls = max(self._streams, int(_SECONDS / max(self._seconds(self._streams), 1e-6) * self._streams))
        before = process_time()
        self._seconds(calls)
        return self._operations * calls / (process_time() - before)

    def _seconds(self, calls: int) -> float:
        start = perf_counter()
        for _ in range(calls):
            self._queue.start_async({0: self._image})
        self._queue.wait_all()
        return perf_counter() - start


def count_operations(model: openvino.Model) -> int:
    """Count the operations of the convolutions and matrix products of a model with known shapes.

    A multiplication and an addition are two operations. Other layers are not counted.
    """
    total = 0
    for node in model.get_ops():
        kind = node.get_type_name()
        if kind in ("Convolution", "GroupConvolution"):
            weights = list(node.input(1).get_shape())
            # (O, I, h, w), with groups (G, O, I, h, w): each output value is a sum over I, h and w.
            total += 2 * int(np.prod(list(node.output(0).get_shape()))) * int(np.prod(weights[-3:]))
        elif kind in ("ConvolutionBackpropData", "GroupConvolutionBackpropData"):
            weights = list(node.input(1).get_shape())
            # (I, O, h, w): each input value is spread over O, h and w.
            total += 2 * int(np.prod(list(node.input(0).get_shape()))) * int(np.prod(weights[-3:]))
        elif kind == "MatMul":
            inner = list(node.input(0).get_shape())[-2 if node.get_attributes()["transpose_a"] else -1]
            total += 2 * int(np.prod(list(node.output(0).get_shape()))) * int(inner)
    return total


def operations_of(onnx_bytes: bytes, channels: int, height: int, width: int) -> int:
    """Count the operations of a detector's graph on one image (channels, height, width).

    Example:
        >>> from landslip.detector.detector import Detector
        >>> round(operations_of(Detector.open("s2-rgb").onnx_bytes, 3, 128, 128) / 1e9, 1)
        1.8
    """
    model = openvino.Core().read_model(onnx_bytes, b"")
    model.reshape({INPUT: [1, channels, height, width]})
    return count_operations(model)


def _chain(*, quantised: bool) -> onnx.ModelProto:
    """A chain of convolutions with ReLU; with 8-bit weights and activations between them where quantised."""
    random = np.random.default_rng(0)
    nodes, tensors, value = [], [], INPUT
    scale, zero, unsigned = (np.float32(1 / 127), np.int8(0), np.uint8(0))
    tensors += [
        numpy_helper.from_array(np.asarray(one), name)
        for one, name in ((scale, "scale"), (zero, "zero"), (unsigned, "unsigned"))
    ]
    for layer in range(_LAYERS):
        weights = random.integers(-2, 3, (_CHANNELS, _CHANNELS, 3, 3)).astype(np.int8)
        if quantised:
            nodes += [
                helper.make_node("QuantizeLinear", [value, "scale", "unsigned"], [f"q{layer}"]),
                helper.make_node("DequantizeLinear", [f"q{layer}", "scale", "unsigned"], [f"d{layer}"]),
                helper.make_node("DequantizeLinear", [f"w{layer}", "scale", "zero"], [f"dw{layer}"]),
            ]
            tensors.append(numpy_helper.from_array(weights, f"w{layer}"))
            taken = [f"d{layer}", f"dw{layer}"]
        else:
            tensors.append(numpy_helper.from_array(weights.astype(np.float32) * scale, f"w{layer}"))
            taken = [value, f"w{layer}"]
        nodes.append(helper.make_node("Conv", taken, [f"c{layer}"], pads=[1, 1, 1, 1]))
        value = "probability" if layer == _LAYERS - 1 else f"r{layer}"
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [value]))
    shape = [1, _CHANNELS, _SIDE, _SIDE]
    graph = helper.make_graph(
        nodes,
        "peak",
        [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probability", onnx.TensorProto.FLOAT, shape)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
