"""The section ``augmentation`` of a recipe: the strength of each random change of a training patch."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from landslip.files.model import Frozen

Probability = Annotated[float, Field(ge=0, le=1)]


class AugmentationRecipe(Frozen):
    """Strength of each random change; 0 switches a step off, for gain and gamma 1 does."""

    crop_px: int | None = Field(default=None, ge=32, multiple_of=32)
    """Side of a random crop of each patch in pixels, so that a batch covers more patches; null: whole patches."""
    dihedral: bool = True
    """Random element of the symmetry group of the square (4 rotations, with or without a flip); of 4 if not square."""
    zoom: float = Field(default=0.25, ge=0, lt=1)
    """Scale drawn from 1 / (1 + zoom) to 1 + zoom, with probability 0.5."""
    rotation_deg: float = Field(default=180.0, ge=0, le=180)
    """Largest rotation in either direction, for the same patches as zoom; corners are filled by reflection."""
    resized_crop: float = Field(default=0.0, ge=0, lt=1)
    """Largest fraction of a side that is cropped away before resizing to the patch size, for the same patches."""
    background_fill: Probability = 0.0
    """Probability of replacing a patch by its landslide-free quadrant, mirrored to full size, if it has one."""
    gain: float = Field(default=2.0, ge=1)
    """Brightness factor drawn from 1 / gain to gain, the same for all channels."""
    channel_gain: float = Field(default=0.12, ge=0)
    """Standard deviation of the logarithm of a factor per channel (colour cast)."""
    channel_mixing: float = Field(default=0.0, ge=0, lt=1)
    """Largest weight of a random mixture of the channels in each channel, which simulates other ground colours."""
    haze: float = Field(default=0.4, ge=0)
    """Largest added haze, as a fraction of the mean of the channel with the shortest wavelength; for 1/3 of patches."""
    haze_removal: Probability = 0.8
    """Largest removed haze, as a fraction of each channel's dark level; for another 1/3 of patches."""
    gamma: float = Field(default=1.3, ge=1)
    """Exponent drawn from 1 / gamma to gamma, which changes the contrast."""
    illumination: float = Field(default=0.2, ge=0, lt=0.5)
    """Standard deviation of a smooth multiplicative illumination field, truncated at two standard deviations."""
    noise: float = Field(default=0.03, ge=0)
    """Largest standard deviation of Gaussian noise, as a fraction of each channel's mean."""
    blur: Probability = 0.7
    """Largest strength of the blur, for 1/3 of patches."""
    band_shift_px: float = Field(default=0.0, ge=0, le=1)
    """Largest misregistration of each channel along rows and columns, for 1/2 of patches."""
    snow: Probability = 0.0
    """Probability of covering parts of a patch with snow or thick cloud; what they hide becomes background."""
    shadow: Probability = 0.0
    """Probability of casting shadow on parts of a patch."""
    mixup: Probability = 0.0
    """Probability of blending a patch and its labels with another of the batch (arXiv 1710.09412)."""
    cutmix: Probability = 0.0
    """Probability of pasting a rectangle and its labels from another patch of the batch (arXiv 1905.04899)."""
    edge_nodata: Probability = 0.1
    """Probability of setting one side of a patch to nodata, as at the edge of a scene."""
    cloud_nodata: Probability = 0.0
    """Probability of setting cloud-shaped areas of a patch to nodata."""
    cloud_cover: float = Field(default=0.5, gt=0, le=0.875)
    """Largest fraction of a patch that cloud_nodata covers."""
    channel_dropout: dict[str, Probability] = Field(default_factory=dict)
    """Per channel name: probability that the channel is absent, so that the detector also works without it."""

    @model_validator(mode="after")
    def _mixed_once(self) -> Self:
        if self.mixup + self.cutmix > 1:
            raise ValueError(
                f"mixup and cutmix are probabilities of exclusive events: their sum must be at most 1, "
                f"got {self.mixup} + {self.cutmix}"
            )
        return self

    @property
    def photometric(self) -> bool:
        """Whether any photometric step (light or instrument) is on."""
        amounts = (
            self.channel_gain,
            self.channel_mixing,
            self.haze,
            self.haze_removal,
            self.illumination,
            self.noise,
            self.blur,
            self.band_shift_px,
        )
        return any(amounts) or self.gain > 1 or self.gamma > 1

    @classmethod
    def disabled(cls) -> Self:
        """Return a recipe with every step switched off."""
        off = {name: 0.0 for name in cls.model_fields if name not in ("crop_px", "cloud_cover", "channel_dropout")}
        return cls.model_validate(off | {"dihedral": False, "gain": 1.0, "gamma": 1.0})
