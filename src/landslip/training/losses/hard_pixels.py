"""Mining of hard pixels: only what is most wrong is learned from."""

from math import ceil
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from landslip.training.losses.pixels import Pixels
from landslip.training.losses.term import Term


class HardPixels(Term):
    """Mean cross-entropy of the hardest share of a batch's observed pixels (Wu et al. 2016, arXiv 1605.06885).

    Most of a batch is easy ground that drowns the few pixels that decide a border. Takes a soft truth as it is.
    """

    kind: Literal["hard-pixels"] = "hard-pixels"
    share: float = Field(default=0.1, gt=0, le=1)
    """Share of the observed pixels that counts, rounded up; 1 is plain cross-entropy."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        # Cross-entropy is never below 0, so what is not observed comes last.
        entropy = pixels.cross_entropy.masked_fill(~pixels.observed, -1.0).flatten()
        # As many as can count were all observed: a size that a GPU knows without waiting.
        hardest, _ = entropy.topk(min(ceil(len(entropy) * self.share) + 1, len(entropy)))
        count = (pixels.observed.sum() * self.share).ceil()
        counted = torch.arange(len(hardest), device=hardest.device) < count
        return (hardest * counted).sum() / count.clamp_min(1.0)
