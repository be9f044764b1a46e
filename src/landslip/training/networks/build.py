"""Builds networks: normalisation, optional spectral indices, and a segmentation network in one module."""

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

from landslip.detector.detector import packaged
from landslip.errors import RecipeError
from landslip.training.loop.devices import keep_depthwise_exact
from landslip.training.networks.catalogue import PLAIN, NetworkName, find_network, smp_encoder_name
from landslip.training.networks.detector_weights import load_detector_weights
from landslip.training.networks.indices import Indices
from landslip.training.networks.normalise import Normalise
from landslip.training.networks.run_weights import load_run_weights
from landslip.training.networks.weights import load_encoder_weights, load_hub_weights
from landslip.training.recipe.sections import RUN_WEIGHTS_SUFFIX, NetworkRecipe

WIDTHS = (64, 128, 256, 512, 1024)
"""Channels of each level of the plain U-Net, the finest first."""


class PlainUnet(nn.Module):
    """U-Net without a pretrained encoder, with batch norm and padding (Ronneberger et al. 2015, arXiv 1505.04597).

    Height and width must be multiples of 16.
    """

    def __init__(self, channels: int, widths: Sequence[int] = WIDTHS, classes: int = 1) -> None:
        super().__init__()
        before = (channels, *widths[:-1])
        self.encoder = nn.ModuleList(_two_convolutions(a, b) for a, b in zip(before, widths, strict=True))
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in coarse_to_fine)
        self.decoder = nn.ModuleList(_two_convolutions(2 * b, b) for _, b in coarse_to_fine)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, values: Tensor) -> Tensor:
        """Return logits (N, classes, H, W) for values (N, C, H, W)."""
        skips: list[Tensor] = []
        features = values
        for level, block in enumerate(self.encoder):
            features = block(features if level == 0 else functional.max_pool2d(features, 2))
            skips.append(features)
        for rise, block, skip in zip(self.rise, self.decoder, skips[-2::-1], strict=True):
            features = block(torch.cat([skip, rise(features)], dim=1))
        return cast(Tensor, self.head(features))


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


SIZE_MULTIPLE = 32
"""Networks halve height and width at most five times."""
_MIN_PX: Final = MappingProxyType({"pan": 128})
"""Smallest height and width, if an architecture needs more: PAN halves the output of its encoder three more times."""


