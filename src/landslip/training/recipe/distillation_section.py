"""The sections of a recipe that say who teaches, and how much of it is believed."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from landslip.files.model import Frozen
from landslip.post_training.graph_tta import Turns
from landslip.training.augmentation import AugmentationRecipe


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
