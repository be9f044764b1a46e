"""What detectors say of patches, run once and kept: the network that learns from it sees every patch many times."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import key_of
from landslip.detector.detector import Detector
from landslip.errors import PatchesError, RecipeError
from landslip.inference.patch_prediction import predict_patches
from landslip.post_training.ensemble import Turns, ensemble
from landslip.training.data.target import Target
from landslip.training.recipe.sections import DistillationRecipe


def opinions(
    detectors: Sequence[Detector], patches: PatchSet[Any], *, turns: Turns = "none", progress: bool = False
) -> NDArray[np.float16]:
    """The mean probability of some detectors for each patch, by the path that maps take; truth is not looked at.

    Half precision keeps a probability to 0.0005 and costs 2 bytes a pixel.

    Args:
        detectors: one or several; they may take channels that the student does without.
        patches: all of one size.
        turns: in which turns and flips they look.
        progress: show a bar on stderr when it takes over two seconds.

    Returns:
        (N, H, W), NaN where the image was not observed.

    Raises:
        ChannelError: the patches lack a channel that a detector needs.
        DetectorError: the detectors do not go together.
        PatchesError: the patches differ in size.
    """
    one = detectors[0] if len(detectors) == 1 and turns == "none" else ensemble(detectors, "teacher", turns=turns)
    shown = tqdm(predict_patches(one, patches), total=len(patches), unit="patch", disable=not progress, delay=2)
    said = [probability.astype(np.float16) for _, probability in shown]
    sizes = {probability.shape for probability in said}
    if len(sizes) != 1:
        raise PatchesError(f"the patches have {len(sizes)} different sizes: a teacher needs patches of one size")
    return np.stack(said)


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
    recipe: DistillationRecipe, patches: PatchSet[Any], keys: Sequence[str], *, progress: bool = False
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
    detectors = [Detector.open(name) for name in recipe.teachers]
    return Distillation(opinions(detectors, asked, turns=recipe.tta, progress=progress), recipe.weight)


def note_of(recipe: DistillationRecipe) -> str:
    """What the card says of it."""
    cards = (Detector.open(name) for name in recipe.teachers)
    names = ", ".join(f"{detector.card.name} (sha256 {detector.sha256[:12]})" for detector in cards)
    turned = "" if recipe.tta == "none" else f", each looking in the turns {recipe.tta}"
    return f"The targets were {recipe.weight:.0%} what {names} said of the same patches{turned}, the rest the truth."
