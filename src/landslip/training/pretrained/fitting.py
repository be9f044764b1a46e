"""Loads pretrained tensors into the network they belong to, or explains what does not match."""

from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Size, Tensor, nn

from landslip.errors import WeightsError
from landslip.training.networks.build import build_body
from landslip.training.networks.catalogue import PAPER, NetworkName, find_network
from landslip.training.networks.weights import find_stem
from landslip.training.pretrained.matching import TensorMatch, match_tensors
from landslip.training.pretrained.reading import CheckpointFile
from landslip.training.pretrained.segformer import (
    PretrainedRecipe,
    build_hf_segformer,
    is_hf_segformer,
    rename_tensors,
)
from landslip.training.recipe.sections import NetworkRecipe

_NONE_FITS: Final = "give the network of the weights as architecture/encoder; no network of the paper matches"


@dataclass(frozen=True, slots=True)
class FittedBody:
    """A network with pretrained weights: (N, C, H, W) in the units of its training to one logit (N, 1, H, W)."""

    body: nn.Module
    name: NetworkName
    match: TensorMatch
    channel_mixing: str | None
    """Name in the file of a 1 x 1 convolution before the network that mixes the channels, if there is one."""


class ChannelMixing(nn.Module):
    """A 1 x 1 convolution that mixes the channels, before a network with fewer inputs."""

    def __init__(self, channels: int, mixed: int, body: nn.Module, *, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, mixed, 1, bias=bias)
        self.body = body

    def forward(self, values: Tensor) -> Tensor:
        """Return the output of the network for the mixed channels."""
        return cast(Tensor, self.body(self.conv(values)))


class OneVersusRest(nn.Module):
    """The logit of one class against all others: its sigmoid is the softmax probability of that class."""

    def __init__(self, body: nn.Module, landslide_class: int) -> None:
        super().__init__()
        self.body = body
        self.landslide_class = landslide_class

    def forward(self, values: Tensor) -> Tensor:
        """Return the logit (N, 1, H, W) of the class."""
        classes = self.body(values)
        index = self.landslide_class
        others = torch.cat([classes[:, :index], classes[:, index + 1 :]], dim=1)
        return cast(Tensor, classes[:, index : index + 1] - torch.logsumexp(others, dim=1, keepdim=True))


def fit_checkpoint(file: CheckpointFile, recipe: PretrainedRecipe) -> FittedBody:
    """Build the network of a recipe and load the tensors of a file into it, strictly.

    Raises:
        RecipeError: the network is unknown.
        WeightsError: tensors are missing, have another shape or are left over; the message names networks that match.
    """
    name = parse_network(recipe.network)
    if recipe.classes > 1 and recipe.landslide_class >= recipe.classes:
        raise WeightsError(
            f"landslide_class must lie between 0 and {recipe.classes - 1}, got {recipe.landslide_class}",
            parameter="landslide_class",
        )
    try:
        fitted = _fit(file, recipe, name)
    except _MisfitError as error:
        fitting = [] if error.remedy else find_fitting_networks(file, recipe, name)
        other = f"it matches {' and '.join(fitting)}" if fitting else _NONE_FITS
        raise WeightsError(
            f"{file.name} is not {name} ({error}): {error.remedy or other}", parameter=error.parameter
        ) from error
    fitted.body.eval()
    return fitted


def parse_network(network: str) -> NetworkName:
    """Parse the name of a network: one of the paper, or architecture/encoder.

    Raises:
        RecipeError: the network is unknown.

    Example:
        >>> parse_network("unet/resnet18")
        NetworkName(architecture='unet', encoder='resnet18')
    """
    architecture, slash, encoder = network.partition("/")
    return find_network(None if slash else network, architecture, encoder)


def find_fitting_networks(file: CheckpointFile, recipe: PretrainedRecipe, excluded: NetworkName) -> list[str]:
    """Return the names of the networks of the paper that a file matches."""
    found = []
    for name, candidate in PAPER.items():
        # Building a MiT takes a second: only if the file has tensors of one.
        if candidate == excluded or (_is_mit(candidate) and not any("patch_embed" in one for one in file.tensors)):
            continue
        try:
            _fit(file, recipe, candidate, only_shapes=True)
        except _MisfitError:
            continue
        found.append(name)
    return found


class _MisfitError(Exception):
    """A file does not match a network; with a remedy and the parameter to change, if the cause is known."""

    def __init__(self, message: str, remedy: str = "", parameter: str = "network") -> None:
        super().__init__(message)
        self.remedy = remedy
        self.parameter = parameter


