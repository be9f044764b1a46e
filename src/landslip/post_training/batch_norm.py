"""The batch normalisation inside a graph: reads, measures and replaces the mean and variance of its layers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.post_training.composition import operator_set

OPERATOR: Final = "BatchNormalization"
_MEAN, _VARIANCE = 3, 4
"""Places among the operator's inputs."""
_PREFIX: Final = "statistics"
_AXES_AS_INPUT: Final = 18
"""Since this operator set a mean is told its axes by an input, before by an attribute."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What a layer takes off each channel, and the square of what it divides by; both (C,)."""

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]

    def towards(self, other: "Statistics", share: float) -> "Statistics":
        """These, moved towards others by a share of the way."""
        kept, taken = np.float32(1 - share), np.float32(share)
        return Statistics(
            kept * self.mean + taken * other.mean,
            kept * self.variance + taken * other.variance,
        )


def statistics_in(model: onnx.ModelProto) -> dict[str, Statistics]:
    """The statistics of each layer of batch normalisation, by the value that it gives; empty where there is none.

    A layer whose statistics the graph computes by itself is left out.
    """
    constants = _constants(model.graph)
    found = {}
    for node in _layers(model.graph):
        mean, variance = (constants.get(node.input[place]) for place in (_MEAN, _VARIANCE))
        if mean is not None and variance is not None:
            found[node.output[0]] = Statistics(mean, variance)
    return found


def measuring(model: onnx.ModelProto) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """A graph whose layers normalise by the batch that they are given, as in training, and tell by what.

    Returns:
        The graph; the layers, by the values that they give. Its outputs are mean and variance, both (1, C, 1, 1), of
        each of them in turn.
    """
    told = onnx.ModelProto()
    told.CopyFrom(model)
    graph = told.graph
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
        replaced, tells = _by_batch(node, opset)
        nodes += replaced
        shape = (1, widths[node.output[0]], 1, 1)
        outputs += [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in tells]
    del graph.node[:], graph.output[:]
    graph.node.extend(nodes)
    graph.output.extend(outputs)
    return told, tuple(widths)


def with_statistics(model: onnx.ModelProto, statistics: Mapping[str, Statistics]) -> onnx.ModelProto:
    """A model with other statistics in some of its layers; those that nothing reads any more are taken out."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = changed.graph
    for node in _layers(graph):
        layer = statistics.get(node.output[0])
        if layer is None:
            continue
        for place, what, values in ((_MEAN, "mean", layer.mean), (_VARIANCE, "variance", layer.variance)):
            name = f"{_PREFIX}.{what}.{node.output[0]}"
            # Adapted before: the same name again.
            for old in [tensor for tensor in graph.initializer if tensor.name == name]:
                graph.initializer.remove(old)
            graph.initializer.append(onnx.numpy_helper.from_array(values, name))
            node.input[place] = name
    _drop_unread(graph)
    return changed


def _layers(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    return (node for node in graph.node if node.op_type == OPERATOR)


def _constants(graph: onnx.GraphProto) -> dict[str, NDArray[np.float32]]:
    """Every stored tensor in float32, also those that are stored in half precision and cast as the graph is loaded."""
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            stored[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Cast" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    return {name: values.astype(np.float32) for name, values in stored.items()}


def _by_batch(node: onnx.NodeProto, opset: int) -> tuple[list[onnx.NodeProto], tuple[str, str]]:
    """Operators that normalise a batch by itself, and the names of its mean and variance."""
    image, scale, shift = node.input[:3]
    epsilon = next((entry.f for entry in node.attribute if entry.name == "epsilon"), 1e-5)
    made: list[onnx.NodeProto] = []

    def apply(operator: str, what: str, *inputs: str) -> str:
        name = node.output[0] if what == "normalised" else f"{_PREFIX}.{what}.{node.output[0]}"
        made.append(onnx.helper.make_node(operator, list(inputs), [name], name=name))
        return name

    def mean_of(value: str, what: str) -> str:
        if opset >= _AXES_AS_INPUT:
            return apply("ReduceMean", what, value, f"{_PREFIX}.axes")
        name = apply("ReduceMean", what, value)
        made[-1].attribute.append(onnx.helper.make_attribute("axes", [0, 2, 3]))
        return name

    tiny = f"{_PREFIX}.epsilon.{node.output[0]}"
    value = onnx.helper.make_tensor(tiny, onnx.TensorProto.FLOAT, [], [epsilon])
    made.append(onnx.helper.make_node("Constant", [], [tiny], name=tiny, value=value))
    mean = mean_of(image, "mean")
    off = apply("Sub", "off", image, mean)
    variance = mean_of(apply("Mul", "square", off, off), "variance")
    deviation = apply("Sqrt", "deviation", apply("Add", "safe", variance, tiny))
    upright = [
        apply("Reshape", what, name, f"{_PREFIX}.upright") for what, name in (("scale", scale), ("shift", shift))
    ]
    apply("Add", "normalised", apply("Mul", "scaled", apply("Div", "even", off, deviation), upright[0]), upright[1])
    return made, (mean, variance)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Take out stored tensors, and casts of stored tensors, that no node reads."""
    names = {tensor.name for tensor in graph.initializer}
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for node in [one for one in graph.node if one.op_type == "Cast" and one.input[0] in names]:
        if node.output[0] not in read:
            graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    for tensor in [one for one in graph.initializer if one.name not in read]:
        graph.initializer.remove(tensor)
