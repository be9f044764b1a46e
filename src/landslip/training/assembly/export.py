"""Export of a trained network to ONNX, with normalisation, temperature and sigmoid inside, and its checks."""

import copy
import logging
import warnings
from typing import Any, Final, NamedTuple

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
from landslip.training.networks.same_padding import with_constant_padding

OPSET: Final = 18
_BATCH_SIZE: Final = 16
MAX_DIFFERENCE: Final = 1e-3
"""Largest difference in probability at any pixel between network and export that is allowed for every network."""
ROUNDING_MULTIPLE: Final = 8.0
"""Allowed multiple of the network's own rounding error (float32 against float64); 3 was measured between engines."""
MEAN_FLOOR: Final = 1e-5
"""Mean difference in probability that is allowed for every network with a larger rounding error at single pixels."""
_WORST_IMAGES: Final = 32
"""Images with the largest differences, on which the rounding error is measured; float64 is slow."""
MAX_MEAN_DIFFERENCE_HALF: Final = 1e-3
"""Largest mean difference in probability between a graph and its half-precision storage."""
MAX_F1_DIFFERENCE_HALF: Final = 1e-3
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
    whole = ProbabilityNetwork(with_constant_padding(network), temperature).eval()
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


class Rounding(NamedTuple):
    """Difference in probability between the float32 and the float64 evaluation of a network, on the same images."""

    largest: float
    mean: float


class Parity(NamedTuple):
    """The result of comparing a network with its export."""

    difference: float
    """Largest difference in probability at any pixel; to the float64 network where ``rounding`` was measured."""
    rounding: Rounding | None = None
    """Rounding error of the network; None where float32 network and export agree to ``MAX_DIFFERENCE``."""

    @property
    def allowed(self) -> float:
        """Largest difference in probability that two correct float32 evaluations of the network may have."""
        own = 0.0 if self.rounding is None else ROUNDING_MULTIPLE * self.rounding.largest
        return max(MAX_DIFFERENCE, own)


def check_parity(network: DetectorNetwork, detector: Detector, values: NDArray[np.float32]) -> Parity:
    """Compare a network with its export.

    Where both differ by more than ``MAX_DIFFERENCE``, the export is compared with the network in float64, and may
    differ from it by ``ROUNDING_MULTIPLE`` times the rounding error of the float32 network: large logits make any two
    float32 evaluations of a network differ at single pixels. The mean difference is limited in the same way, so that
    a wrong export is found for any network.

    Args:
        network: trained, in evaluation mode.
        detector: its export, in float32.
        values: (N, C, H, W) images in DN, degrees and metres.

    Raises:
        RunError: the export differs by more.
    """
    temperature = detector.card.temperature
    exported, expected = _run(detector, values), _evaluate(network, temperature, values)
    difference = np.abs(exported - expected)
    if difference.max() <= MAX_DIFFERENCE:
        return Parity(float(difference.max()))
    # NaN is sorted last, so that it counts as the largest.
    worst = np.argsort(difference.max(axis=(1, 2)))[-_WORST_IMAGES:]
    reference = _evaluate(copy.deepcopy(network).double(), temperature, values[worst].astype(np.float64))
    own, export = np.abs(expected[worst] - reference), np.abs(exported[worst] - reference)
    parity = Parity(float(export.max()), Rounding(float(own.max()), float(own.mean())))
    allowed_mean = MEAN_FLOOR + ROUNDING_MULTIPLE * float(own.mean())
    if not (export.max() <= parity.allowed and export.mean() <= allowed_mean):
        raise RunError(
            f"the export differs from its network in float64 by {export.max():.2g} in probability (mean "
            f"{export.mean():.2g}), the network in float32 by {own.max():.2g} (mean {own.mean():.2g}), so no detector "
            f"is written: {_remedy(network)}"
        )
    return parity


def _evaluate(network: DetectorNetwork, temperature: float, values: NDArray[Any]) -> NDArray[Any]:
    """Return the probability (N, H, W) of a network in the precision of the values."""
    whole = ProbabilityNetwork(network, temperature).eval()
    with torch.inference_mode():
        parts = [whole(part).squeeze(1) for part in torch.from_numpy(values).split(_BATCH_SIZE)]
    probability: NDArray[Any] = torch.cat(parts).numpy()
    return probability


def _remedy(network: DetectorNetwork) -> str:
    """What changes the precision of a network."""
    if network.normalise.kind in ("none", "l4s"):
        return "its inputs are not normalised, train with network.normalisation set to fixed or tile-channel"
    return "train with machine.precision set to float32 and a lower fit.learning_rate, which keeps its logits small"


def check_storage(
    whole: Detector,
    half: Detector,
    values: NDArray[np.float32],
    masks: NDArray[np.uint8],
    rounding: Rounding | None = None,
) -> tuple[float, float]:
    """Compare a detector with its half-precision storage; returns the mean difference in probability and that in F1.

    Args:
        whole: the detector in float32.
        half: the same with ``store_half``.
        values: (N, C, H, W) images in DN, degrees and metres.
        masks: (N, H, W) their masks.
        rounding: of the network, if it was measured; it raises the allowed mean difference.

    Raises:
        RunError: one of them is larger than allowed.
    """
    remedy = "set detector.half_precision_storage to false in the recipe"
    before, after = (_run(detector, values) for detector in (whole, half))
    mean = _mean_difference(before, after, remedy, rounding)
    counts, counts_half = (ProbabilityHistogram.of(probability, masks) for probability in (before, after))
    threshold = best_threshold([counts])
    f1 = abs(counts_half.at(threshold).f1 - counts.at(threshold).f1)
    if not f1 <= MAX_F1_DIFFERENCE_HALF:
        raise RunError(f"half-precision storage changes F1 by {f1:.2g} (allowed: {MAX_F1_DIFFERENCE_HALF:g}): {remedy}")
    return mean, f1


def check_mean_difference(
    whole: Detector, half: Detector, values: NDArray[np.float32], *, remedy: str, rounding: Rounding | None = None
) -> float:
    """Compare a detector with its half-precision storage; returns the mean difference in probability.

    Raises:
        RunError: it is larger than allowed.
    """
    return _mean_difference(_run(whole, values), _run(half, values), remedy, rounding)


def _mean_difference(
    before: NDArray[np.float32], after: NDArray[np.float32], remedy: str, rounding: Rounding | None
) -> float:
    mean = float(np.abs(after - before).mean())
    allowed = max(MAX_MEAN_DIFFERENCE_HALF, 0.0 if rounding is None else ROUNDING_MULTIPLE * rounding.mean)
    if not mean <= allowed:
        raise RunError(
            f"half-precision storage changes the probability by {mean:.2g} on average (allowed: {allowed:.2g}): "
            f"{remedy}"
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
