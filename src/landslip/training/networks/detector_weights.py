"""Initial weights from the tensors of a detector: its ONNX file holds them under the names of the network."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from landslip.detector.detector import Detector
from landslip.errors import RecipeError
from landslip.training.networks.weights import describe_channels, find_stem, fit_stem

_PREFIX: Final = "network.body."
_HALF: Final = ".half"
"""Ends the names of tensors that are stored in half precision."""
_COUNTER: Final = "num_batches_tracked"


def load_detector_weights(body: nn.Module, name: str, network: str, channels: Sequence[str]) -> str:
    """Load the body of a network from a detector, strictly; return a description for the card.

    Args:
        body: for ``len(channels)`` channels.
        name: of a packaged detector, or the path of one.
        network: name of the network, for errors.
        channels: names of the channels, in the order of the first convolution.

    Raises:
        DetectorError: there is no such detector.
        RecipeError: it holds other tensors than the network.
    """
    detector = Detector.open(name)
    card = detector.card
    if card.architecture != network or card.quantisation is not None or card.members:
        raise RecipeError(
            f"detector {card.name} is {card.architecture}{', quantised' if card.quantisation else ''}, the network of "
            f"the recipe is {network}: give a single network in float of the same architecture and encoder",
            parameter="network.weights",
        )
    tensors = read_tensors(detector)
    tensors |= {key: value for key, value in body.state_dict().items() if key.endswith(_COUNTER)}
    stem = find_stem(body, len(channels))
    if stem in tensors and tuple(channels) != card.channels:
        tensors[stem] = fit_stem(tensors[stem], card.channels, channels)
    wanted = {key: value.shape for key, value in body.state_dict().items()}
    wrong = [key for key in {**wanted, **tensors} if key not in tensors or tensors[key].shape != wanted.get(key)]
    if wrong:
        raise RecipeError(
            f"{len(wrong)} tensors of detector {card.name} do not match the recipe's network, such as {wrong[0]}: use "
            "the same architecture, encoder and decoder_channels",
            parameter="network.weights",
        )
    body.load_state_dict(tensors, strict=True)
    return describe_channels(f"weights of the detector {card.name} (sha256 {detector.sha256[:12]})", card.channels,
                             channels)  # fmt: skip


def read_tensors(detector: Detector) -> dict[str, Tensor]:
    """Return the tensors of a detector's network in float32, by their names in it."""
    found = {}
    for item in onnx.load_from_string(detector.onnx_bytes).graph.initializer:
        if item.name.startswith(_PREFIX):
            name = item.name.removeprefix(_PREFIX).removesuffix(_HALF)
            found[name] = torch.from_numpy(numpy_helper.to_array(item).astype(np.float32))
    return found
