"""The plain U-Net (Ronneberger et al. 2015, arXiv 1505.04597), with batch norm and padded convolutions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torch.nn import functional

from landslip.errors import RecipeError
from landslip.training.loop.devices import keep_depthwise_exact
from landslip.training.networks.catalogue import PLAIN, Words, encoder_name, find_words
from landslip.training.networks.indices import Indices
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.run_weights import load_run
from landslip.training.networks.weights import load_encoder, load_hub
from landslip.training.recipe.sections import RUN_WEIGHTS_SUFFIX, NetworkRecipe

WIDTHS = (64, 128, 256, 512, 1024)
"""Channels of each level, the finest first, as in the source."""


class PlainUnet(nn.Module):
    """Four halvings and back, with a skip connection at each level; height and width are multiples of 16."""

    def __init__(self, channels: int, widths: Sequence[int] = WIDTHS, classes: int = 1) -> None:
        super().__init__()
        before = (channels, *widths[:-1])
        self.encoder = nn.ModuleList(_two_convolutions(a, b) for a, b in zip(before, widths, strict=True))
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in coarse_to_fine)
        self.decoder = nn.ModuleList(_two_convolutions(2 * b, b) for _, b in coarse_to_fine)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, values: Tensor) -> Tensor:
        """Logits (N, classes, H, W) for values (N, C, H, W)."""
        kept: list[Tensor] = []
        seen = values
        for level, block in enumerate(self.encoder):
            seen = block(seen if level == 0 else functional.max_pool2d(seen, 2))
            kept.append(seen)
        for rise, block, skip in zip(self.rise, self.decoder, kept[-2::-1], strict=True):
            seen = block(torch.cat([skip, rise(seen)], dim=1))
        return cast(Tensor, self.head(seen))


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


SIZE_MULTIPLE = 32
"""Every body halves height and width five times at most."""
_LEAST_PX: Final = MappingProxyType({"pan": 128})
"""Of height and width, where an architecture needs more: PAN halves three times more what its encoder left of it."""


class DetectingNetwork(nn.Module):
    """Normalisation and network in one: physical units in, logit of landslide out."""

    def __init__(
        self, normalise: Normalise, body: nn.Module, least_px: int = SIZE_MULTIPLE, indices: Indices | None = None
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.indices = indices
        self.body = body
        self.least_px = least_px

    def forward(self, values: Tensor) -> Tensor:
        """Logits (N, 1, H, W) for values (N, C, H, W) of any height and width, mirrored up to a multiple of 32."""
        height, width = values.shape[2:]
        below, right = (max(-size % SIZE_MULTIPLE, self.least_px - size) for size in (height, width))
        if not below and not right:
            return self.whole(values)
        return self.whole(_mirrored(values, below, right))[..., :height, :width]

    def whole(self, values: Tensor) -> Tensor:
        """The same where height and width are multiples of 32: what is exported."""
        # Reduced precision is for the convolutions: DN have more digits than it keeps.
        with torch.autocast(values.device.type, enabled=False):
            seen = self.normalise(values.float())
            if self.indices is not None:
                seen = torch.cat([seen, self.indices(values.float())], dim=1)
        return cast(Tensor, self.body(seen))


def _mirrored(values: Tensor, below: int, right: int) -> Tensor:
    # One mirroring adds less than the image has: small images are mirrored again and again.
    while below or right:
        height, width = values.shape[2:]
        if (below and height == 1) or (right and width == 1):
            return functional.pad(values, (0, right, 0, below), mode="replicate")
        down, across = min(below, height - 1), min(right, width - 1)
        values = functional.pad(values, (0, across, 0, down), mode="reflect")
        below, right = below - down, right - across
    return values


@dataclass(frozen=True, slots=True)
class BuiltNetwork:
    """A network ready to learn, and where its weights started."""

    network: DetectingNetwork
    words: Words
    start: str
    """In words, for the card."""


def build_network(recipe: NetworkRecipe, channels: Sequence[str], normalise: Normalise) -> BuiltNetwork:
    """Build a network for channels by name, its starting weights loaded strictly.

    Raises:
        RecipeError: architecture, encoder, weights or decoder are unknown or do not go together.
        MissingExtraError: the package with the weights is not installed.
    """
    words = find_words(recipe.name, recipe.architecture, recipe.encoder)
    indices = Indices(recipe.indices, channels) if recipe.indices else None
    inputs = (*channels, *recipe.indices)
    body = build_body(recipe, words, len(inputs))
    start = _started(body, recipe.weights, words, inputs)
    if recipe.dropout:
        body = _with_dropout(body, recipe.dropout)
    keep_depthwise_exact(body)
    least_px = _LEAST_PX.get(words.architecture, SIZE_MULTIPLE)
    return BuiltNetwork(DetectingNetwork(normalise, body, least_px, indices), words, start)


def build_body(recipe: NetworkRecipe, words: Words, channels: int, classes: int = 1) -> nn.Module:
    """A network without normalisation, its weights drawn at random: (N, channels, H, W) to (N, classes, H, W).

    Raises:
        RecipeError: architecture, encoder and decoder do not go together.
    """
    if words.architecture == PLAIN:
        return PlainUnet(channels, recipe.decoder_channels[::-1] if recipe.decoder_channels else WIDTHS, classes)
    made = smp.MODEL_ARCHITECTURES_MAPPING[words.architecture]
    options: dict[str, Any] = {}
    if recipe.decoder_channels is not None:
        if words.architecture not in ("unet", "unetplusplus", "manet"):
            raise RecipeError(f"decoder_channels is for U-shaped networks, not {words.architecture}: leave it out")
        options = {"decoder_channels": recipe.decoder_channels, "encoder_depth": len(recipe.decoder_channels)}
    try:
        body = made(encoder_name(words), encoder_weights=None, in_channels=channels, classes=classes, **options)
    except (ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        # Not every encoder goes with every architecture; the library says so in one of these.
        raise RecipeError(f"{words} cannot be built ({error}): choose an encoder that goes with it") from error
    return cast(nn.Module, body)


def _started(body: nn.Module, weights: str, words: Words, channels: Sequence[str]) -> str:
    if weights == "none":
        return "random"
    if weights.endswith(RUN_WEIGHTS_SUFFIX):
        return load_run(body, Path(weights), str(words), channels)
    if words.architecture == PLAIN:
        raise RecipeError(f"{PLAIN} has no encoder that '{weights}' could start: take  weights: none")
    if weights == "imagenet":

        def coloured() -> nn.Module:
            name = encoder_name(words)
            # An encoder of timm has its weights in its name: the library wants no other word for them.
            made = smp.encoders.get_encoder(name, in_channels=3, weights=True if name.startswith("tu-") else "imagenet")
            return cast(nn.Module, made)

        return load_hub(cast(nn.Module, body.encoder), coloured, words, channels)
    return load_encoder(cast(nn.Module, body.encoder), words.encoder, weights, channels)


def _with_dropout(body: nn.Module, share: float) -> nn.Module:
    head = getattr(body, "segmentation_head", None)
    if head is None:
        raise RecipeError("network.dropout is for networks of segmentation-models-pytorch: set it to 0")
    cast(Any, body).segmentation_head = nn.Sequential(nn.Dropout2d(share), head)
    return body


def parameter_count(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(math.prod(parameter.shape) for parameter in network.parameters())
