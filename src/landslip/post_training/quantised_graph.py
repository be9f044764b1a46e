"""Quantisation of an ONNX graph with QuantizeLinear and DequantizeLinear nodes (QDQ), by ONNX Runtime's quantiser.

The operators are standard ones: a QDQ graph gives the same values, to rounding, in an engine that computes in float.
Weights are int8, symmetric, one scale per output channel; activations are uint8, one scale and zero point per tensor.
"""

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.sealed_file import INPUT
from landslip.errors import DetectorError, MissingExtraError
from landslip.files.progress import Progress, no_progress, track
from landslip.post_training.composition import operator_set

LAYERS: Final = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""Operators with weights, which take almost all of the time."""
_BETWEEN: Final = ("Add", "Concat", "Resize", "MaxPool", "Relu", "Clip")
"""Operators that pass 8-bit values on between layers."""
_OLDEST_OPSET: Final = 13
"""Since this operator set QuantizeLinear has one scale per channel."""


class QuantisableGraph:
    """A graph in float, with its batch normalisation folded, that can be quantised in part.

    The first and the last layer on every path stay in float: normalisation before, temperature and sigmoid after them
    never meet 8-bit values.

    Args:
        model: of a detector; it is not changed.
        name: of the detector, for error messages.

    Raises:
        DetectorError: there is no layer between the first and the last, or the graph cannot be converted.
        MissingExtraError: ONNX Runtime is not installed.

    Attributes:
        layers: names of the layers that can be quantised, by the names of their nodes.
        outer: names of the first and last layers, in the same way.
        model: the graph in float, folded.
    """

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        self.model = _fold(model, name)
        self._ranges: Any = None
        weights = {tensor.name for tensor in self.model.graph.initializer}
        nodes = list(self.model.graph.node)
        found = {node.name: node for node in nodes if node.op_type in LAYERS and node.input[1] in weights}
        after = _reached(nodes, found)
        before = _reached(_reversed(nodes), found)
        inner = {key for key in found if key in after and key in before}
        self.layers = {key: _layer_name(node) for key, node in found.items() if key in inner}
        self.outer = {key: _layer_name(node) for key, node in found.items() if key not in inner}
        if not self.layers:
            raise DetectorError(
                f"{name} cannot be quantised: it has no layer between its first and its last", parameter="detector"
            )
        # Between the layers only: sizes, normalisation and temperature are computed by the same operators.
        self._between = [
            node.name for node in nodes if node.op_type in _BETWEEN and node.name in after and node.name in before
        ]

    def calibrate(self, images: Sequence[NDArray[np.float32]], progress: Progress = no_progress) -> None:
        """Measure the range of every activation.

        Args:
            images: (C, H, W) in physical units.
            progress: told of images.
        """
        from onnxruntime.quantization import CalibrationMethod, create_calibrator  # noqa: PLC0415 - optional
        from onnxruntime.quantization.calibrate import CalibrationDataReader  # noqa: PLC0415

        class Images(CalibrationDataReader):  # type: ignore[misc] # untyped
            def __init__(self) -> None:
                self.images = track(images, progress, "measuring activations")

            def get_next(self) -> dict[str, NDArray[np.float32]] | None:
                image = next(self.images, None)
                return None if image is None else {INPUT: image[None]}

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "graph.onnx"
            onnx.save_model(self.model, path)
            calibrator = create_calibrator(
                path,
                [*LAYERS, *_BETWEEN],
                augmented_model_path=str(Path(folder) / "augmented.onnx"),
                calibrate_method=CalibrationMethod.MinMax,
            )
            calibrator.collect_data(Images())
            self._ranges = calibrator.compute_data()

    def quantise(self, layers: Collection[str]) -> onnx.ModelProto:
        """Return the graph with some layers in int8; ``calibrate`` comes first.

        Args:
            layers: names of nodes, from ``layers``.
        """
        from onnxruntime.quantization import QuantType  # noqa: PLC0415 - optional
        from onnxruntime.quantization.qdq_quantizer import QDQQuantizer  # noqa: PLC0415

        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        quantiser = QDQQuantizer(
            model=copy,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=[*layers, *self._between],
            nodes_to_exclude=[],
            op_types_to_quantize=[*LAYERS, *_BETWEEN],
            extra_options={},
        )
        quantiser.quantize_model()
        quantiser.model.topological_sort()
        return _clean(quantiser.model.model)


def _fold(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Fold batch normalisation, constants and the casts of tensors stored as float16, and infer shapes."""
    try:
        import onnxruntime  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingExtraError("quantisation needs ONNX Runtime: pip install 'landslip[edge]'") from error
    try:
        if operator_set(model) < _OLDEST_OPSET:
            model = onnx.version_converter.convert_version(model, _OLDEST_OPSET)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "folded.onnx"
            settings = onnxruntime.SessionOptions()
            settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            settings.optimized_model_filepath = str(path)
            settings.log_severity_level = 4
            onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
            folded = onnx.load_model(path)
    # The errors of ONNX Runtime share no base class but Exception.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise DetectorError(f"{name} cannot be quantised ({reason})", parameter="detector") from error
    for number, node in enumerate(folded.graph.node):
        node.name = node.name or f"node.{number}"
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(_clean(folded))
    # The quantiser looks for this entry, and would infer the shapes again.
    onnx.helper.set_model_props(inferred, {"onnx.infer": "onnxruntime.quant"})
    return inferred


def _clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove inferred shapes, metadata, unused tensors and unused operator sets."""
    graph = model.graph
    used = {name for node in graph.node for name in node.input}
    for tensor in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(tensor)
    for entry in [one for one in model.opset_import if one.domain not in ("", "ai.onnx")]:
        model.opset_import.remove(entry)
    del graph.value_info[:], model.metadata_props[:]
    return model


def _reached(nodes: Iterable[onnx.NodeProto], sources: Collection[str]) -> set[str]:
    """Names of the nodes that take, directly or not, the output of a source."""
    values: set[str] = set()
    reached: set[str] = set()
    for node in nodes:
        takes = any(name in values for name in node.input)
        if takes:
            reached.add(node.name)
        if takes or node.name in sources:
            values.update(node.output)
    return reached


def _reversed(nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The same graph with the direction of every edge reversed."""
    for node in reversed(nodes):
        yield onnx.NodeProto(name=node.name, input=node.output, output=node.input)


def _layer_name(node: onnx.NodeProto) -> str:
    """Name a layer by its weights, which exporters name after the module."""
    return str(node.input[1].removeprefix("ConvBnFusion_W_").removesuffix(".weight"))
