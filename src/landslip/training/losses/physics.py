"""Physics: no landslide where the ground is too flat for one to start on or to run over."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import max_pool2d

from landslip.training.losses.pixels import Pixels, Term


class FlatGround(Term):
    """Penalty on the probability of landslide on flat ground; off unless a recipe names it.

    Mean over observed pixels of ``p f(slope)``, with ``f = 1 / (1 + exp((slope - midpoint_deg) / width_deg))``: nearly 1
    on level ground, one half at ``midpoint_deg``, nearly 0 on steep ground. It knows nothing of the truth. A pixel whose
    slope is not a number costs nothing.

    Where ``midpoint_deg`` comes from. An infinite slope without cohesion, wet to the surface, with water of half the
    density of soil, is at its limit where ``tan(slope) = tan(friction angle) / 2`` (the factor of safety of Pack,
    Tarboton and Goodwin 1998, Terrain Stability Mapping with SINMAP, for C = 0, w = 1, r = 0.5): 10.3 degrees for weak
    soil of 20, 16.1 for 30. And 10 degrees is where Milledge et al. 2019 (doi 10.5194/nhess-19-837-2019) let debris
    come to rest. f is then the chance that the limit, drawn about ``midpoint_deg``, lies above the slope; that it is
    logistic, and ``width_deg``, are choices and not measurements.

    What it is not: a law of nature. Quick clay, lateral spreads and long runout do reach flatter ground.
    """

    needs: ClassVar[tuple[str, ...]] = ("slope",)

    kind: Literal["flat-ground"] = "flat-ground"
    midpoint_deg: float = Field(default=10.0, gt=0, lt=90)
    """The slope at which half of the probability is charged."""
    width_deg: float = Field(default=2.0, gt=0)
    """Over how many degrees the charge fades, by a factor of e each on steep ground."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch."""
        return pixels.mean(pixels.probability * self.too_flat(pixels.channel("slope")))

    def too_flat(self, slope_deg: Tensor) -> Tensor:
        """How flat the ground is, from 1 on level ground to 0 on steep; 0 where the slope is not a number."""
        return torch.nan_to_num(torch.sigmoid((self.midpoint_deg - slope_deg) / self.width_deg), nan=0.0)


class Runout(Term):
    """Penalty on a probability that changes down the fall line; off unless a recipe names it.

    Mean of ``w (dp/ds)^2``: p the probability, s the way in pixels along the gradient of elevation z, and
    ``w = |dz|^2 / (|dz|^2 + m^2)`` with the rise |dz| a pixel and m = ``min_rise_m``, so that ground too level to
    have a fall line hardly counts. Flanks cost nothing, the upper and the lower end cost: of two shapes of one size,
    the one that is long downhill is cheaper, and a gap in a track is closed along the track.

    Landslides move downhill and are mostly longer than wide: 1.2 to 15 times in two inventories of 20,705 together
    (Taylor, Malamud, Witt and Guzzetti 2018, Landslide shape, ellipticity and length-to-width ratios), though not all
    are (Niculita 2016, doi 10.5194/nhess-16-2021-2016). That is the source of the idea. The equation was made for
    landslip: it is smoothing along one direction.

    It has no opinion on false alarms: an even probability costs nothing, right or wrong. The fall line is taken from
    the elevation that the network sees, so it turns with every turn of the image. A pixel counts where it and its eight
    neighbours are observed with a known elevation, so the outermost ring of an image does not.
    """

    needs: ClassVar[tuple[str, ...]] = ("elevation",)

    kind: Literal["runout"] = "runout"
    min_rise_m: float = Field(default=1.0, gt=0)
    """Rise from pixel to pixel at which a fall line counts half: 1 m in 10 m is 5.7 degrees."""

    def of(self, pixels: Pixels) -> Tensor:
        """The loss of a batch; 0 for images of less than three pixels a side."""
        if min(pixels.logits.shape[1:]) < 3:
            return (pixels.logits * 0).sum()
        elevation = pixels.channel("elevation")
        known = pixels.observed & torch.isfinite(elevation)
        elevation = torch.where(known, elevation, torch.zeros_like(elevation))
        whole = -max_pool2d(-known.to(elevation.dtype), 3, stride=1)
        right, down = _rise(elevation)
        steep = right.square() + down.square()
        weight = whole * steep / (steep + self.min_rise_m**2)
        probability_right, probability_down = _rise(pixels.probability)
        along = (probability_right * right + probability_down * down).square() / torch.where(steep > 0, steep, 1)
        return (weight * along).sum() / whole.sum().clamp_min(1.0)


def _rise(image: Tensor) -> tuple[Tensor, Tensor]:
    """Change of images (N, H, W) a pixel to the right and a pixel down, each (N, H - 2, W - 2).

    The third-order difference of Horn (1981), as slope and aspect are taken elsewhere in landslip; by subtraction, as
    the convolutions of a GPU round to three digits, too few for heights.
    """
    rights, downs = image[:, :, 2:] - image[:, :, :-2], image[:, 2:] - image[:, :-2]
    right = (rights[:, :-2] + 2 * rights[:, 1:-1] + rights[:, 2:]) / 8
    down = (downs[:, :, :-2] + 2 * downs[:, :, 1:-1] + downs[:, :, 2:]) / 8
    return right, down
