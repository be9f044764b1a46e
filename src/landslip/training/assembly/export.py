"""From a trained network to an ONNX graph: normalisation, temperature and sigmoid inside, parity checked."""

import logging
import warnings

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx_ir import Model
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    DeduplicateInitializersPass,
    LiftConstantsToInitializersPass,
    RemoveUnusedNodesPass,
)
from onnxscript.optimizer import fold_constants
from onnxscript.rewriter import RewritePass
from onnxscript.rewriter.rules.common import fuse_pad_into_conv_rule, remove_optional_bias_from_conv_rule
from torch import Tensor, nn

from landslip.detector.detector import INPUT, OUTPUT, Detector
from landslip.errors import RunError
from landslip.inference.engine import open_engine
from landslip.metrics.counts import LevelCounts, best_threshold
from landslip.post_training.batch_norm import OPERATOR
from landslip.training.networks.build import DetectingNetwork

OPSET = 18
_BATCH = 32
LARGEST_DIFFERENCE = 1e-3
"""In probability at any pixel, between the network and its export, both in float32."""
LARGEST_MEAN_DIFFERENCE_HALF = 1e-3
"""In probability on average over pixels, between a graph and its half precision storage ..."""
LARGEST_F1_DIFFERENCE_HALF = 1e-3
"""... and in F1. A single pixel may change more: a rounded weight moves an edge here and there."""


class ProbabilityNetwork(nn.Module):
    """The whole way from physical units to a calibrated probability."""

    def __init__(self, network: DetectingNetwork, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, values: Tensor) -> Tensor:
        """Probability (N, 1, H, W) for values (N, C, H, W)."""
        logits: Tensor = self.network.whole(values)
        return torch.sigmoid(logits / self.temperature)


def export_graph(network: DetectingNetwork, temperature: float, channels: int) -> onnx.ModelProto:
    """Export a network as ONNX with dynamic batch, height and width.

    Args:
        network: trained.
        temperature: by which its logits are divided.
        channels: how many it takes.
    """
    whole = ProbabilityNetwork(network, temperature).eval()
    example = torch.rand(2, channels, 96, 64) * 1000
    free = torch.export.Dim.AUTO
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns about its own insides.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            whole,
            (example,),
            dynamo=True,
            # Folded into convolutions, batch normalisation could not be adapted to a place any more
            # (finishing/adapt.py). Engines fold it themselves as they load a graph.
            optimize=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamic_shapes={"values": {0: free, 2: free, 3: free}},
            verbose=False,
        )
    if program is None:
        raise RunError("the network could not be exported to ONNX")
    _tidy(program.model)
    return _bare(program.model_proto)


def _tidy(model: Model) -> None:
    """What the exporter's own optimiser does, but for folding batch normalisation into convolutions."""
    fold_constants(model, onnx_shape_inference=True)
    RewritePass((fuse_pad_into_conv_rule, remove_optional_bias_from_conv_rule))(model)
    RemoveUnusedNodesPass()(model)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    DeduplicateInitializersPass()(model)
    CommonSubexpressionEliminationPass()(model)


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Keep the large float32 tensors in half precision, each followed by a cast to float32.

    Engines do the casts once, as they load the graph, so nothing but the file changes: arithmetic stays float32.
    """
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    casts = []
    # A variance may be beyond what half precision holds; those of all layers are a hundredth of the file.
    exact = {name for node in stored.graph.node if node.op_type == OPERATOR for name in node.input[1:]}
    for tensor in stored.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 256 or tensor.name in exact:
            continue
        short = f"{tensor.name}.half"
        casts.append(onnx.helper.make_node("Cast", [short], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), short))
    nodes = [*casts, *stored.graph.node]
    del stored.graph.node[:]
    stored.graph.node.extend(nodes)
    return stored


def check_parity(network: DetectingNetwork, detector: Detector, values: NDArray[np.float32]) -> float:
    """Run network and exported detector side by side in float32; gives the largest difference in probability.

    Raises:
        RunError: they differ by more than is allowed.
    """
    whole = ProbabilityNetwork(network, detector.card.temperature).eval()
    with torch.inference_mode():
        parts = [whole(part).squeeze(1) for part in torch.from_numpy(values).split(_BATCH)]
    difference = float(np.abs(_run(detector, values) - torch.cat(parts).numpy()).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise RunError(
            f"the exported detector differs from its network by {difference:.2g} in probability, "
            f"{LARGEST_DIFFERENCE:g} is allowed: it is not written"
        )
    return difference


def check_storage(
    whole: Detector, half: Detector, values: NDArray[np.float32], masks: NDArray[np.uint8]
) -> tuple[float, float]:
    """Run a detector and its half precision storage side by side; gives mean difference in probability and in F1.

    Raises:
        RunError: they differ by more than is allowed.
    """
    remedy = "set detector.half_precision_storage to false in the recipe"
    before, after = (_run(detector, values) for detector in (whole, half))
    mean = _mean_difference(before, after, remedy)
    counts, counts_half = (LevelCounts.of(probability, masks) for probability in (before, after))
    threshold = best_threshold([counts])
    f1 = abs(counts_half.at(threshold).f1 - counts.at(threshold).f1)
    if not f1 <= LARGEST_F1_DIFFERENCE_HALF:
        raise RunError(f"stored in half precision the detector differs by {f1:.2g} in F1: {remedy}")
    return mean, f1


def check_mean_difference(whole: Detector, half: Detector, values: NDArray[np.float32], *, remedy: str) -> float:
    """Run a detector and its half precision storage side by side; gives the mean difference in probability.

    Raises:
        RunError: it is more than is allowed.
    """
    return _mean_difference(_run(whole, values), _run(half, values), remedy)


def _mean_difference(before: NDArray[np.float32], after: NDArray[np.float32], remedy: str) -> float:
    mean = float(np.abs(after - before).mean())
    if not mean <= LARGEST_MEAN_DIFFERENCE_HALF:
        raise RunError(
            f"stored in half precision the detector differs by {mean:.2g} in mean probability, "
            f"{LARGEST_MEAN_DIFFERENCE_HALF:g} is allowed: {remedy}"
        )
    return mean


def _run(detector: Detector, values: NDArray[np.float32]) -> NDArray[np.float32]:
    engine = open_engine(detector, height=values.shape[2], width=values.shape[3])
    return engine(values)


def _bare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop the exporter's notes: where in whose source code each node came from is nobody's business."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.metadata_props[:]
    bare.ClearField("doc_string")
    del bare.graph.metadata_props[:]
    del bare.graph.value_info[:]
    for node in bare.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in [*bare.graph.input, *bare.graph.output]:
        del value.metadata_props[:]
    return bare
