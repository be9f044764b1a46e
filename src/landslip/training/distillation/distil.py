"""Distillation: the target of a batch is drawn towards what teachers say, before it is augmented with its images.

The teachers see each patch once, as it is. Their probabilities then move with the geometry of the augmentation, as the
truth does, while light, haze and gaps change the student's image alone: it learns to say under any light what the
teachers say under the patch's own. Running teachers on augmented images would cost a pass of theirs for each of the
student's, and would teach their weakness under odd light too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landslip.datasets.division import key_of
from landslip.datasets.patch_set import PatchSet
from landslip.detector.detector import Detector
from landslip.errors import RecipeError
from landslip.training.data.target import Target
from landslip.training.distillation.soft_labels import opinions
from landslip.training.recipe.distillation_section import TeacherRecipe


class Distillation:
    """Softens targets by kept opinions."""

    def __init__(self, said: NDArray[np.floating], share: float) -> None:
        """Keep opinions.

        Args:
            said: (N, H, W) probability for every patch of the training part; NaN where the teacher saw nothing.
            share: of it in the target, 0 to 1.
        """
        if not 0 <= share <= 1:
            raise RecipeError(f"a teacher's share of {share} is none: give a number from 0 to 1")
        self._said = torch.from_numpy(np.ascontiguousarray(said))
        self.share = share

    def __call__(self, positions: Tensor, target: Target) -> Target:
        """The target of the patches at some positions (N,), not augmented yet, drawn towards the opinions.

        Where the truth is known, target = (1 - share) * truth + share * opinion; where it is not, the opinion alone, if
        there is one and it has a share at all. Of nothing said, nothing changes.
        """
        said = self._said[positions.to(self._said.device)].to(target.landslide.device, torch.float32)
        heard = said.isfinite()
        said = torch.nan_to_num(said)
        softened = (1 - self.share) * target.landslide + self.share * said
        landslide = torch.where(target.observed & heard, softened, target.landslide)
        if self.share == 0:
            return Target(landslide, target.observed)
        return Target(torch.where(~target.observed & heard, said, landslide), target.observed | heard)


def distillation(
    recipe: TeacherRecipe, patches: PatchSet[Any], keys: Sequence[str], *, progress: bool = False
) -> Distillation:
    """Ask the teachers of a recipe about the patches that are learned from.

    Args:
        recipe: who teaches.
        patches: that hold those which are learned from, in their order.
        keys: of those which are learned from, such as ``train/42``.
        progress: show a bar on stderr when it takes over two seconds.

    Raises:
        ChannelError: the patches lack a channel that a teacher needs.
        DetectorError: a teacher cannot be opened, or the teachers do not go together.
    """
    wanted = set(keys)
    asked = patches.where(lambda entry: key_of(entry) in wanted)
    detectors = [Detector.open(name) for name in recipe.detectors]
    return Distillation(opinions(detectors, asked, turns=recipe.turns, progress=progress), recipe.share)


def note_of(recipe: TeacherRecipe) -> str:
    """What the card says of it."""
    cards = (Detector.open(name) for name in recipe.detectors)
    names = ", ".join(f"{detector.card.name} (sha256 {detector.sha256[:12]})" for detector in cards)
    turned = "" if recipe.turns == "none" else f", each looking in the turns {recipe.turns}"
    return f"The targets were {recipe.share:.0%} what {names} said of the same patches{turned}, the rest the truth."
