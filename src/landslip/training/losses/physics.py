"""Loss terms of slope and elevation: landslides are unlikely on flat ground, and elongated downhill."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import max_pool2d

from landslip.training.losses.pixels import LossTerm, Pixels


class FlatGround(LossTerm):
    """Penalty on landslide probability on flat ground.

    Mean over valid pixels of ``p f(slope)`` with ``f = 1 / (1 + exp((slope - midpoint_deg) / width_deg))``: nearly 1 on
    level ground, 0.5 at ``midpoint_deg``, nearly 0 on steep ground. Labels are not used. A NaN slope costs 0.

    Choice of ``midpoint_deg``: an infinite cohesionless slope, saturated to the surface, with water of half the density
    of soil, is at its limit where ``tan(slope) = tan(friction angle) / 2`` (factor of safety of Pack, Tarboton and
    Goodwin 1998, SINMAP, for C = 0, w = 1, r = 0.5): 10.3 degrees for a friction angle of 20 degrees, 16.1 for 30.
    Debris comes to rest at 10 degrees in Milledge et al. 2019 (doi 10.5194/nhess-19-837-2019). The logistic form and
    ``width_deg`` are choices, not measurements.

    The rule has exceptions: quick clay, lateral spreads and long runout reach flatter ground.
    """

    needs: ClassVar[tuple[str, ...]] = ("slope",)

    kind: Literal["flat-ground"] = "flat-ground"
    midpoint_deg: float = Field(default=10.0, gt=0, lt=90)
    """Slope at which the penalty is half of its maximum."""
    width_deg: float = Field(default=2.0, gt=0)
    """Slope over which the penalty falls by a factor of e on steep ground."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch."""
        return pixels.mean(pixels.probability * self.flatness(pixels.channel("slope")))

    def flatness(self, slope_deg: Tensor) -> Tensor:
        """Return the penalty factor, from 1 on level ground to 0 on steep ground; 0 where the slope is NaN."""
        return torch.nan_to_num(torch.sigmoid((self.midpoint_deg - slope_deg) / self.width_deg), nan=0.0)


class Runout(LossTerm):
    """Penalty on changes of probability along the fall line.

    Mean of ``w (dp/ds)^2``: p the probability, s the distance in pixels along the gradient of the elevation z, and
    ``w = |dz|^2 / (|dz|^2 + m^2)`` with the rise |dz| per pixel and m = ``min_rise_m``, so that level ground, where the
    fall line is not defined, hardly counts. The upper and lower ends of a landslide cost, its flanks do not: of two
    shapes of one size the one that is long downhill is cheaper, and a gap in a track is closed along the track.

    Landslides move downhill and most are longer than wide: 1.2 to 15 times in two inventories with 20,705 landslides
    (Taylor, Malamud, Witt and Guzzetti 2018, Landslide shape, ellipticity and length-to-width ratios), though not all
    (Niculita 2016, doi 10.5194/nhess-16-2021-2016). The equation was made for landslip; it is smoothing along one
    direction.

    A constant probability costs 0, so false positives are not penalised. The fall line is that of the elevation channel
    and rotates with the image. A pixel counts if it and its eight neighbours are valid with a known elevation, so the
    outermost ring of an image does not.
    """

    needs: ClassVar[tuple[str, ...]] = ("elevation",)

    kind: Literal["runout"] = "runout"
    min_rise_m: float = Field(default=1.0, gt=0)
    """Rise per pixel at which the weight is 0.5: 1 m in 10 m is 5.7 degrees."""

    def compute(self, pixels: Pixels) -> Tensor:
        """Return the loss of a batch; 0 for images of less than three pixels per side."""
        if min(pixels.logits.shape[1:]) < 3:
            return (pixels.logits * 0).sum()
        elevation = pixels.channel("elevation")
        known = pixels.valid & torch.isfinite(elevation)
        elevation = torch.where(known, elevation, torch.zeros_like(elevation))
        complete = -max_pool2d(-known.to(elevation.dtype), 3, stride=1)
        right, down = _gradient(elevation)
        steepness = right.square() + down.square()
        weight = complete * steepness / (steepness + self.min_rise_m**2)
        probability_right, probability_down = _gradient(pixels.probability)
        along = (probability_right * right + probability_down * down).square()
        along = along / torch.where(steepness > 0, steepness, 1)
        return (weight * along).sum() / complete.sum().clamp_min(1.0)


def _gradient(image: Tensor) -> tuple[Tensor, Tensor]:
    """Change of images (N, H, W) per pixel to the right and down, each (N, H - 2, W - 2).

    The third-order difference of Horn (1981), as for slope and aspect elsewhere in landslip. By subtraction, because
    convolutions on a GPU round to three digits (TF32), too few for elevations.
    """
    rights, downs = image[:, :, 2:] - image[:, :, :-2], image[:, 2:] - image[:, :-2]
    right = (rights[:, :-2] + 2 * rights[:, 1:-1] + rights[:, 2:]) / 8
    down = (downs[:, :, :-2] + 2 * downs[:, :, 1:-1] + downs[:, :, 2:]) / 8
    return right, down
