"""Names of networks: the fourteen of arXiv 2507.01123, or an architecture and an encoder of smp.

``smp`` is segmentation-models-pytorch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

import segmentation_models_pytorch as smp

from landslip.errors import RecipeError

PLAIN: Final = "plain-unet"
"""U-Net without a named encoder (``build.PlainUnet``)."""


@dataclass(frozen=True, slots=True)
class NetworkName:
    """An architecture and its encoder.

    Example:
        >>> print(NetworkName("unet", "resnet34"))
        unet/resnet34
    """

    architecture: str
    encoder: str

    def __str__(self) -> str:
        return self.architecture if self.architecture == PLAIN else f"{self.architecture}/{self.encoder}"


PAPER: Final[Mapping[str, NetworkName]] = MappingProxyType(
    {
        "unet-resnet34": NetworkName("unet", "resnet34"),
        "unet-vgg16": NetworkName("unet", "vgg16"),
        "unet-efficientnet-b0": NetworkName("unet", "efficientnet-b0"),
        "unet-resnext50": NetworkName("unet", "resnext50_32x4d"),
        "unet-se-resnet50": NetworkName("unet", "se_resnet50"),
        "unet-densenet121": NetworkName("unet", "densenet121"),
        "unet-se-resnext50": NetworkName("unet", "se_resnext50_32x4d"),
        "unet-inception-v4": NetworkName("unet", "inceptionv4"),
        "unet-inception-resnet-v2": NetworkName("unet", "inceptionresnetv2"),
        "deeplabv3plus-resnet50": NetworkName("deeplabv3plus", "resnet50"),
        "unet-mobilenet-v2": NetworkName("unet", "mobilenet_v2"),
        "plain-unet": NetworkName(PLAIN, PLAIN),
        "unet-mit-b1": NetworkName("unet", "mit_b1"),
        "segformer-b2": NetworkName("segformer", "mit_b2"),
    }
)
"""In the order of the paper's table; SegFormer-B2 is described in its text only."""

# Names of encoders are those of timm; smp has its own for some, and a prefix for those of timm.
_SMP_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "efficientnet_lite0": "tu-efficientnet_lite0",
        "efficientnet_lite1": "tu-tf_efficientnet_lite1",
        "efficientnet_lite2": "tu-tf_efficientnet_lite2",
        "efficientnet_b4": "efficientnet-b4",
    }
)


def find_network(name: str | None, architecture: str, encoder: str) -> NetworkName:
    """Return the network with a name of the paper, or else with an architecture and an encoder.

    Args:
        name: a key of ``PAPER``; None to use the others.
        architecture: of smp, or ``plain-unet``.
        encoder: of smp, or ``tu-`` and a name of timm.

    Raises:
        RecipeError: a name is unknown.

    Example:
        >>> find_network("segformer-b2", "", "")
        NetworkName(architecture='segformer', encoder='mit_b2')
    """
    if name is not None:
        if name not in PAPER:
            raise RecipeError(
                f"unknown network '{name}'{_suggest(name, PAPER)}: {_list_names(PAPER)}", parameter="network.name"
            )
        return PAPER[name]
    if architecture == PLAIN:
        return PAPER[PLAIN]
    if architecture not in smp.MODEL_ARCHITECTURES_MAPPING:
        known = [*smp.MODEL_ARCHITECTURES_MAPPING, PLAIN]
        raise RecipeError(
            f"unknown architecture '{architecture}'{_suggest(architecture, known)}: {_list_names(known)}",
            parameter="network.architecture",
        )
    known = [*_SMP_NAMES, *smp.encoders.get_encoder_names()]
    if encoder not in known and not encoder.startswith("tu-"):
        raise RecipeError(
            f"unknown encoder '{encoder}'{_suggest(encoder, known)}: give one of segmentation-models-pytorch, such as "
            f"{', '.join(known[:8])}, or 'tu-' followed by a name of timm",
            parameter="network.encoder",
        )
    return NetworkName(architecture, encoder)


def smp_encoder_name(network: NetworkName) -> str:
    """Return the name of the encoder in segmentation-models-pytorch."""
    return _SMP_NAMES.get(network.encoder, network.encoder)


def _suggest(given: str, known: Mapping[str, NetworkName] | list[str]) -> str:
    close = get_close_matches(given, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _list_names(known: Mapping[str, NetworkName] | list[str]) -> str:
    return f"allowed are {', '.join(known)}"
