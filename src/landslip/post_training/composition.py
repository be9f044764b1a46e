"""Puts ONNX graphs together: whole networks as parts, a few operators between them, every name kept apart."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray

from landslip.detector.sealed_file import INPUT, OUTPUT


@dataclass(slots=True)
class Composition:
    """A graph in the making. Values are known by their names; each method gives the name of what it adds."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    tensors: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def tensor(self, name: str, values: NDArray[np.generic]) -> str:
        """Keep a constant under a name; the same name again is the same constant."""
        self.tensors.setdefault(name, onnx.numpy_helper.from_array(values, name))
        return name

    def number(self, name: str, value: float) -> str:
        """Keep a single float32 under a name."""
        return self.tensor(name, np.array(value, np.float32))

    def whole_numbers(self, *numbers: int) -> str:
        """A constant list of whole numbers, as shapes and axes are given."""
        name = "whole." + "_".join(map(str, numbers))
        return self.tensor(name, np.array(numbers, np.int64))

    def apply(self, operator: str, *inputs: str, **attributes: int | list[int]) -> str:
        """Apply a standard operator."""
        name = f"joint.{len(self.nodes)}"
        node = onnx.helper.make_node(operator, list(inputs), [name], name=name)
        node.attribute.extend(onnx.helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def insert(self, part: onnx.GraphProto, member: str, turn: str, image: str) -> str:
        """Run a whole network on a value; gives its output.

        Weights, and what is computed from weights alone, are kept once a member, however often it runs.

        Args:
            part: graph of a detector; it is not changed.
            member: name of the network, a prefix of its weights.
            turn: name of this run of it, a prefix of its values.
            image: the value that takes the place of its input.
        """
        weights = {tensor.name: tensor for tensor in part.initializer}
        # Some tools write a small weight as an operator that takes nothing.
        weights |= {node.output[0]: node.attribute[0].t for node in part.node if _is_weight(node)}
        constant = set(weights)
        moved: list[onnx.NodeProto] = []
        kept: list[onnx.NodeProto] = []
        for node in part.node:
            if _is_weight(node):
                continue
            # A node with graphs inside may look at values that its inputs do not name.
            fixed = set(node.input) <= constant | {""} and not any(a.HasField("g") or a.graphs for a in node.attribute)
            if fixed:
                constant.update(node.output)
            (kept if fixed else moved).append(node)

        def renamed(name: str) -> str:
            if name == INPUT:
                return image
            return f"{member}.{name}" if name in constant else f"{member}.{turn}.{name}"

        for name, tensor in weights.items():
            if renamed(name) not in self.tensors:
                copy = onnx.TensorProto()
                copy.CopyFrom(tensor)
                copy.name = renamed(name)
                self.tensors[copy.name] = copy
        there = {name for node in self.nodes for name in node.output}
        self.nodes += _renamed((node for node in kept if renamed(node.output[0]) not in there), renamed)
        self.nodes += _renamed(moved, renamed)
        return renamed(OUTPUT)

    def mean(self, values: Sequence[str]) -> str:
        """The mean of values of one shape; of equal values exactly the same where their number is a power of two."""
        if len(values) == 1:
            return values[0]
        sums = list(values)
        while len(sums) > 1:
            pairs = [self.apply("Add", *sums[at : at + 2]) for at in range(0, len(sums) - 1, 2)]
            sums = pairs + sums[2 * len(pairs) :]
        share = self.number(f"share.{len(values)}", 1 / len(values))
        return self.apply("Mul", sums[0], share)

    def model(self, output: str, channels: int, opset: int, ir_version: int) -> onnx.ModelProto:
        """The finished model, from ``input`` (N, C, H, W) to ``probability`` (N, 1, H, W), sizes free but C."""
        last = onnx.helper.make_node("Identity", [output], [OUTPUT], name=OUTPUT)
        given, gives = (
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", layers, "H", "W"])
            for name, layers in ((INPUT, channels), (OUTPUT, 1))
        )
        graph = onnx.helper.make_graph([*self.nodes, last], "ensemble", [given], [gives], list(self.tensors.values()))
        return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=ir_version)


def operator_set(model: onnx.ModelProto) -> int:
    """Which version of the standard operators a model is written in."""
    return next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))


def _is_weight(node: onnx.NodeProto) -> bool:
    return node.op_type == "Constant" and node.attribute[0].name == "value"


def _renamed(nodes: Iterable[onnx.NodeProto], renamed: Callable[[str], str]) -> list[onnx.NodeProto]:
    """Copies of nodes with every name inside them renamed; a name left out stays out."""
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.name = renamed(node.name) if node.name else ""
        copy.input[:] = [renamed(name) if name else "" for name in node.input]
        copy.output[:] = [renamed(name) if name else "" for name in node.output]
        for attribute in copy.attribute:
            if attribute.HasField("g"):
                _rename_inside(attribute.g, renamed)
            for graph in attribute.graphs:
                _rename_inside(graph, renamed)
        copies.append(copy)
    return copies


def _rename_inside(graph: onnx.GraphProto, renamed: Callable[[str], str]) -> None:
    """Rename a graph inside a node (a branch, a loop), in place."""
    nodes = _renamed(graph.node, renamed)
    del graph.node[:]
    graph.node.extend(nodes)
    for value in [*graph.input, *graph.output, *graph.value_info]:
        value.name = renamed(value.name)
    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)
