"""The batch normalisation layers of a graph: read, measure and replace their mean and variance."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.post_training.composition import operator_set

OPERATOR: Final = "BatchNormalization"
MEAN, VARIANCE = 3, 4
"""Indices among the inputs of the operator."""
_PREFIX: Final = "statistics"
_AXES_AS_INPUT: Final = 18
"""Since this operator set ReduceMean takes its axes as an input, before as an attribute."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Mean and variance of a layer, both (C,)."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    def interpolate(self, other: "Statistics", weight: float) -> "Statistics":
        """Return (1 - weight) * self + weight * other."""
        kept, taken = np.float32(1 - weight), np.float32(weight)
        return Statistics(kept * self.mean + taken * other.mean, kept * self.variance + taken * other.variance)


def tensors_in(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """Return every stored tensor of a graph in float32, including float16 tensors that a Cast node converts."""
    graph = model.graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            stored[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Cast" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    return {name: values.astype(np.float32) for name, values in stored.items()}


def statistics_in(model: onnx.ModelProto) -> dict[str, Statistics]:
    """Return the statistics of each batch normalisation layer by the name of its output.

    Layers whose statistics are computed inside the graph are left out.
    """
    constants = tensors_in(model)
    found = {}
    for node in _layers(model.graph):
        mean, variance = (constants.get(node.input[index]) for index in (MEAN, VARIANCE))
        if mean is not None and variance is not None:
            found[node.output[0]] = Statistics(mean, variance)
    return found


def measuring_graph(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Build a graph whose layers normalise by the statistics of the batch, as in training, and return these.

    Returns:
        The graph, and the layers by the names of their outputs. The outputs of the graph are mean and variance, both
        (1, C, 1, 1), of each layer in turn.
    """
    measuring = onnx.ModelProto()
    measuring.CopyFrom(model)
    graph = measuring.graph
    widths = {layer: found.mean.size for layer, found in statistics_in(model).items()}
    opset = operator_set(model)
    constants = {"axes": np.array([0, 2, 3], np.int64), "upright": np.array([1, -1, 1, 1], np.int64)}
    graph.initializer.extend(
        onnx.numpy_helper.from_array(values, f"{_PREFIX}.{name}") for name, values in constants.items()
    )
    nodes: list[onnx.NodeProto] = []
    outputs: list[onnx.ValueInfoProto] = []
    for node in graph.node:
        if node.op_type != OPERATOR or node.output[0] not in widths:
            nodes.append(node)
            continue
        replaced, measured = _normalise_by_batch(node, opset)
        nodes += replaced
        shape = (1, widths[node.output[0]], 1, 1)
        outputs += [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in measured]
    del graph.node[:], graph.output[:]
    graph.node.extend(nodes)
    graph.output.extend(outputs)
    return measuring, tuple(widths)


def with_statistics(model: onnx.ModelProto, statistics: Mapping[str, Statistics]) -> onnx.ModelProto:
    """Return a model with other statistics in some of its layers; tensors that become unused are removed."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    for node in _layers(graph):
        layer = statistics.get(node.output[0])
        if layer is None:
            continue
        for index, what, values in ((MEAN, "mean", layer.mean), (VARIANCE, "variance", layer.variance)):
            name = f"{_PREFIX}.{what}.{node.output[0]}"
            # A model that was adapted before has a tensor of this name.
            for old in [tensor for tensor in graph.initializer if tensor.name == name]:
                graph.initializer.remove(old)
            graph.initializer.append(onnx.numpy_helper.from_array(values, name))
            node.input[index] = name
    remove_unused(graph)
    return changed


def _layers(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    return (node for node in graph.node if node.op_type == OPERATOR)


def _normalise_by_batch(node: onnx.NodeProto, opset: int) -> tuple[list[onnx.NodeProto], tuple[str, str]]:
    """Nodes that normalise a batch by its own statistics, and the names of mean and variance."""
    image, scale, shift = node.input[:3]
    epsilon = next((entry.f for entry in node.attribute if entry.name == "epsilon"), 1e-5)
    nodes: list[onnx.NodeProto] = []

    def apply(operator: str, what: str, *inputs: str) -> str:
        name = node.output[0] if what == "normalised" else f"{_PREFIX}.{what}.{node.output[0]}"
        nodes.append(onnx.helper.make_node(operator, list(inputs), [name], name=name))
        return name

    def mean_of(value: str, what: str) -> str:
        if opset >= _AXES_AS_INPUT:
            return apply("ReduceMean", what, value, f"{_PREFIX}.axes")
        name = apply("ReduceMean", what, value)
        nodes[-1].attribute.append(onnx.helper.make_attribute("axes", [0, 2, 3]))
        return name

    tiny = f"{_PREFIX}.epsilon.{node.output[0]}"
    value = onnx.helper.make_tensor(tiny, onnx.TensorProto.FLOAT, [], [epsilon])
    nodes.append(onnx.helper.make_node("Constant", [], [tiny], name=tiny, value=value))
    mean = mean_of(image, "mean")
    centred = apply("Sub", "off", image, mean)
    variance = mean_of(apply("Mul", "square", centred, centred), "variance")
    deviation = apply("Sqrt", "deviation", apply("Add", "safe", variance, tiny))
    factor, offset = (
        apply("Reshape", what, name, f"{_PREFIX}.upright") for what, name in (("scale", scale), ("shift", shift))
    )
    apply("Add", "normalised", apply("Mul", "scaled", apply("Div", "even", centred, deviation), factor), offset)
    return nodes, (mean, variance)


def remove_unused(graph: onnx.GraphProto) -> None:
    """Remove stored tensors, and casts of stored tensors, that no node reads."""
    names = {tensor.name for tensor in graph.initializer}
    used = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for node in [one for one in graph.node if one.op_type == "Cast" and one.input[0] in names]:
        if node.output[0] not in used:
            graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in [one for one in graph.initializer if one.name not in used]:
        graph.initializer.remove(tensor)
