"""The section of a recipe that says how a trained network becomes a detector."""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from landslip.datasets.splits import Part
from landslip.files.model import Frozen
from landslip.post_training.ensemble import Turns
from landslip.training.augmentation import AugmentationRecipe
from landslip.training.networks.normalise import NormalisationKind


class FinishRecipe(Frozen):
    """How a trained network becomes a detector, and on what its threshold is chosen."""

    turns: Turns = "none"
    """none, flips (4 passes an image) or d4 (8): in which turns and flips the detector looks and averages."""
    lights: bool = True
    """Whether the threshold must serve under changed light too: the mean F1 over its own light and the stresses."""
    parts: tuple[Part, ...] = ()
    """Parts over which temperature and threshold are chosen, each with the same say; empty for the choosing part."""
    unseen: tuple[str, ...] = ()
    """Predictions (.npz) of the same recipe by scene-out: the threshold must serve on ground it never saw as well."""


class TeacherRecipe(Frozen):
    """Detectors whose probabilities soften the truth (Hinton et al. 2015, arXiv 1503.02531)."""

    detectors: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names or files; of several the mean probability is taken."""
    turns: Turns = "none"
    """none, flips or d4: in which turns and flips they look at a patch."""
    share: float = Field(default=0.5, ge=0, le=1)
    """Of what they say in the target; the rest is the truth. Where that is not known, they alone are believed."""


class SelfTrainingRecipe(Frozen):
    """A detector labels patches without truth where it is sure; another learns anew from both (arXiv 1911.04252)."""

    data: str | None = None
    """Folder of the patches; their masks, if they have any, are never looked at."""
    rounds: int = Field(default=1, ge=1)
    """How often the detector of the round before teaches a new one."""
    confident_low: float = Field(default=0.05, ge=0, lt=1)
    """Up to this probability a pixel is taken for no landslide."""
    confident_high: float = Field(default=0.8, gt=0, le=1)
    """From this probability on a pixel is taken for landslide; what lies between is not observed."""
    share: float = Field(default=0.5, gt=0, lt=1)
    """Most that these patches may make up of those that are learned from; more are drawn from at random."""
    augmentation: AugmentationRecipe | None = None
    """How the students' patches are changed: more strongly than the first teacher's, as a rule; null as those."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.confident_low >= self.confident_high:
            raise ValueError(f"confident_low {self.confident_low} must lie below confident_high {self.confident_high}")
        return self


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
