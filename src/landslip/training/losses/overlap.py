"""Overlap of what is mapped with what is there: Dice and Tversky, pooled over the batch as F1 is pooled over pixels.

The overlap of a pixel is ``min(p, y)``. Where the truth y is 0 or 1 that is the usual product p y; where it is soft the
product would be best at p = 0 or 1, the minimum is best at p = y (Wang et al. 2023, arXiv 2303.16296).

``smoothing_px`` is added above and below the fraction. A batch without a landslide then has a loss that falls as false
alarms vanish; with (nearly) none its slope would vanish instead.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import relu

from landslip.training.losses.pixels import Pixels, Term


class Dice(Term):
    """Dice loss: 1 - F1 with probabilities for counts (Milletari et al. 2016, arXiv 1606.04797, with plain sums).

    ``1 - (2 sum min(p, y) + s) / (sum p + sum y + s)`` over the observed pixels of the batch. arXiv 2507.01123 has the
    same with s = 0.000001, which leaves its batches without a landslide to cross-entropy.
    """

    kind: Literal["dice"] = "dice"
    smoothing_px: float = Field(default=64.0, gt=0)
    """Pixels added to both sides of the fraction."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        return _one_less_overlap(pixels, 0.5, 0.5, self.smoothing_px / 2)


class Tversky(Term):
    """Tversky loss, which weighs false alarms and misses apart (Salehi et al. 2017, arXiv 1706.05721).

    ``1 - (TP + s) / (TP + a FP + b FN + s)`` with TP = sum min(p, y), FP = sum p - TP, FN = sum y - TP. With
    a = b = 0.5 it is Dice of twice the smoothing.
    """

    kind: Literal["tversky"] = "tversky"
    false_positive_weight: float = Field(default=0.3, gt=0)
    """What a pixel of false alarm costs against one of overlap (alpha in the source)."""
    false_negative_weight: float = Field(default=0.7, gt=0)
    """What a missed pixel of landslide costs (beta in the source)."""
    smoothing_px: float = Field(default=32.0, gt=0)
    """Pixels added to both sides of the fraction."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        return _one_less_overlap(pixels, self.false_positive_weight, self.false_negative_weight, self.smoothing_px)


def _one_less_overlap(pixels: Pixels, false_positive_weight: float, false_negative_weight: float, smoothing_px: float) -> Tensor:
    probability, landslide = pixels.probability, pixels.landslide
    hit = torch.minimum(probability, landslide).sum()
    lost = false_positive_weight * (probability.sum() - hit) + false_negative_weight * (landslide.sum() - hit)
    return lost / (hit + lost + smoothing_px)


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
