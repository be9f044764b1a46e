"""The section of a recipe that chooses the network and where its weights start."""

from typing import Final

from pydantic import Field

from landslip.files.model import Frozen
from landslip.training.networks.normalise import NormalisationKind

RUN_WEIGHTS_SUFFIX: Final = ".safetensors"
"""Ends the path of a run's weights."""


class NetworkRecipe(Frozen):
    """Which network, where its weights start, how its inputs are normalised."""

    name: str | None = None
    """A network of the paper by its name, such as unet-resnet34; or, where null, the two words that follow."""
    architecture: str = "unet"
    """One of segmentation-models-pytorch, such as unet, fpn, deeplabv3plus, segformer; or plain-unet."""
    encoder: str = "efficientnet_lite0"
    """One of segmentation-models-pytorch, or tu- and the name of one of timm."""
    weights: str = "imagenet-lite0"
    """none, imagenet (downloads), imagenet-lite0 | 1 | 2, ukis-csmask, or the path of a run's weights.safetensors."""
    decoder_channels: tuple[int, ...] | None = None
    """Width of the decoder's stages, the deepest first; null for the architecture's own."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the last features that is dropped at random while learning."""
    normalisation: NormalisationKind = "tile-channel"
    """How physical units become what the network sees; it travels inside the detector."""
    indices: tuple[str, ...] = ()
    """Spectral indices that the network sees beside its channels: ndvi, grvi, ndwi, ndmi, nbr, bsi."""
