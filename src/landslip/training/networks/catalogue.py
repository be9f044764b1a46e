"""The fourteen networks of arXiv 2507.01123 by name, and any other by the two words of segmentation-models-pytorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

import segmentation_models_pytorch as smp

from landslip.errors import RecipeError

PLAIN: Final = "plain-unet"
"""The one network without an encoder of its own name: U-Net from scratch (``plain_unet.py``)."""


@dataclass(frozen=True, slots=True)
class Words:
    """The two words that decide a network."""

    architecture: str
    encoder: str

    def __str__(self) -> str:
        return self.architecture if self.architecture == PLAIN else f"{self.architecture}/{self.encoder}"


PAPER: Final[Mapping[str, Words]] = MappingProxyType(
    {
        "unet-resnet34": Words("unet", "resnet34"),
        "unet-vgg16": Words("unet", "vgg16"),
        "unet-efficientnet-b0": Words("unet", "efficientnet-b0"),
        "unet-resnext50": Words("unet", "resnext50_32x4d"),
        "unet-se-resnet50": Words("unet", "se_resnet50"),
        "unet-densenet121": Words("unet", "densenet121"),
        "unet-se-resnext50": Words("unet", "se_resnext50_32x4d"),
        "unet-inception-v4": Words("unet", "inceptionv4"),
        "unet-inception-resnet-v2": Words("unet", "inceptionresnetv2"),
        "deeplabv3plus-resnet50": Words("deeplabv3plus", "resnet50"),
        "unet-mobilenet-v2": Words("unet", "mobilenet_v2"),
        "plain-unet": Words(PLAIN, PLAIN),
        "unet-mit-b1": Words("unet", "mit_b1"),
        "segformer-b2": Words("segformer", "mit_b2"),
    }
)
"""In the order of the paper's table; SegFormer-B2 is in its page and has no row there."""

# Our names are those of timm; segmentation-models-pytorch has its own for some, and a prefix for timm's.
_OWN_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "efficientnet_lite0": "tu-efficientnet_lite0",
        "efficientnet_lite1": "tu-tf_efficientnet_lite1",
        "efficientnet_lite2": "tu-tf_efficientnet_lite2",
        "efficientnet_b4": "efficientnet-b4",
    }
)


def find_words(name: str | None, architecture: str, encoder: str) -> Words:
    """The two words of a network, by the paper's name where one is given.

    Raises:
        RecipeError: there is no such network.
    """
    if name is not None:
        if name not in PAPER:
            raise RecipeError(f"'{name}' is not a network of the paper{_like(name, PAPER)}: {_listed(PAPER)}")
        return PAPER[name]
    if architecture == PLAIN:
        return PAPER[PLAIN]
    if architecture not in smp.MODEL_ARCHITECTURES_MAPPING:
        known = [*smp.MODEL_ARCHITECTURES_MAPPING, PLAIN]
        raise RecipeError(f"'{architecture}' is not an architecture{_like(architecture, known)}: {_listed(known)}")
    known = [*_OWN_NAMES, *smp.encoders.get_encoder_names()]
    if encoder not in known and not encoder.startswith("tu-"):
        raise RecipeError(
            f"'{encoder}' is not an encoder{_like(encoder, known)}: take one of segmentation-models-pytorch, "
            f"such as {', '.join(known[:8])}, or 'tu-' and the name of one of timm"
        )
    return Words(architecture, encoder)


def encoder_name(words: Words) -> str:
    """What segmentation-models-pytorch calls the encoder."""
    return _OWN_NAMES.get(words.encoder, words.encoder)


def _like(given: str, known: Mapping[str, Words] | list[str]) -> str:
    close = get_close_matches(given, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _listed(known: Mapping[str, Words] | list[str]) -> str:
    return f"allowed are {', '.join(known)}"
