"""Export of a trained network to ONNX, with normalisation, temperature and sigmoid inside, and its checks."""

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

from landslip.detector.detector import Detector
from landslip.detector.sealed_file import INPUT, OUTPUT
from landslip.errors import RunError
from landslip.inference.engine import open_engine
from landslip.metrics.thresholds import ProbabilityHistogram, best_threshold
from landslip.post_training.batch_norm import OPERATOR
from landslip.training.networks.build import DetectorNetwork

OPSET = 18
_BATCH_SIZE = 32
MAX_DIFFERENCE = 1e-3
"""Largest difference in probability at any pixel between network and export, both in float32."""
MAX_MEAN_DIFFERENCE_HALF = 1e-3
"""Largest mean difference in probability between a graph and its half-precision storage."""
MAX_F1_DIFFERENCE_HALF = 1e-3
"""Largest difference in F1; single pixels at edges may change more, because weights are rounded."""


class ProbabilityNetwork(nn.Module):
    """A network from physical units to calibrated probability."""

    def __init__(self, network: DetectorNetwork, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, values: Tensor) -> Tensor:
        """Return probability (N, 1, H, W) for values (N, C, H, W)."""
        logits: Tensor = self.network.compute_logits(values)
        return torch.sigmoid(logits / self.temperature)


def export_graph(network: DetectorNetwork, temperature: float, channels: int) -> onnx.ModelProto:
    """Export a network as ONNX with dynamic batch, height and width.

    Args:
        network: trained.
        temperature: by which its logits are divided.
        channels: number of input channels.
    """
    whole = ProbabilityNetwork(network, temperature).eval()
    example = torch.rand(2, channels, 96, 64) * 1000
    free = torch.export.Dim.AUTO
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns about its own internals.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            whole,
            (example,),
            dynamo=True,
            # Folded into convolutions, batch normalisation could no longer be adapted (post_training/adaptation.py).
            # Engines fold it when they load a graph.
            optimize=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamic_shapes={"values": {0: free, 2: free, 3: free}},
            verbose=False,
        )
    if program is None:
        raise RunError("the network could not be exported to ONNX")
    _optimise(program.model)
    return _strip_metadata(program.model_proto)


def _optimise(model: Model) -> None:
    """Run the passes of the exporter's optimiser except the fusion of batch normalisation into convolutions."""
    fold_constants(model, onnx_shape_inference=True)
    RewritePass((fuse_pad_into_conv_rule, remove_optional_bias_from_conv_rule))(model)
    RemoveUnusedNodesPass()(model)
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    DeduplicateInitializersPass()(model)
    CommonSubexpressionEliminationPass()(model)


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 tensors as float16, each followed by a cast to float32.

    Engines evaluate the casts once when they load the graph, so computation stays in float32.
    """
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    casts = []
    # A variance may overflow float16; all batch-norm tensors together are 1 % of the file.
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


def check_parity(network: DetectorNetwork, detector: Detector, values: NDArray[np.float32]) -> float:
    """Compare network and exported detector in float32; returns the largest difference in probability.

    Raises:
        RunError: it is larger than ``MAX_DIFFERENCE``.
    """
    whole = ProbabilityNetwork(network, detector.card.temperature).eval()
    with torch.inference_mode():
        parts = [whole(part).squeeze(1) for part in torch.from_numpy(values).split(_BATCH_SIZE)]
    difference = float(np.abs(_run(detector, values) - torch.cat(parts).numpy()).max())
    if not difference <= MAX_DIFFERENCE:
        raise RunError(
            f"the exported detector differs from its network by {difference:.2g} in probability "
            f"(allowed: {MAX_DIFFERENCE:g}), so it is not written"
        )
    return difference


def check_storage(
    whole: Detector, half: Detector, values: NDArray[np.float32], masks: NDArray[np.uint8]
) -> tuple[float, float]:
    """Compare a detector with its half-precision storage; returns the mean difference in probability and that in F1.

    Raises:
        RunError: one of them is larger than allowed.
    """
    remedy = "set detector.half_precision_storage to false in the recipe"
    before, after = (_run(detector, values) for detector in (whole, half))
    mean = _mean_difference(before, after, remedy)
    counts, counts_half = (ProbabilityHistogram.of(probability, masks) for probability in (before, after))
    threshold = best_threshold([counts])
    f1 = abs(counts_half.at(threshold).f1 - counts.at(threshold).f1)
    if not f1 <= MAX_F1_DIFFERENCE_HALF:
        raise RunError(f"half-precision storage changes F1 by {f1:.2g} (allowed: {MAX_F1_DIFFERENCE_HALF:g}): {remedy}")
    return mean, f1


def check_mean_difference(whole: Detector, half: Detector, values: NDArray[np.float32], *, remedy: str) -> float:
    """Compare a detector with its half-precision storage; returns the mean difference in probability.

    Raises:
        RunError: it is larger than allowed.
    """
    return _mean_difference(_run(whole, values), _run(half, values), remedy)


def _mean_difference(before: NDArray[np.float32], after: NDArray[np.float32], remedy: str) -> float:
    mean = float(np.abs(after - before).mean())
    if not mean <= MAX_MEAN_DIFFERENCE_HALF:
        raise RunError(
            f"half-precision storage changes the probability by {mean:.2g} on average "
            f"(allowed: {MAX_MEAN_DIFFERENCE_HALF:g}): {remedy}"
        )
    return mean


def _run(detector: Detector, values: NDArray[np.float32]) -> NDArray[np.float32]:
    engine = open_engine(detector, height=values.shape[2], width=values.shape[3])
    return engine(values)


def _strip_metadata(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove the exporter's metadata, such as the source code paths of each node."""
    stripped = onnx.ModelProto()
    stripped.CopyFrom(model)
    del stripped.metadata_props[:]
    stripped.ClearField("doc_string")
    del stripped.graph.metadata_props[:]
    del stripped.graph.value_info[:]
    for node in stripped.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in [*stripped.graph.input, *stripped.graph.output]:
        del value.metadata_props[:]
    return stripped
