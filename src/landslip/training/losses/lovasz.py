"""Lovasz hinge: intersection over union made into something that can be descended."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu

from landslip.training.losses.pixels import Pixels
from landslip.training.losses.term import Term


class Lovasz(Term):
    """Lovasz hinge (Berman et al. 2018, arXiv 1705.08790, algorithm 1), over the whole batch.

    Errors ``1 - x`` on landslide and ``1 + x`` elsewhere, of logits x, are sorted from the largest; each counts by how
    much the Jaccard loss grows when its pixel becomes wrong too. Without any landslide only the surest false alarm
    counts. A soft truth is cut at one half.
    """

    kind: Literal["lovasz"] = "lovasz"

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        landslide = pixels.landslide_or_not.flatten()
        observed = pixels.observed.flatten()
        logits = pixels.logits.flatten()
        # Pixels not observed come last and count as nothing: no error, no landslide, no ground.
        errors = torch.where(landslide, 1 - logits, 1 + logits).masked_fill(~observed, -torch.inf)
        errors, order = errors.sort(descending=True)
        growth = _growth(landslide[order], (observed & ~landslide)[order]).to(logits.dtype)
        return (relu(errors) * growth).sum()


def _growth(landslide: Tensor, ground: Tensor) -> Tensor:
    """How much the Jaccard loss grows with each pixel that becomes wrong, in order; (P,) bool each."""
    # Whole numbers, so that the running sums are exact, and the same on every device.
    missed, false_alarms = landslide.cumsum(0), ground.cumsum(0)
    total = landslide.sum()
    jaccard_loss = 1 - (total - missed) / (total + false_alarms).clamp_min(1)
    return torch.diff(jaccard_loss, prepend=jaccard_loss.new_zeros(1))
