"""Loss terms of the overlap of prediction and labels over the whole batch, as F1 is pooled over all pixels.

The overlap of a pixel is ``min(p, y)``. For a hard label y this is the usual product p y; for a soft label the product
would be best at p = 0 or 1, the minimum is best at p = y (Wang et al. 2023, arXiv 2303.16296).

``smoothing_px`` is added to numerator and denominator, so that the loss of a batch without landslides decreases with
its false positives. segmentation-models-pytorch sets Dice and Tversky of such a batch to 0, which is why they are
implemented here; its Lovasz loss treats nodata exactly and is used (``tests/training/test_losses_agree.py``).
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from landslip.training.losses.pixels import LossTerm, Pixels


class Dice(LossTerm):
    """Dice loss: 1 - F1 of probabilities (Milletari et al. 2016, arXiv 1606.04797, with plain sums).

    ``1 - (2 sum min(p, y) + s) / (sum p + sum y + s)`` over the valid pixels of the batch. arXiv 2507.01123 has s =
    0.000001, with which batches without landslides have no gradient.
    """

    kind: Literal["dice"] = "dice"
    smoothing_px: float = Field(default=64.0, gt=0)
    """Pixels added to numerator and denominator."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        return _tversky_loss(pixels, 0.5, 0.5, self.smoothing_px / 2)


class Tversky(LossTerm):
    """Tversky loss: separate weights of false positives and false negatives (Salehi et al. 2017, arXiv 1706.05721).

    ``1 - (TP + s) / (TP + a FP + b FN + s)`` with TP = sum min(p, y), FP = sum p - TP, FN = sum y - TP. With
    a = b = 0.5 it is Dice with twice the smoothing.
    """

    kind: Literal["tversky"] = "tversky"
    false_positive_weight: float = Field(default=0.3, gt=0)
    """Weight of false positives (alpha in the source)."""
    false_negative_weight: float = Field(default=0.7, gt=0)
    """Weight of false negatives (beta in the source)."""
    smoothing_px: float = Field(default=32.0, gt=0)
    """Pixels added to numerator and denominator."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        return _tversky_loss(pixels, self.false_positive_weight, self.false_negative_weight, self.smoothing_px)


def _tversky_loss(pixels: Pixels, fp_weight: float, fn_weight: float, smoothing_px: float) -> Tensor:
    probability, landslide = pixels.probability, pixels.landslide
    hit = torch.minimum(probability, landslide).sum()
    lost = fp_weight * (probability.sum() - hit) + fn_weight * (landslide.sum() - hit)
    return lost / (hit + lost + smoothing_px)


class Lovasz(LossTerm):
    """Lovasz hinge loss (Berman et al. 2018, arXiv 1705.08790, algorithm 1), by segmentation-models-pytorch.

    The Lovasz extension of the Jaccard loss, of hinge errors ``1 - x`` on landslide and ``1 + x`` on background, with
    logits x. Without landslides only the highest false positive counts. Soft labels are cut at 0.5. Float32 only.
    """

    kind: Literal["lovasz"] = "lovasz"

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        import segmentation_models_pytorch as smp  # noqa: PLC0415 - takes seconds, and few recipes need it

        loss = smp.losses.LovaszLoss("binary", per_image=False)
        computed: Tensor = loss(pixels.logits[pixels.valid].float(), pixels.hard_labels[pixels.valid].float())
        return computed.to(pixels.logits.dtype)
