"""Cross-entropy: with classes weighted, as the paper has it, and against a softened truth."""

from typing import Annotated, Final, Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from landslip.training.losses.pixels import Pixels
from landslip.training.losses.term import Term

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
