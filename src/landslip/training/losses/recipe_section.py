"""The section of a recipe that says what a network is taught by."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from landslip.files.model import Frozen
from landslip.training.losses.boundary import Boundary
from landslip.training.losses.cross_entropy import CrossEntropy, PaperCrossEntropy, SoftCrossEntropy
from landslip.training.losses.flat_ground import FlatGround
from landslip.training.losses.focal import Focal
from landslip.training.losses.hard_pixels import HardPixels
from landslip.training.losses.lovasz import Lovasz
from landslip.training.losses.overlap import Dice, Tversky
from landslip.training.losses.runout import Runout

Pixelwise = CrossEntropy | PaperCrossEntropy | SoftCrossEntropy | Focal | HardPixels | Boundary
Pooled = Dice | Tversky | Lovasz
Physics = FlatGround | Runout

AnyTerm = Annotated[
    Pixelwise | Pooled | Physics,
    Field(discriminator="kind"),
]


class LossRecipe(Frozen):
    """What a network is taught by: a weighted sum of terms."""

    terms: tuple[AnyTerm, ...] = (CrossEntropy(weight=0.5), Dice(weight=0.5))
    """Terms of different kinds, each with its weight; the sum is not divided by the weights."""

    @model_validator(mode="after")
    def _teaches_something(self) -> Self:
        kinds = [term.kind for term in self.terms]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"the loss has {', '.join(twice)} more than once: give each kind of term once")
        if not any(term.weight for term in self.terms):
            raise ValueError("the loss has no term with a weight above 0: give one, such as cross-entropy")
        return self
