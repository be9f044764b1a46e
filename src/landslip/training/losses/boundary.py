"""Borders of landslides count more than what lies far from them."""

from typing import Literal

from pydantic import Field
from torch import Tensor
from torch.nn.functional import max_pool2d

from landslip.training.losses.pixels import Pixels
from landslip.training.losses.term import Term


class Boundary(Term):
    """Cross-entropy weighted near the borders of landslides (after the weight map of U-Net, arXiv 1505.04597, eq. 2).

    A pixel counts ``border_weight`` times where the other class lies at most ``width_px`` rows and columns away, else
    once; the mean is by weight. Where landslide meets ground not observed there is no border. Borders are those of the
    truth cut at one half, cross-entropy takes a soft truth as it is.
    """

    kind: Literal["boundary"] = "boundary"
    width_px: int = Field(default=3, ge=1)
    """How far from a border a pixel counts as near it."""
    border_weight: float = Field(default=5.0, ge=1)
    """How many pixels far from a border one near it counts as."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        landslide = pixels.landslide_or_not
        ground = pixels.observed & ~landslide
        near = self._reach(landslide) & self._reach(ground)
        return pixels.mean(pixels.cross_entropy, 1 + (self.border_weight - 1) * near)

    def _reach(self, mask: Tensor) -> Tensor:
        """Pixels (N, H, W) that have one of the mask at most ``width_px`` away."""
        size = 2 * self.width_px + 1
        # A square is a row of a column: two passes cost 2 size instead of size squared.
        across = max_pool2d(mask.float(), (1, size), stride=1, padding=(0, self.width_px))
        return max_pool2d(across, (size, 1), stride=1, padding=(self.width_px, 0)) > 0
