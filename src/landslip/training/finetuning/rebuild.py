"""Rebuilds the torch network of a detector from its card and the tensors of its graph."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from landslip.detector.card import Card
from landslip.detector.detector import Detector
from landslip.errors import DetectorError, RecipeError
from landslip.inference.engine import InferenceOptions, open_engine
from landslip.post_training.batch_norm import MEAN, OPERATOR, VARIANCE, remove_unused, tensors_in
from landslip.training.assembly.export import ProbabilityNetwork
from landslip.training.networks.build import DetectorNetwork, build_network
from landslip.training.networks.normalise import Normalise
from landslip.training.recipe.sections import NetworkRecipe

MAX_DIFFERENCE: Final = 1e-4
"""Largest difference in probability at any pixel between a rebuilt network and its detector."""
_PREFIX: Final = "network."
_NORMALISATION: Final = "normalise."
_COUNTER: Final = "num_batches_tracked"
_STATISTICS: Final = MappingProxyType({"running_mean": MEAN, "running_var": VARIANCE})
"""Statistics of a layer by their names in the network, and their places among the inputs of the operator."""
_BATCH_SIZE: Final = 16


def rebuild_network(detector: Detector) -> DetectorNetwork:
    """Build the torch network of a detector with the weights of its graph.

    The network is described by the recipe on the card, its normalisation by the parameters on the card.

    Args:
        detector: a single network that landslip trained, in float.

    Returns:
        In evaluation mode: values (N, C, H, W) in physical units to logits (N, 1, H, W), before the temperature.

    Raises:
        DetectorError: it is an ensemble, was quantised or imported, or its graph lacks tensors of the network.

    Example:
        >>> rebuild_network(Detector.open("s2-rgb")).normalise.kind
        'tile-brightness'
    """
    card = detector.card
    _check_kind(card)
    try:
        settings = NetworkRecipe.model_validate(card.recipe["network"] | {"weights": "none"})
        network = build_network(settings, card.channels, _normalisation(card, settings)).network
    except (ValueError, RecipeError) as error:
        reason = " ".join(str(error).split())
        raise DetectorError(
            f"the network of {card.name} cannot be built from the recipe on its card ({reason}): train a detector with "
            "this version of landslip",
            parameter="detector",
        ) from error
    model = onnx.load_model_from_string(detector.onnx_bytes)
    found = _tensors_by_name(model)
    tensors: dict[str, Tensor] = dict(network.state_dict())
    wanted = _weights_of(network)
    missing = [name for name in wanted if name not in found or found[name].shape != tuple(tensors[name].shape)]
    if missing:
        raise DetectorError(
            f"the graph of {card.name} lacks {len(missing)} tensors of its network, such as {missing[0]}, so that it "
            "cannot be trained further: use s2-rgb, or a detector trained with this version of landslip",
            parameter="detector",
        )
    tensors |= {name: torch.from_numpy(found[name].copy()) for name in wanted}
    network.load_state_dict(tensors, strict=True)
    return network.eval()


def check_rebuilt(network: DetectorNetwork, detector: Detector, values: NDArray[np.float32]) -> float:
    """Compare a rebuilt network with its detector; returns the largest difference in probability.

    Args:
        network: of ``rebuild_network``.
        detector: that it was built from.
        values: (N, C, H, W) images in DN, degrees and metres.

    Raises:
        DetectorError: they differ by more than ``MAX_DIFFERENCE`` at some pixel.
    """
    options = InferenceOptions(precision="float32")
    engine = open_engine(detector, options, height=values.shape[2], width=values.shape[3])
    whole = ProbabilityNetwork(network, detector.card.temperature).eval()
    with torch.inference_mode():
        rebuilt = torch.cat([whole(part).squeeze(1) for part in torch.from_numpy(values).split(_BATCH_SIZE)])
    difference = float(np.abs(rebuilt.numpy() - engine(values)).max())
    if not difference <= MAX_DIFFERENCE:
        raise DetectorError(
            f"the network rebuilt from {detector.card.name} differs from it by {difference:.2g} in probability "
            f"(allowed: {MAX_DIFFERENCE:g}): use a detector trained with this version of landslip",
            parameter="detector",
        )
    return difference


def graph_with_weights(detector: Detector, network: DetectorNetwork) -> onnx.ModelProto:
    """Return the graph of a detector with the weights of another network like its own, stored in float32.

    Args:
        detector: a single network that landslip trained, in float.
        network: of ``rebuild_network``, trained further.

    Example:
        >>> detector = Detector.open("s2-rgb")
        >>> graph = graph_with_weights(detector, rebuild_network(detector))
        >>> {tensor.data_type for tensor in graph.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
        True
    """
    model = onnx.load_model_from_string(detector.onnx_bytes)
    graph = model.graph
    names = _names_in_graph(model)
    state = network.state_dict()
    tensors = {names.get(name, _PREFIX + name): state[name].detach().cpu().numpy() for name in _weights_of(network)}
    # Tensors that were stored in half precision come out of a cast.
    for node in [one for one in graph.node if one.output[0] in tensors]:
        graph.node.remove(node)
    for tensor in [one for one in graph.initializer if one.name in tensors]:
        graph.initializer.remove(tensor)
    graph.initializer.extend(onnx.numpy_helper.from_array(values, name) for name, values in tensors.items())
    remove_unused(graph)
    return model


def _check_kind(card: Card) -> None:
    what = None
    if card.quantisation is not None:
        what = "was quantised"
    elif card.members or card.tta != "none":
        what = "joins several networks or views of an image"
    elif "network" not in card.recipe:
        what = "was not trained by a recipe of landslip"
    if what:
        raise DetectorError(
            f"{card.name} {what} and cannot be trained further: give a single network in float that landslip trained, "
            "such as s2-rgb",
            parameter="detector",
        )


def _normalisation(card: Card, settings: NetworkRecipe) -> Normalise:
    given = card.normalisation.parameters
    mean, deviation = (
        torch.tensor(given[name]) if name in given else torch.ones(len(card.channels)) for name in ("mean", "deviation")
    )
    return Normalise(settings.normalisation, mean=mean, deviation=deviation, channels=card.channels)


def _weights_of(network: DetectorNetwork) -> list[str]:
    """Return the names of the tensors of a network that its graph holds."""
    return [
        name for name in network.state_dict() if not name.startswith(_NORMALISATION) and not name.endswith(_COUNTER)
    ]


def _names_in_graph(model: onnx.ModelProto) -> Mapping[str, str]:
    """Return the name in the graph of each statistic of batch normalisation, by its name in the network.

    They are found by the layer's weight, because adaptation renames them.
    """
    names: dict[str, str] = {}
    for node in model.graph.node:
        if node.op_type == OPERATOR:
            base = node.input[1].removeprefix(_PREFIX).removesuffix("weight")
            names |= {base + name: node.input[index] for name, index in _STATISTICS.items()}
    return names


def _tensors_by_name(model: onnx.ModelProto) -> Mapping[str, NDArray[np.float32]]:
    """Return the tensors of a graph by their names in the network."""
    stored = tensors_in(model)
    found = {name.removeprefix(_PREFIX): value for name, value in stored.items() if name.startswith(_PREFIX)}
    return found | {name: stored[value] for name, value in _names_in_graph(model).items() if value in stored}
