"""From the words of a recipe to a loss that can be called."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from landslip.errors import RecipeError
from landslip.training.data.target import Target
from landslip.training.losses.pixels import Pixels
from landslip.training.losses.recipe_section import LossRecipe


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
