"""The section of a recipe that says what a network is taught by."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from landslip.errors import RecipeError
from landslip.files.model import Frozen
from landslip.training.data.target import Target
from landslip.training.losses.overlap import Dice, Lovasz, Tversky
from landslip.training.losses.physics import FlatGround, Runout
from landslip.training.losses.pixel_losses import (
    Boundary,
    CrossEntropy,
    Focal,
    HardPixels,
    PaperCrossEntropy,
    SoftCrossEntropy,
)
from landslip.training.losses.pixels import Pixels

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


class Loss(nn.Module):
    """A weighted sum of terms over the observed pixels of a batch, in float32 whatever the network computes in.

    Laws of every term: pixels not observed change neither the value nor any gradient, and get none; a batch of nothing
    observed gives 0 without a slope; the order of patches does not matter; no logit makes it infinite.
    """

    def __init__(self, recipe: LossRecipe, channels: Sequence[str]) -> None:
        super().__init__()
        self.recipe = recipe
        self.channels = tuple(channels)

    def forward(self, logits: Tensor, target: Target, values: Tensor) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            logits: (N, H, W).
            target: the truth (N, H, W), hard or soft.
            values: (N, C, H, W) as the network was given them, in DN, degrees and metres.

        Raises:
            ValueError: the shapes do not fit together.
        """
        return self.weigh(self.parts(logits, target, values))

    def parts(self, logits: Tensor, target: Target, values: Tensor) -> dict[str, Tensor]:
        """Each term by its kind, a scalar before its weight, with its gradient; arguments as in ``forward``."""
        with torch.autocast(logits.device.type, enabled=False):
            pixels = Pixels.of(logits, target, values, self.channels)
            return {term.kind: term.of(pixels) for term in self.recipe.terms}

    def weigh(self, parts: Mapping[str, Tensor]) -> Tensor:
        """The sum of ``parts`` by weight: what ``forward`` gives."""
        weighted = [term.weight * parts[term.kind] for term in self.recipe.terms if term.weight]
        return torch.stack(weighted).sum()


def build_loss(recipe: LossRecipe, channels: Sequence[str]) -> Loss:
    """Build a loss for batches of the given channels.

    Raises:
        RecipeError: a term needs a channel that is not among them.
    """
    for term in recipe.terms:
        missing = [name for name in term.needs if name not in channels]
        if missing:
            raise RecipeError(
                f"the loss term {term.kind} needs {', '.join(missing)}, which is not among the channels "
                f"{', '.join(channels)}: add the channel, or leave the term out"
            )
    return Loss(recipe, channels)
