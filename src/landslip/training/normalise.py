"""Normalisation: the first layer of every network, so that it travels inside the detector.

``fixed`` centres each channel with numbers taken from the training data. The others take their numbers from the
tile itself and do not change when the whole image gets brighter or darker: they are for data whose brightness is
unknown or differs from place to place. All take (N, C, H, W) in physical units.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from landslip.errors import RecipeError

NormalisationKind = Literal["fixed", "tile-brightness", "tile-log", "tile-log-channel", "tile-channel"]

TEXTS: Mapping[NormalisationKind, str] = MappingProxyType(
    {
        "fixed": "(value - mean) / deviation, numbers from the training part",
        "tile-brightness": "value / mean, divided by its mean over channels and pixels of the tile, less 1; the answer "
        "does not change with the tile's overall brightness",
        "tile-log": "logarithm of value / mean, less its mean over channels and pixels of the tile; the answer does "
        "not change with the tile's overall brightness",
        "tile-log-channel": "logarithm of value by the channel's mean over the tile (at least a tenth), less its own "
        "mean, by the channel's typical relative deviation within a tile; the answer does not change with the tile's "
        "overall brightness or colour cast, and what is small in contrast stays small",
        "tile-channel": "each channel less its mean over the tile, by its standard deviation over the tile (at least "
        "2 % of the tile's brightness); the answer does not change with the tile's overall brightness, and hardly "
        "with its colour cast or an even haze",
    }
)

_DARKEST_DN = 1.0
LEAST_DEVIATION_SHARE = 0.02
LEAST_RATIO = 0.1
"""To the tile's mean: what is darker, deep shade or water, counts as this dark, or its logarithm would run away."""


class Normalise(nn.Module):
    """Turns physical units into what a network sees."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, kind: NormalisationKind, mean: Tensor, deviation: Tensor) -> None:
        """Set up a normalisation.

        Args:
            kind: which one.
            mean: (C,) mean of each channel over the training data, in the channel's unit.
            deviation: (C,) typical standard deviation of a channel within a tile, likewise.
        """
        super().__init__()
        if kind not in get_args(NormalisationKind):
            raise RecipeError(f"'{kind}' is not a normalisation: allowed are {', '.join(get_args(NormalisationKind))}")
        self.kind = kind
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1).float())
        self.register_buffer("deviation", deviation.reshape(1, -1, 1, 1).float())

    def forward(self, values: Tensor) -> Tensor:
        """Normalise (N, C, H, W); the result has mean about 0 and deviation about 1."""
        if self.kind == "fixed":
            return (values - self.mean) / self.deviation
        if self.kind == "tile-brightness":
            relative = values / self.mean
            brightness = relative.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
            return (relative / brightness - 1) * (self.mean / self.deviation)
        if self.kind == "tile-log":
            logarithm = torch.log(values.clamp_min(_DARKEST_DN) / self.mean)
            return (logarithm - logarithm.mean(dim=(1, 2, 3), keepdim=True)) * (self.mean / self.deviation)
        centre = values.mean(dim=(2, 3), keepdim=True)
        if self.kind == "tile-log-channel":
            logarithm = torch.log((values / centre.clamp_min(_DARKEST_DN)).clamp_min(LEAST_RATIO))
            return (logarithm - logarithm.mean(dim=(2, 3), keepdim=True)) * (self.mean / self.deviation)
        away = values - centre
        # A tile of open water or cloud is flat: below a fiftieth of the tile's brightness its noise is left small.
        floor = LEAST_DEVIATION_SHARE * centre.mean(dim=1, keepdim=True).clamp_min(_DARKEST_DN)
        return away / torch.sqrt((away * away).mean(dim=(2, 3), keepdim=True) + floor * floor)

    def numbers(self) -> dict[str, float | tuple[float, ...]]:
        """The numbers in use, in the channels' units, for the card."""
        if self.kind == "tile-channel":
            return {"least_deviation_share": LEAST_DEVIATION_SHARE}
        return {"mean": tuple(self.mean.flatten().tolist()), "deviation": tuple(self.deviation.flatten().tolist())}
