"""Focal loss: what is right already counts for little."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from landslip.training.losses.pixels import Pixels
from landslip.training.losses.term import Term

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