class DetectorNetwork(nn.Module):
    """Normalisation and segmentation network: from physical units to the logit of landslide."""

    def __init__(
        self, normalise: Normalise, body: nn.Module, min_px: int = SIZE_MULTIPLE, indices: Indices | None = None
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.indices = indices
        self.body = body
        self.min_px = min_px

    def forward(self, values: Tensor) -> Tensor:
        """Return logits (N, 1, H, W) for values (N, C, H, W) of any size, padded by reflection to a multiple of 32."""
        height, width = values.shape[2:]
        below, right = (max(-size % SIZE_MULTIPLE, self.min_px - size) for size in (height, width))
        if not below and not right:
            return self.compute_logits(values)
        return self.compute_logits(_pad(values, below, right))[..., :height, :width]

    def compute_logits(self, values: Tensor) -> Tensor:
        """Return logits for a height and width that are multiples of 32: what is exported."""
        # Reduced precision is for the convolutions: DN have more digits than it holds.
        with torch.autocast(values.device.type, enabled=False):
            # Float64 is for the reference that an export is judged by.
            wide = values if values.dtype == torch.float64 else values.float()
            inputs = self.normalise(wide)
            if self.indices is not None:
                inputs = torch.cat([inputs, self.indices(wide)], dim=1)
        return cast(Tensor, self.body(inputs))


def _pad(values: Tensor, below: int, right: int) -> Tensor:
    # One reflection adds less than the size of the image: small images are reflected repeatedly.
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
    """A network with its initial weights."""

    network: DetectorNetwork
    name: NetworkName
    initial_weights: str
    """Description for the card."""


def build_network(recipe: NetworkRecipe, channels: Sequence[str], normalise: Normalise) -> BuiltNetwork:
    """Build the network of a recipe and load its initial weights, strictly.

    Args:
        recipe: the section ``network`` of a recipe.
        channels: names of the input channels, in order.
        normalise: first layer of the network.

    Raises:
        RecipeError: architecture, encoder, weights or decoder are unknown or cannot be combined.
        MissingExtraError: the package with the weights is not installed.

    Example:
        >>> from landslip.training.recipe.sections import NetworkRecipe
        >>> channels = ["B04", "B03", "B02"]
        >>> normalise = Normalise("none", torch.ones(3), torch.ones(3), channels)
        >>> built = build_network(NetworkRecipe(name="unet-mobilenet-v2", weights="none"), channels, normalise)
        >>> built.network(torch.zeros(1, 3, 100, 50)).shape
        torch.Size([1, 1, 100, 50])
    """
    name = find_network(recipe.name, recipe.architecture, recipe.encoder)
    indices = Indices(recipe.indices, channels) if recipe.indices else None
    inputs = (*channels, *recipe.indices)
    body = build_body(recipe, name, len(inputs))
    initial_weights = _load_weights(body, recipe.weights, name, inputs)
    if recipe.dropout:
        body = _add_dropout(body, recipe.dropout)
    keep_depthwise_exact(body)
    min_px = _MIN_PX.get(name.architecture, SIZE_MULTIPLE)
    return BuiltNetwork(DetectorNetwork(normalise, body, min_px, indices), name, initial_weights)


def build_body(recipe: NetworkRecipe, name: NetworkName, channels: int, classes: int = 1) -> nn.Module:
    """Build a segmentation network with random weights: (N, channels, H, W) to (N, classes, H, W).

    Raises:
        RecipeError: architecture, encoder and decoder cannot be combined.
    """
    if name.architecture == PLAIN:
        return PlainUnet(channels, recipe.decoder_channels[::-1] if recipe.decoder_channels else WIDTHS, classes)
    architecture = smp.MODEL_ARCHITECTURES_MAPPING[name.architecture]
    options: dict[str, Any] = {}
    if recipe.decoder_channels is not None:
        if name.architecture not in ("unet", "unetplusplus", "manet"):
            raise RecipeError(
                f"decoder_channels is allowed for unet, unetplusplus and manet, got {name.architecture}",
                parameter="network.decoder_channels",
            )
        options = {"decoder_channels": recipe.decoder_channels, "encoder_depth": len(recipe.decoder_channels)}
    try:
        body = architecture(
            smp_encoder_name(name), encoder_weights=None, in_channels=channels, classes=classes, **options
        )
    except (ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        # Not every encoder can be combined with every architecture; the library then raises one of these.
        raise RecipeError(
            f"{name} cannot be built ({error}): choose another encoder", parameter="network.encoder"
        ) from error
    return cast(nn.Module, body)


def _load_weights(body: nn.Module, weights: str, name: NetworkName, channels: Sequence[str]) -> str:
    """Load initial weights and describe them."""
    if weights == "none":
        return "random"
    if weights.endswith(RUN_WEIGHTS_SUFFIX):
        return load_run_weights(body, Path(weights), str(name), channels)
    if name.architecture == PLAIN:
        raise RecipeError(
            f"{PLAIN} has no encoder to load '{weights}' into: use  weights: none", parameter="network.weights"
        )
    if weights in packaged() or weights.endswith(".onnx"):
        return load_detector_weights(body, weights, str(name), channels)
    if weights == "imagenet":

        def make_rgb() -> nn.Module:
            encoder = smp_encoder_name(name)
            # The name of an encoder of timm implies its weights.
            timm = encoder.startswith("tu-")
            return cast(
                nn.Module, smp.encoders.get_encoder(encoder, in_channels=3, weights=True if timm else "imagenet")
            )

        return load_hub_weights(cast(nn.Module, body.encoder), make_rgb, name, channels)
    return load_encoder_weights(cast(nn.Module, body.encoder), name.encoder, weights, channels)


def _add_dropout(body: nn.Module, probability: float) -> nn.Module:
    head = getattr(body, "segmentation_head", None)
    if head is None:
        raise RecipeError(
            "dropout needs a network of segmentation-models-pytorch: set network.dropout to 0",
            parameter="network.dropout",
        )
    cast(Any, body).segmentation_head = nn.Sequential(nn.Dropout2d(probability), head)
    return body


def count_parameters(network: nn.Module) -> int:
    """Count the parameters of a network."""
    return sum(math.prod(parameter.shape) for parameter in network.parameters())
