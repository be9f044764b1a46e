"""The section ``loss`` of a recipe, and the loss that it describes."""

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
Overlap = Dice | Tversky | Lovasz
Physics = FlatGround | Runout

AnyTerm = Annotated[Pixelwise | Overlap | Physics, Field(discriminator="kind")]


class LossRecipe(Frozen):
    """A weighted sum of loss terms."""

    terms: tuple[AnyTerm, ...] = (CrossEntropy(weight=0.5), Dice(weight=0.5))
    """Terms of different kinds with their weights; the sum is not divided by the weights."""

    @model_validator(mode="after")
    def _check_terms(self) -> Self:
        kinds = [term.kind for term in self.terms]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"the loss has {', '.join(twice)} more than once: give each kind of term once")
        if not any(term.weight for term in self.terms):
            raise ValueError("the loss has no term with a weight above 0: give one, such as cross-entropy")
        return self


class Loss(nn.Module):
    """A weighted sum of terms over the valid pixels of a batch, in float32 whatever type the network computes in.

    For every term: nodata pixels change neither value nor gradient, and get no gradient; a batch of nodata has a loss
    of 0 without gradient; the order of patches does not matter; finite logits give a finite loss.
    """

    def __init__(self, recipe: LossRecipe, channels: Sequence[str]) -> None:
        super().__init__()
        self.recipe = recipe
        self.channels = tuple(channels)

    def forward(self, logits: Tensor, target: Target, values: Tensor) -> Tensor:
        """Return the loss of a batch, a scalar.

        Args:
            logits: (N, H, W).
            target: labels (N, H, W), hard or soft.
            values: (N, C, H, W), the input of the network in DN, degrees and metres.

        Raises:
            ValueError: the shapes do not match.
        """
        return self.weigh(self.compute_terms(logits, target, values))

    def compute_terms(self, logits: Tensor, target: Target, values: Tensor) -> dict[str, Tensor]:
        """Return each term before its weight, a scalar, by its kind; see ``forward``."""
        with torch.autocast(logits.device.type, enabled=False):
            pixels = Pixels.of(logits, target, values, self.channels)
            return {term.kind: term.compute(pixels) for term in self.recipe.terms}

    def weigh(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted sum of terms: the loss."""
        weighted = [term.weight * terms[term.kind] for term in self.recipe.terms if term.weight]
        return torch.stack(weighted).sum()


def build_loss(recipe: LossRecipe, channels: Sequence[str]) -> Loss:
    """Build the loss of a recipe for batches of given channels.

    Raises:
        RecipeError: a term needs a channel that is not given.

    Example:
        >>> loss = build_loss(LossRecipe(), ["B04", "B03", "B02"])
        >>> logits, values = torch.zeros((1, 8, 8)), torch.ones((1, 3, 8, 8))
        >>> target = Target.of_masks(torch.zeros((1, 8, 8), dtype=torch.uint8))
        >>> round(float(loss(logits, target, values)), 4)
        0.5132
    """
    for term in recipe.terms:
        missing = [name for name in term.needs if name not in channels]
        if missing:
            raise RecipeError(
                f"the loss term {term.kind} needs {', '.join(missing)}, which is not among the channels "
                f"{', '.join(channels)}: add the channel, or remove the term",
                parameter="loss.terms",
            )
    return Loss(recipe, channels)
