"""Normalisation: the first layer of every network, so that it travels inside the detector.

``fixed`` centres each channel with numbers taken from the training data. The others take their numbers from the
tile itself and do not change when the whole image gets brighter or darker: they are for data whose brightness is
unknown or differs from place to place. All take (N, C, H, W) in physical units.

Slope and elevation have no brightness: where a tile is the measure for the spectral channels, slope is taken as
``fixed`` and elevation less its mean over the tile.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from landslip.channels import CHANNELS
from landslip.errors import RecipeError

NormalisationKind = Literal["fixed", "tile-brightness", "tile-log", "tile-log-channel", "tile-channel", "l4s", "none"]

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
        "l4s": "value / the divisor of Landslide4Sense, which gives the numbers of its files, as the paper feeds them",
        "none": "physical units as they are",
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
    divisor: Tensor
    spectral: Tensor
    terrain: Tensor
    back: Tensor

    def __init__(
        self, kind: NormalisationKind, mean: Tensor, deviation: Tensor, channels: Sequence[str] | None = None
    ) -> None:
        """Set up a normalisation.

        Args:
            kind: which one.
            mean: (C,) mean of each channel over the training data, in the channel's unit.
            deviation: (C,) typical standard deviation of a channel within a tile, likewise.
            channels: their names; all spectral where left out.
        """
        super().__init__()
        if kind not in get_args(NormalisationKind):
            raise RecipeError(f"'{kind}' is not a normalisation: allowed are {', '.join(get_args(NormalisationKind))}")
        self.kind = kind
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1).float())
        # A channel that never changes is left at 0 rather than divided by it.
        self.register_buffer("deviation", deviation.reshape(1, -1, 1, 1).float().clamp_min(1e-6))
        names = channels or ()
        terrain = [place for place, name in enumerate(names) if CHANNELS[name].wavelength_nm is None]
        spectral = [place for place in range(mean.numel()) if place not in terrain]
        self.elevation = [name == "elevation" for name in names if CHANNELS[name].wavelength_nm is None]
        divisors = [CHANNELS[name].l4s_divisor for name in names] or [1.0] * mean.numel()
        # What follows from the names is not stored with the weights.
        self.register_buffer("divisor", torch.tensor(divisors).reshape(1, -1, 1, 1).float(), persistent=False)
        self.register_buffer("spectral", torch.tensor(spectral, dtype=torch.long), persistent=False)
        self.register_buffer("terrain", torch.tensor(terrain, dtype=torch.long), persistent=False)
        self.register_buffer("back", torch.tensor(spectral + terrain).argsort(), persistent=False)
        self.has_terrain = bool(terrain)

    def forward(self, values: Tensor) -> Tensor:
        """Normalise (N, C, H, W); but for ``l4s`` and ``none`` the result has mean about 0 and deviation about 1."""
        if self.kind == "none":
            return values
        if self.kind == "l4s":
            return values / self.divisor
        if self.kind == "fixed":
            return (values - self.mean) / self.deviation
        if not self.has_terrain:
            return self._by_tile(values, self.mean, self.deviation)
        light, ground = (values.index_select(1, places) for places in (self.spectral, self.terrain))
        seen = [self._ground(ground)]
        if len(self.spectral):
            numbers = (number.index_select(1, self.spectral) for number in (self.mean, self.deviation))
            seen.insert(0, self._by_tile(light, *numbers))
        return torch.cat(seen, dim=1).index_select(1, self.back)

    def _ground(self, values: Tensor) -> Tensor:
        mean, deviation = (number.index_select(1, self.terrain) for number in (self.mean, self.deviation))
        relative = torch.tensor(self.elevation, device=values.device).reshape(1, -1, 1, 1)
        return (values - torch.where(relative, values.mean(dim=(2, 3), keepdim=True), mean)) / deviation

    def _by_tile(self, values: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        if self.kind == "tile-brightness":
            relative = values / mean
            brightness = relative.mean(dim=(1, 2, 3), keepdim=True).clamp_min(1e-6)
            return (relative / brightness - 1) * (mean / deviation)
        if self.kind == "tile-log":
            logarithm = torch.log(values.clamp_min(_DARKEST_DN) / mean)
            return (logarithm - logarithm.mean(dim=(1, 2, 3), keepdim=True)) * (mean / deviation)
        centre = values.mean(dim=(2, 3), keepdim=True)
        if self.kind == "tile-log-channel":
            logarithm = torch.log((values / centre.clamp_min(_DARKEST_DN)).clamp_min(LEAST_RATIO))
            return (logarithm - logarithm.mean(dim=(2, 3), keepdim=True)) * (mean / deviation)
        away = values - centre
        # A tile of open water or cloud is flat: below a fiftieth of the tile's brightness its noise is left small.
        floor = LEAST_DEVIATION_SHARE * centre.mean(dim=1, keepdim=True).clamp_min(_DARKEST_DN)
        return away / torch.sqrt((away * away).mean(dim=(2, 3), keepdim=True) + floor * floor)

    def numbers(self) -> dict[str, float | tuple[float, ...]]:
        """The numbers in use, in the channels' units, for the card."""
        if self.kind == "none":
            return {}
        if self.kind == "l4s":
            return {"divisor": tuple(self.divisor.flatten().tolist())}
        if self.kind == "tile-channel" and not self.has_terrain:
            return {"min_deviation_fraction": LEAST_DEVIATION_SHARE}
        return {"mean": tuple(self.mean.flatten().tolist()), "deviation": tuple(self.deviation.flatten().tolist())}
