"""Networks by two words, architecture and encoder, with the weights they start from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from landslip.errors import RecipeError
from landslip.training.normalise import Normalise
from landslip.training.torchvision_operators import declare_missing_operators
from landslip.training.weights import load_encoder

declare_missing_operators()
import segmentation_models_pytorch as smp  # noqa: E402 - its import needs the operators declared above

_ARCHITECTURES = {"unet": smp.Unet}
# Our names are those of timm; segmentation-models-pytorch has its own for some, and a prefix for timm's.
_ENCODERS = {
    "efficientnet_lite0": "tu-efficientnet_lite0",
    "efficientnet_b4": "efficientnet-b4",
    "resnet34": "resnet34",
}


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """Which network, and where its weights start."""

    architecture: str
    encoder: str
    weights: str
    decoder_channels: tuple[int, ...]


class DetectingNetwork(nn.Module):
    """Normalisation and network in one: physical units in, logit of landslide out."""

    def __init__(self, normalise: Normalise, body: nn.Module) -> None:
        super().__init__()
        self.normalise = normalise
        self.body = body

    def forward(self, values: Tensor) -> Tensor:
        """Logits (N, 1, H, W) for values (N, C, H, W); height and width must be multiples of 32."""
        # Reduced precision is for the convolutions: DN have more digits than it keeps.
        with torch.autocast(values.device.type, enabled=False):
            seen = self.normalise(values.float())
        return cast(Tensor, self.body(seen))


def build_network(choice: NetworkChoice, channels: Sequence[str], normalise: Normalise) -> DetectingNetwork:
    """Build a network for channels by name, its encoder's weights loaded strictly.

    Raises:
        RecipeError: architecture, encoder or weights are unknown or do not go together.
    """
    if choice.architecture not in _ARCHITECTURES:
        raise RecipeError(
            f"'{choice.architecture}' is not an architecture: allowed are {', '.join(sorted(_ARCHITECTURES))}"
        )
    if choice.encoder not in _ENCODERS:
        raise RecipeError(f"'{choice.encoder}' is not an encoder: allowed are {', '.join(sorted(_ENCODERS))}")
    body = _ARCHITECTURES[choice.architecture](
        _ENCODERS[choice.encoder],
        encoder_weights=None,
        in_channels=len(channels),
        classes=1,
        decoder_channels=choice.decoder_channels,
        encoder_depth=len(choice.decoder_channels),
    )
    load_encoder(body.encoder, choice.encoder, choice.weights, channels)
    return DetectingNetwork(normalise, body)
