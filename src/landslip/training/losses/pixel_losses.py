"""Cross-entropy: with classes weighted, as the paper has it, and against a softened truth."""

from math import ceil
from typing import Annotated, Final, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, max_pool2d, softplus

from landslip.training.losses.pixels import Pixels, Term

MOST_BALANCE: Final = 100.0
"""The most that ``balanced`` multiplies landslide by: else the only landslide pixel of a batch would outweigh all."""


class CrossEntropy(Term):
    """Binary cross-entropy in which landslide counts more than the rest.

    Mean over observed pixels of ``w (y ln p + (1 - y) ln(1 - p))``, negated, with ``w = positive_weight`` on the first
    summand alone, as ``torch.nn.BCEWithLogitsLoss(pos_weight=...)``. Takes a soft truth as it is.
    """

    kind: Literal["cross-entropy"] = "cross-entropy"
    positive_weight: Annotated[float, Field(gt=0)] | Literal["balanced"] = 1.0
    """How many pixels of ground a landslide pixel counts as; balanced: as many as the batch has to one, 1 to 100."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch; without any landslide in it that of plain cross-entropy."""
        if self.positive_weight == "balanced":
            landslide = pixels.landslide.sum()
            weight = ((pixels.observed.sum() - landslide) / landslide.clamp_min(1.0)).clamp(1.0, MOST_BALANCE)
        else:
            weight = pixels.logits.new_tensor(self.positive_weight)
        entropy = binary_cross_entropy_with_logits(pixels.logits, pixels.landslide, pos_weight=weight, reduction="none")
        return pixels.mean(entropy)


class PaperCrossEntropy(Term):
    """The cross-entropy of arXiv 2507.01123, quirk included: its weight of 5 was meant for landslide.

    The source calls ``torch.nn.BCELoss(weight=tensor([5]))``, whose weight multiplies every pixel, landslide or not. So
    it balances nothing: it makes cross-entropy five times as heavy against Dice. Here it is taken from logits, which
    is the same number until float32 rounds the source's probability to 1 (a logit above 16) and its gradient vanishes.
    """

    kind: Literal["paper-cross-entropy"] = "paper-cross-entropy"
    pixel_weight: float = Field(default=5.0, gt=0)
    """What the cross-entropy of every pixel is multiplied by."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        return self.pixel_weight * pixels.mean(pixels.cross_entropy)


class SoftCrossEntropy(Term):
    """Cross-entropy of two classes against labels made less sure (Szegedy et al. 2016, arXiv 1512.00567, section 7).

    The truth y becomes ``y (1 - smoothing) + smoothing / 2``, so that no logit has to run away, and a wrong label at a
    hand-drawn border costs less. Its least is not 0 but the entropy of the softened truth.
    """

    kind: Literal["soft-cross-entropy"] = "soft-cross-entropy"
    smoothing: float = Field(default=0.1, ge=0, lt=1)
    """Share of the truth that is spread evenly over both classes."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        softened = pixels.landslide * (1 - self.smoothing) + self.smoothing / 2
        return pixels.mean(softplus(pixels.logits) - softened * pixels.logits)


_LEAST_ERROR = 1e-6  # A power below 1 has an infinite slope at 0.


class Focal(Term):
    """Focal loss (Lin et al. 2017, arXiv 1708.02002), mean over observed pixels.

    ``a |y - p|^gamma H(y, p)`` with the cross-entropy H and a = alpha on landslide, 1 - alpha elsewhere. For a truth of
    0 or 1 that is Lin's formula; for a soft truth it is the quality focal loss of Li et al. 2020 (arXiv 2006.04388),
    whose least lies at p = y.
    """

    kind: Literal["focal"] = "focal"
    gamma: float = Field(default=2.0, ge=0)
    """How fast a pixel is forgotten as it comes right; 0 is cross-entropy."""
    alpha: float | None = Field(default=0.25, gt=0, lt=1)
    """Weight of landslide, the rest weighs 1 - alpha; null weighs both 1."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        error = (pixels.landslide - pixels.logits.sigmoid()).abs().clamp_min(_LEAST_ERROR)
        focal = error**self.gamma * pixels.cross_entropy
        if self.alpha is not None:
            focal = focal * (self.alpha * pixels.landslide + (1 - self.alpha) * (1 - pixels.landslide))
        return pixels.mean(focal)


class HardPixels(Term):
    """Mean cross-entropy of the hardest share of a batch's observed pixels (Wu et al. 2016, arXiv 1605.06885).

    Most of a batch is easy ground that drowns the few pixels that decide a border. Takes a soft truth as it is.
    """

    kind: Literal["hard-pixels"] = "hard-pixels"
    fraction: float = Field(default=0.1, gt=0, le=1)
    """Share of the observed pixels that counts, rounded up; 1 is plain cross-entropy."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        # Cross-entropy is never below 0, so what is not observed comes last.
        entropy = pixels.cross_entropy.masked_fill(~pixels.observed, -1.0).flatten()
        # As many as can count were all observed: a size that a GPU knows without waiting.
        hardest, _ = entropy.topk(min(ceil(len(entropy) * self.fraction) + 1, len(entropy)))
        count = (pixels.observed.sum() * self.fraction).ceil()
        counted = torch.arange(len(hardest), device=hardest.device) < count
        return (hardest * counted).sum() / count.clamp_min(1.0)


class Boundary(Term):
    """Cross-entropy weighted near the borders of landslides (after the weight map of U-Net, arXiv 1505.04597, eq. 2).

    A pixel counts ``boundary_weight`` times where the other class lies at most ``width_px`` rows and columns away, else
    once; the mean is by weight. Where landslide meets ground not observed there is no border. Borders are those of the
    truth cut at one half, cross-entropy takes a soft truth as it is.
    """

    kind: Literal["boundary"] = "boundary"
    width_px: int = Field(default=3, ge=1)
    """How far from a border a pixel counts as near it."""
    boundary_weight: float = Field(default=5.0, ge=1)
    """How many pixels far from a border one near it counts as."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        landslide = pixels.landslide_or_not
        ground = pixels.observed & ~landslide
        near = self._reach(landslide) & self._reach(ground)
        return pixels.mean(pixels.cross_entropy, 1 + (self.boundary_weight - 1) * near)

    def _reach(self, mask: Tensor) -> Tensor:
        """Pixels (N, H, W) that have one of the mask at most ``width_px`` away."""
        size = 2 * self.width_px + 1
        # A square is a row of a column: two passes cost 2 size instead of size squared.
        across = max_pool2d(mask.float(), (1, size), stride=1, padding=(0, self.width_px))
        return max_pool2d(across, (size, 1), stride=1, padding=(self.width_px, 0)) > 0
