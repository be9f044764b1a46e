"""PyTorch: runs the detector's own graph, operator by operator, on a GPU where there is one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from landslip.detector.detector import INPUT, OUTPUT, Detector
from landslip.errors import EngineError
from landslip.inference.engine import Precision
from landslip.inference.torch_operators import OPERATORS, Attributes


class TorchEngine:
    """Runs images in batches of a fixed size; always float32."""

    name = "torch"
    version = str(torch.__version__)
    precision = "float32"

    def __init__(
        self, detector: Detector, *, height: int, width: int, precision: Precision, threads: int | None
    ) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batch = 16 if self._device.type == "cuda" else 4
        if threads:
            torch.set_num_threads(threads)
        graph = onnx.load_model_from_string(detector.onnx_bytes).graph
        unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS))
        if unknown:
            raise EngineError(
                f"the torch engine does not know the operators {', '.join(unknown)} of {detector.card.name}: "
                "use --engine openvino or onnxruntime"
            )
        self._tensors = {tensor.name: self._tensor(tensor) for tensor in graph.initializer}
        self._nodes: list[_Node] = []
        for node in graph.node:
            self._add(_Node(node.op_type, tuple(node.input), node.output[0], _attributes(node)))

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, h, w) float32 probability."""
        results = np.empty((len(images), *images.shape[2:]), np.float32)
        for first in range(0, len(images), self.batch):
            some = images[first : first + self.batch]
            # A batch that is not full is filled up, so that the network always runs at one shape.
            full = np.concatenate([some, np.zeros((self.batch - len(some), *some.shape[1:]), np.float32)])
            results[first : first + len(some)] = self._run(full)[: len(some)]
        return results

    def _add(self, node: "_Node") -> None:
        """Take a node of the graph; one that hangs on no image, such as a cast of weights, is done with now."""
        if all(name in self._tensors for name in node.inputs if name):
            with torch.inference_mode():
                self._tensors[node.output] = node.run(self._tensors)
        else:
            self._nodes.append(node)

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        values = self._tensors | {INPUT: torch.from_numpy(batch).to(self._device)}
        with torch.inference_mode():
            for node in self._nodes:
                values[node.output] = node.run(values)
        probability: NDArray[np.float32] = values[OUTPUT][:, 0].cpu().numpy()
        return probability

    def _tensor(self, tensor: onnx.TensorProto) -> torch.Tensor:
        values = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        # Whole numbers are shapes and axes: they stay where Python reads them.
        return values.to(self._device) if values.is_floating_point() else values


@dataclass(frozen=True, slots=True)
class _Node:
    """One operator of the graph, with the names of what it takes and gives."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Attributes

    def run(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        given = [values[name] if name else None for name in self.inputs]
        return OPERATORS[self.operator](given, self.attributes)


def _attributes(node: onnx.NodeProto) -> Attributes:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