def _fit(file: CheckpointFile, recipe: PretrainedRecipe, name: NetworkName, *, only_shapes: bool = False) -> FittedBody:
    tensors = dict(file.tensors)
    transformers = is_hf_segformer(tensors)
    if transformers and name.architecture != "segformer":
        raise _MisfitError("it holds a SegFormer of transformers")
    tensors = rename_tensors(tensors) if transformers else tensors
    channels = len(recipe.channels)
    body = _build(file, recipe, name, channels, only_shapes=only_shapes)
    found = match_tensors(tensors, _shapes(body), leave_out=recipe.leave_out)
    stem = tensors.get(found.prefix + find_stem(body, channels))
    channel_mixing = None
    if stem is not None and stem.ndim == 4 and stem.shape[1] != channels:
        mixed = stem.shape[1]
        body = _build(file, recipe, name, mixed, only_shapes=only_shapes)
        found = match_tensors(tensors, _shapes(body), leave_out=recipe.leave_out)
        body, found, channel_mixing = _add_mixing(body, found, tensors, channels, mixed)
    _check_classes(body, found, tensors, recipe.classes)
    if not found.complete:
        raise _MisfitError(found.describe(), *_remedy(found))
    if not only_shapes:
        counters = {name: value for name, value in body.state_dict().items() if name not in found.tensors}
        body.load_state_dict(counters | dict(found.tensors), strict=True)
    if recipe.classes > 1:
        body = OneVersusRest(body, recipe.landslide_class)
    return FittedBody(body, name, found, channel_mixing)


def _build(
    file: CheckpointFile, recipe: PretrainedRecipe, name: NetworkName, channels: int, *, only_shapes: bool
) -> nn.Module:
    # On the device meta no memory is allocated for tensors; but the constructor of MiT reads values.
    device = "meta" if only_shapes and not _is_mit(name) else "cpu"
    with torch.device(device):
        if is_hf_segformer(file.tensors):
            return build_hf_segformer(name, file.tensors, channels, recipe.classes, recipe.upsampling)
        return build_body(NetworkRecipe(), name, channels, recipe.classes)


def _is_mit(name: NetworkName) -> bool:
    return name.encoder.startswith("mit_")


def _shapes(body: nn.Module) -> dict[str, Size]:
    return {name: value.shape for name, value in body.state_dict().items()}


def _add_mixing(
    body: nn.Module, found: TensorMatch, tensors: dict[str, Tensor], channels: int, mixed: int
) -> tuple[nn.Module, TensorMatch, str]:
    """Put the mixing convolution of the file before a network."""
    wanted = (mixed, channels, 1, 1)
    weights = [name for name in found.unexpected if name.endswith(".weight") and tensors[name].shape == wanted]
    if len(weights) != 1:
        raise _MisfitError(
            f"its input has {mixed} channels, got {channels}",
            f"give {mixed} channels in the order of training",
            "channels",
        )
    at = weights[0].removesuffix("weight")
    bias = at + "bias" in tensors
    names = {"conv.weight": weights[0]} | ({"conv.bias": at + "bias"} if bias else {})
    inside = {f"body.{name}": value for name, value in found.tensors.items()}
    taken = {name: tensors[old] for name, old in names.items()}
    matched = TensorMatch(
        tensors=inside | taken,
        prefix=found.prefix,
        missing=found.missing,
        misshapen=found.misshapen,
        unexpected=tuple(name for name in found.unexpected if name not in names.values()),
        ignored=found.ignored,
        counters=found.counters,
    )
    return ChannelMixing(channels, mixed, body, bias=bias), matched, at.rstrip(".")


def _check_classes(body: nn.Module, found: TensorMatch, tensors: dict[str, Tensor], classes: int) -> None:
    """Check the number of classes of the last convolution."""
    head = next(name for name, module in reversed(list(body.named_modules())) if isinstance(module, nn.Conv2d))
    weight = tensors.get(found.prefix + head.removeprefix("body.") + ".weight")
    if weight is not None and weight.ndim == 4 and weight.shape[0] != classes and not found.missing:
        actual = weight.shape[0]
        raise _MisfitError(
            f"its output has {actual} {'class' if actual == 1 else 'classes'}, got {classes}",
            "give classes 1" if actual == 1 else f"give classes {actual}, and the index of landslide among them",
            "classes",
        )


def _remedy(found: TensorMatch) -> tuple[str, str]:
    if found.unexpected and not (found.missing or found.misshapen):
        return "if these are not part of the network, give their prefix in leave_out", "leave_out"
    return "", "network"
