"""Composition of ONNX graphs: networks as building blocks, operators between them, unique names throughout."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.sealed_file import INPUT, OUTPUT


@dataclass(slots=True)
class Composition:
    """A graph under construction; values are referred to by name, and each method returns the name of what it adds."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def tensor(self, name: str, values: NDArray[np.generic]) -> str:
        """Add a constant; an existing name is kept."""
        self.tensors.setdefault(name, onnx.numpy_helper.from_array(values, name))
        return name

    def number(self, name: str, value: float) -> str:
        """Add a scalar float32 constant."""
        return self.tensor(name, np.array(value, np.float32))

    def integers(self, *numbers: int) -> str:
        """Add a constant list of integers, such as a shape or axes."""
        return self.tensor("whole." + "_".join(map(str, numbers)), np.array(numbers, np.int64))

    def apply(self, operator: str, *inputs: str, **attributes: int | list[int]) -> str:
        """Apply a standard operator."""
        name = f"joint.{len(self.nodes)}"
        node = onnx.helper.make_node(operator, list(inputs), [name], name=name)
        node.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def insert(self, part: onnx.GraphProto, member: str, run: str, image: str) -> str:
        """Run a network on a value; returns its output.

        Weights, and values computed from weights only, are stored once per member, however often it runs.

        Args:
            part: graph of a detector; it is not changed.
            member: name of the network, a prefix of its weights.
            run: name of this run, a prefix of its values.
            image: value that replaces the graph's input.
        """
        weights = {tensor.name: tensor for tensor in part.initializer}
        # Some exporters store small weights as Constant operators.
        weights |= {node.output[0]: node.attribute[0].t for node in part.node if _is_weight(node)}
        constant = set(weights)
        per_run: list[onnx.NodeProto] = []
        per_member: list[onnx.NodeProto] = []
        for node in part.node:
            if _is_weight(node):
                continue
            # A node with subgraphs may read values that its inputs do not name.
            fixed = set(node.input) <= constant | {""} and not any(a.HasField("g") or a.graphs for a in node.attribute)
            if fixed:
                constant.update(node.output)
            (per_member if fixed else per_run).append(node)

        def renamed(name: str) -> str:
            if name == INPUT:
                return image
            return f"{member}.{name}" if name in constant else f"{member}.{run}.{name}"

        for name, tensor in weights.items():
            if renamed(name) not in self.tensors:
                copy = onnx.TensorProto()
                copy.CopyFrom(tensor)
                copy.name = renamed(name)
                self.tensors[copy.name] = copy
        existing = {name for node in self.nodes for name in node.output}
        self.nodes += _rename((node for node in per_member if renamed(node.output[0]) not in existing), renamed)
        self.nodes += _rename(per_run, renamed)
        return renamed(OUTPUT)

    def mean(self, values: Sequence[str]) -> str:
        """Average values of one shape; exact for equal values where their number is a power of two."""
        if len(values) == 1:
            return values[0]
        sums = list(values)
        while len(sums) > 1:
            pairs = [self.apply("Add", *sums[at : at + 2]) for at in range(0, len(sums) - 1, 2)]
            sums = pairs + sums[2 * len(pairs) :]
        return self.apply("Mul", sums[0], self.number(f"share.{len(values)}", 1 / len(values)))

    def model(self, output: str, channels: int, opset: int, ir_version: int) -> onnx.ModelProto:
        """Return the model from ``input`` (N, C, H, W) to ``probability`` (N, 1, H, W), all sizes but C dynamic."""
        last = onnx.helper.make_node("Identity", [output], [OUTPUT], name=OUTPUT)
        source, target = (
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", layers, "H", "W"])
            for name, layers in ((INPUT, channels), (OUTPUT, 1))
        )
        tensors = list(self.tensors.values())
        graph = onnx.helper.make_graph([*self.nodes, last], "ensemble", [source], [target], tensors)
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=ir_version)


def operator_set(model: onnx.ModelProto) -> int:
    """Return the version of the standard operator set of a model."""
    return next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _is_weight(node: onnx.NodeProto) -> bool:
    return node.op_type == "Constant" and node.attribute[0].name == "value"


def _rename(nodes: Iterable[onnx.NodeProto], renamed: Callable[[str], str]) -> list[onnx.NodeProto]:
    """Copy nodes with every name inside them renamed; omitted inputs stay omitted."""
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.name = renamed(node.name) if node.name else ""
        copy.input[:] = [renamed(name) if name else "" for name in node.input]
        copy.output[:] = [renamed(name) if name else "" for name in node.output]
        for attribute in copy.attribute:
            if attribute.HasField("g"):
                _rename_subgraph(attribute.g, renamed)
            for graph in attribute.graphs:
                _rename_subgraph(graph, renamed)
        copies.append(copy)
    return copies


def _rename_subgraph(graph: onnx.GraphProto, renamed: Callable[[str], str]) -> None:
    """Rename a graph inside a node (a branch or loop body) in place."""
    nodes = _rename(graph.node, renamed)
    del graph.node[:]
    graph.node.extend(nodes)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        value.name = renamed(value.name)
    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)
