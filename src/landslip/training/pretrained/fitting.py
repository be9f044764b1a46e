"""Fits a foreign file to the network that it is said to be, or says what is wrong and what would fit."""

from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Size, Tensor, nn

from landslip.errors import WeightsError
from landslip.training.networks.build import build_body
from landslip.training.networks.catalogue import PAPER, NetworkName, find_network
from landslip.training.networks.weights import find_stem
from landslip.training.pretrained.matching import TensorMatch, match
from landslip.training.pretrained.reading import CheckpointFile
from landslip.training.pretrained.segformer import (
    PretrainedRecipe,
    build_hf_segformer,
    is_hf_segformer,
    rename_tensors,
)
from landslip.training.recipe.sections import NetworkRecipe

_NONE_FITS: Final = (
    "give the network that the weights are of; none of the paper fits, others go as architecture/encoder"
)


@dataclass(frozen=True, slots=True)
class FittedBody:
    """A network with foreign weights: (N, C, H, W) as its author fed it, to one logit (N, 1, H, W)."""

    body: nn.Module
    words: NetworkName
    match: TensorMatch
    mixing: str | None
    """Name in the file of a 1 x 1 convolution that mixes the channels ahead of the network, where there is one."""


class ChannelMixing(nn.Module):
    """A 1 x 1 convolution that mixes the channels to fewer, ahead of a network that takes only so many."""

    def __init__(self, channels: int, mixed: int, body: nn.Module, *, bias: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, mixed, 1, bias=bias)
        self.body = body

    def forward(self, values: Tensor) -> Tensor:
        """What the network says of the mixed channels."""
        return cast(Tensor, self.body(self.conv(values)))


class OneVersusRest(nn.Module):
    """The logit of one class against all others: the sigmoid of it is the softmax's probability of that class."""

    def __init__(self, body: nn.Module, landslide_class: int) -> None:
        super().__init__()
        self.body = body
        self.landslide_class = landslide_class

    def forward(self, values: Tensor) -> Tensor:
        """Logit (N, 1, H, W) out of K classes."""
        classes = self.body(values)
        mine = self.landslide_class
        others = torch.cat([classes[:, :mine], classes[:, mine + 1 :]], dim=1)
        return cast(Tensor, classes[:, mine : mine + 1] - torch.logsumexp(others, dim=1, keepdim=True))


def fit_checkpoint(file: CheckpointFile, recipe: PretrainedRecipe) -> FittedBody:
    """Build the network that a recipe names and load a file's tensors into it, all of them accounted for.

    Raises:
        RecipeError: there is no such network.
        WeightsError: the file is not that network; says what is missing, misshapen or left over, and what would fit.
    """
    words = parse_network(recipe.network)
    if recipe.classes > 1 and recipe.landslide_class >= recipe.classes:
        raise WeightsError(
            f"there is no class {recipe.landslide_class} among {recipe.classes}: the first is 0, the last "
            f"{recipe.classes - 1}"
        )
    try:
        fitted = _fit(file, recipe, words)
    except _MisfitError as error:
        fitting = [] if error.remedy else find_fitting_networks(file, recipe, words)
        other = f"it fits {' and '.join(fitting)}: give  --network {fitting[0]}" if fitting else _NONE_FITS
        raise WeightsError(f"{file.name} is not {words} ({error}): {error.remedy or other}") from error
    fitted.body.eval()
    return fitted


def parse_network(network: str) -> NetworkName:
    """The two words of a network by the paper's name or as architecture/encoder.

    Raises:
        RecipeError: there is no such network.
    """
    architecture, slash, encoder = network.partition("/")
    return find_network(None if slash else network, architecture, encoder)


def find_fitting_networks(file: CheckpointFile, recipe: PretrainedRecipe, not_this: NetworkName) -> list[str]:
    """Networks of the paper, by name, that the file fits."""
    found = []
    for name, words in PAPER.items():
        # Building a MiT takes a second: only where there are tensors of one.
        if words == not_this or (_is_mit(words) and not any("patch_embed" in one for one in file.tensors)):
            continue
        try:
            _fit(file, recipe, words, only_shapes=True)
        except _MisfitError:
            continue
        found.append(name)
    return found


