"""Physics: no landslide where the ground is too flat for one to start on or to run over."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from landslip.training.losses.pixels import Pixels
from landslip.training.losses.term import Term


class FlatGround(Term):
    """Penalty on the probability of landslide on flat ground; off unless a recipe names it.

    Mean over observed pixels of ``p f(slope)``, with ``f = 1 / (1 + exp((slope - middle_deg) / width_deg))``: nearly 1
    on level ground, one half at ``middle_deg``, nearly 0 on steep ground. It knows nothing of the truth. A pixel whose
    slope is not a number costs nothing.

    Where ``middle_deg`` comes from. An infinite slope without cohesion, wet to the surface, with water of half the
    density of soil, is at its limit where ``tan(slope) = tan(friction angle) / 2`` (the factor of safety of Pack,
    Tarboton and Goodwin 1998, Terrain Stability Mapping with SINMAP, for C = 0, w = 1, r = 0.5): 10.3 degrees for weak
    soil of 20, 16.1 for 30. And 10 degrees is where Milledge et al. 2019 (doi 10.5194/nhess-19-837-2019) let debris
    come to rest. f is then the chance that the limit, drawn about ``middle_deg``, lies above the slope; that it is
    logistic, and ``width_deg``, are choices and not measurements.

    What it is not: a law of nature. Quick clay, lateral spreads and long runout do reach flatter ground.
    """

    needs: ClassVar[tuple[str, ...]] = ("slope",)

    kind: Literal["flat-ground"] = "flat-ground"
    middle_deg: float = Field(default=10.0, gt=0, lt=90)
    """The slope at which half of the probability is charged."""
    width_deg: float = Field(default=2.0, gt=0)
    """Over how many degrees the charge fades, by a factor of e each on steep ground."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        return pixels.mean(pixels.probability * self.too_flat(pixels.channel("slope")))

    def too_flat(self, slope_deg: Tensor) -> Tensor:
        """How flat the ground is, from 1 on level ground to 0 on steep; 0 where the slope is not a number."""
        return torch.nan_to_num(torch.sigmoid((self.middle_deg - slope_deg) / self.width_deg), nan=0.0)
