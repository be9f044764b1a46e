"""Loss terms that are means over pixels: cross-entropy and its variants.

Focal and smoothed cross-entropy exist in segmentation-models-pytorch, but do not meet the laws of ``Loss``
(``tests/training/test_losses_agree.py``): its focal loss is NaN for a batch of nodata, and has NaN gradients for
``gamma`` below 1; its smoothed cross-entropies divide by the number of all pixels, nodata included.
"""

from math import ceil
from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d, softplus

from landslip.training.losses.pixels import LossTerm, Pixels

MAX_BALANCE: Final = 100.0
"""Largest weight that ``balanced`` gives: else the only landslide pixel of a batch would outweigh all others."""


class CrossEntropy(LossTerm):
    """Binary cross-entropy with a weight for landslide pixels, as ``torch.nn.BCEWithLogitsLoss(pos_weight=...)``.

    Mean over valid pixels of ``-w y ln p - (1 - y) ln(1 - p)``. Labels may be soft.
    """

    kind: Literal["cross-entropy"] = "cross-entropy"
    positive_weight: Annotated[float, Field(gt=0)] | Literal["balanced"] = 1.0
    """Weight of a landslide pixel; balanced: background pixels per landslide pixel of the batch, from 1 to 100."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch; without landslides it is plain cross-entropy."""
        if self.positive_weight == "balanced":
            landslide = pixels.landslide.sum()
            weight = ((pixels.valid.sum() - landslide) / landslide.clamp_min(1.0)).clamp(1.0, MAX_BALANCE)
        else:
            weight = pixels.logits.new_tensor(self.positive_weight)
        entropy = binary_cross_entropy_with_logits(pixels.logits, pixels.landslide, pos_weight=weight, reduction="none")
        return pixels.mean(entropy)


class PaperCrossEntropy(LossTerm):
    """The cross-entropy of arXiv 2507.01123, whose weight of 5 applies to every pixel.

    The source calls ``torch.nn.BCELoss(weight=tensor([5]))``, probably meant as a weight of landslide pixels. It does
    not balance the classes, but makes cross-entropy five times as heavy as Dice. It is computed from logits, which is
    equal until float32 rounds the probability to 1 (a logit above 16) and the gradient of the source vanishes.
    """

    kind: Literal["paper-cross-entropy"] = "paper-cross-entropy"
    pixel_weight: float = Field(default=5.0, gt=0)
    """Factor of the cross-entropy of every pixel."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        return self.pixel_weight * pixels.mean(pixels.cross_entropy)


class SoftCrossEntropy(LossTerm):
    """Cross-entropy with label smoothing over two classes (Szegedy et al. 2016, arXiv 1512.00567, section 7).

    A label y becomes ``y (1 - smoothing) + smoothing / 2``, which bounds the logits and lowers the cost of wrong labels
    at hand-drawn outlines. The minimum is not 0 but the entropy of the smoothed labels.
    """

    kind: Literal["soft-cross-entropy"] = "soft-cross-entropy"
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of the label that is spread evenly over both classes."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        smoothed = pixels.landslide * (1 - self.smoothing) + self.smoothing / 2
        return pixels.mean(softplus(pixels.logits) - smoothed * pixels.logits)


_MIN_ERROR: Final = 1e-6
"""A power below 1 has an infinite slope at 0."""


class Focal(LossTerm):
    """Focal loss (Lin et al. 2017, arXiv 1708.02002), mean over valid pixels.

    ``a |y - p|^gamma H(y, p)`` with the cross-entropy H and a = alpha on landslide, 1 - alpha on background. For hard
    labels this is Lin's equation; for soft labels it is the quality focal loss (Li et al. 2020, arXiv 2006.04388).
    """

    kind: Literal["focal"] = "focal"
    gamma: float = Field(default=2.0, ge=0)
    """Exponent that reduces the weight of pixels that are already right; 0 is cross-entropy."""
    alpha: float | None = Field(default=0.25, gt=0, lt=1)
    """Weight of landslide; background has 1 - alpha. Null: both have 1."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        error = (pixels.landslide - pixels.logits.sigmoid()).abs().clamp_min(_MIN_ERROR)
        focal = error**self.gamma * pixels.cross_entropy
        if self.alpha is not None:
            focal = focal * (self.alpha * pixels.landslide + (1 - self.alpha) * (1 - pixels.landslide))
        return pixels.mean(focal)


class HardPixels(LossTerm):
    """Online hard pixel mining: mean cross-entropy of the hardest pixels of a batch (Wu et al. 2016, arXiv 1605.06885).

    Most pixels of a batch are easy background, which outnumbers the few that decide an outline. Labels may be soft.
    """

    kind: Literal["hard-pixels"] = "hard-pixels"
    fraction: float = Field(default=0.1, gt=0, le=1)
    """Fraction of the valid pixels that counts, rounded up; 1 is plain cross-entropy."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        # Cross-entropy is never below 0, so nodata comes last.
        entropy = pixels.cross_entropy.masked_fill(~pixels.valid, -1.0).flatten()
        # The number of valid pixels is not known without waiting for the GPU: take as many as can count, then weigh.
        hardest, _ = entropy.topk(min(ceil(len(entropy) * self.fraction) + 1, len(entropy)))
        count = (pixels.valid.sum() * self.fraction).ceil()
        counted = torch.arange(len(hardest), device=hardest.device) < count
        return (hardest * counted).sum() / count.clamp_min(1.0)


class Boundary(LossTerm):
    """Cross-entropy with a higher weight near the outlines of landslides (after U-Net, arXiv 1505.04597, equation 2).

    A pixel counts ``boundary_weight`` times if a valid pixel of the other class is at most ``width_px`` rows and
    columns away, else once; the mean is weighted. Soft labels are cut at 0.5 to find outlines.
    """

    kind: Literal["boundary"] = "boundary"
    width_px: int = Field(default=3, ge=1)
    """Largest distance from an outline, in pixels."""
    boundary_weight: float = Field(default=5.0, ge=1)
    """Weight of a pixel near an outline; others have 1."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        landslide = pixels.hard_labels
        near = self._dilate(landslide) & self._dilate(pixels.valid & ~landslide)
        return pixels.mean(pixels.cross_entropy, 1 + (self.boundary_weight - 1) * near)

    def _dilate(self, mask: Tensor) -> Tensor:
        """Pixels (N, H, W) with a pixel of the mask at most ``width_px`` away."""
        size = 2 * self.width_px + 1
        # In two passes, which cost 2 size instead of size squared.
        across = max_pool2d(mask.float(), (1, size), stride=1, padding=(0, self.width_px))
        return max_pool2d(across, (size, 1), stride=1, padding=(self.width_px, 0)) > 0