class _MisfitError(Exception):
    """A file is not a network; with a remedy, where what is wrong is known."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def _fit(file: CheckpointFile, recipe: PretrainedRecipe, words: NetworkName, *, only_shapes: bool = False) -> FittedBody:
    tensors = dict(file.tensors)
    theirs = is_hf_segformer(tensors)
    if theirs and words.architecture != "segformer":
        raise _MisfitError("it holds a SegFormer of transformers")
    tensors = rename_tensors(tensors) if theirs else tensors
    channels = len(recipe.channels)
    body = _build(file, recipe, words, channels, only_shapes=only_shapes)
    found = match(tensors, _shapes(body), leave_out=recipe.leave_out)
    stem = tensors.get(found.prefix + find_stem(body, channels))
    mixing = None
    if stem is not None and stem.ndim == 4 and stem.shape[1] != channels:
        mixed = stem.shape[1]
        body = _build(file, recipe, words, mixed, only_shapes=only_shapes)
        found = match(tensors, _shapes(body), leave_out=recipe.leave_out)
        body, found, mixing = _with_mixing(body, found, tensors, channels, mixed)
    _check_classes(body, found, tensors, recipe.classes)
    if not found.whole:
        raise _MisfitError(found.said(), _remedy(found))
    if not only_shapes:
        counters = {name: value for name, value in body.state_dict().items() if name not in found.tensors}
        body.load_state_dict(counters | dict(found.tensors), strict=True)
    if recipe.classes > 1:
        body = OneVersusRest(body, recipe.landslide_class)
    return FittedBody(body, words, found, mixing)


def _build(file: CheckpointFile, recipe: PretrainedRecipe, words: NetworkName, channels: int, *, only_shapes: bool) -> nn.Module:
    # Without memory for the numbers where only shapes are asked for; but MiT's constructor reads numbers.
    device = "meta" if only_shapes and not _is_mit(words) else "cpu"
    with torch.device(device):
        if is_hf_segformer(file.tensors):
            return build_hf_segformer(words, file.tensors, channels, recipe.classes, recipe.upsampling)
        return build_body(NetworkRecipe(), words, channels, recipe.classes)


def _is_mit(words: NetworkName) -> bool:
    return words.encoder.startswith("mit_")


def _shapes(body: nn.Module) -> dict[str, Size]:
    return {name: value.shape for name, value in body.state_dict().items()}


def _with_mixing(
    body: nn.Module, found: TensorMatch, tensors: dict[str, Tensor], channels: int, mixed: int
) -> tuple[nn.Module, TensorMatch, str]:
    """Put the file's mixing convolution ahead of a network."""
    wanted = (mixed, channels, 1, 1)
    weights = [name for name in found.foreign if name.endswith(".weight") and tensors[name].shape == wanted]
    if len(weights) != 1:
        raise _MisfitError(
            f"it takes {mixed} channels, {channels} were named",
            f"name {mixed} with --channels, in the order in which it was trained on them",
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
        foreign=tuple(name for name in found.foreign if name not in names.values()),
        harmless=found.harmless,
        counters=found.counters,
    )
    return ChannelMixing(channels, mixed, body, bias=bias), matched, at.rstrip(".")


def _check_classes(body: nn.Module, found: TensorMatch, tensors: dict[str, Tensor], classes: int) -> None:
    """Say so where all that differs is the number of classes."""
    head = next(name for name, module in reversed(list(body.named_modules())) if isinstance(module, nn.Conv2d))
    weight = tensors.get(found.prefix + head.removeprefix("body.") + ".weight")
    if weight is not None and weight.ndim == 4 and weight.shape[0] != classes and not found.missing:
        answers = weight.shape[0]
        raise _MisfitError(
            f"it answers with {answers} classes, not {classes}",
            "give  --classes 1" if answers == 1 else f"give  --classes {answers} --landslide-class N  (the first is 0)",
        )


def _remedy(found: TensorMatch) -> str:
    if found.foreign and not (found.missing or found.misshapen):
        return "if these are no part of the network, say so with  --leave-out BEGINNING"
    return ""
