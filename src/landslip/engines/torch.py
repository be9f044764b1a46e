"""PyTorch: runs the detector's own graph, operator by operator, on a GPU where there is one."""

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from landslip.detector import INPUT, OUTPUT, Detector
from landslip.engines import Precision
from landslip.engines.torch_operators import OPERATORS, Attributes
from landslip.errors import EngineError


class TorchEngine:
    """Runs images one by one on the CPU, in batches of a fixed size on a GPU; always float32."""

    name = "torch"
    version = str(torch.__version__)
    precision = "float32"

    def __init__(
        self, detector: Detector, *, height: int, width: int, precision: Precision, threads: int | None
    ) -> None:
        # float32 is also its default precision, and any height and width will do.
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.batch = 16 if self._device.type == "cuda" else 1
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
        self._nodes = [(node.op_type, list(node.input), list(node.output), _attributes(node)) for node in graph.node]

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run (n, C, h, w) float32 in physical units and give (n, h, w) float32 probability."""
        results = np.empty((len(images), *images.shape[2:]), np.float32)
        for first in range(0, len(images), self.batch):
            some = images[first : first + self.batch]
            # A batch that is not full is filled up, so that the network always runs at one shape.
            full = np.concatenate([some, np.zeros((self.batch - len(some), *some.shape[1:]), np.float32)])
            results[first : first + len(some)] = self._run(full)[: len(some)]
        return results

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        values = self._tensors | {INPUT: torch.from_numpy(batch).to(self._device)}
        with torch.inference_mode():
            for operator, inputs, outputs, attributes in self._nodes:
                given = [values[name] if name else None for name in inputs]
                values[outputs[0]] = OPERATORS[operator](given, attributes)
        probability: NDArray[np.float32] = values[OUTPUT][:, 0].cpu().numpy()
        return probability

    def _tensor(self, tensor: onnx.TensorProto) -> torch.Tensor:
        values = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        # Whole numbers are shapes and axes: they stay where Python reads them.
        return values.to(self._device) if values.is_floating_point() else values


def _attributes(node: onnx.NodeProto) -> Attributes:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
