"""Normalisation: the first layer of every network, and therefore part of the detector.

``fixed`` uses statistics of the training data. The others use statistics of the tile, and their output does not change
with the brightness of the whole image: they are for data whose brightness is unknown or varies between scenes. All
take (N, C, H, W) in physical units.

The two dates of a detector of change are normalised apart, as two images.

Terrain has no brightness: where spectral channels are normalised by tile, slope is normalised as in ``fixed``, and
elevation by its difference to the tile mean.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from landslip.channels import BEFORE_SUFFIX, DETECTOR_INPUTS
from landslip.errors import RecipeError

NormalisationKind = Literal["fixed", "tile-brightness", "tile-log", "tile-log-channel", "tile-channel", "l4s", "none"]

TEXTS: Mapping[NormalisationKind, str] = MappingProxyType(
    {
        "fixed": "(value - mean) / deviation, with mean and deviation of the training part",
        "tile-brightness": "value / mean, divided by its mean over channels and pixels of the tile, minus 1; the "
        "output does not depend on the tile's overall brightness",
        "tile-log": "logarithm of value / mean, minus its mean over channels and pixels of the tile; the output does "
        "not depend on the tile's overall brightness",
        "tile-log-channel": "logarithm of value / channel mean of the tile (at least 0.1), minus its own mean, divided "
        "by the channel's typical relative deviation within a tile; the output does not depend on the tile's overall "
        "brightness or colour cast, and low contrast stays low",
        "tile-channel": "(value - channel mean of the tile) / channel standard deviation of the tile (at least 2 % of "
        "the tile's brightness); the output does not depend on the tile's overall brightness, and hardly on its "
        "colour cast or constant haze",
        "l4s": "value / divisor of Landslide4Sense: the values of its files, as in arXiv 2507.01123",
        "none": "physical units",
    }
)

_DARKEST_DN = 1.0
MIN_DEVIATION_FRACTION = 0.02
MIN_RATIO = 0.1
"""Lowest ratio to the tile mean: darker pixels, such as water, are set to it, because their logarithm diverges."""


class Normalise(nn.Module):
    """Converts physical units to the input of a network."""

    mean: Tensor
    deviation: Tensor
    divisor: Tensor
    spectral: Tensor
    terrain: Tensor
    earlier: Tensor
    back: Tensor

    def __init__(
        self, kind: NormalisationKind, mean: Tensor, deviation: Tensor, channels: Sequence[str] | None = None
    ) -> None:
        """Set up a normalisation.

        Args:
            kind: a key of ``TEXTS``.
            mean: (C,) mean of each channel over the training data, in the channel's unit.
            deviation: (C,) typical standard deviation of each channel within a tile, in the channel's unit.
            channels: names; all spectral where None.

        Raises:
            RecipeError: the kind is unknown.
        """
        super().__init__()
        if kind not in get_args(NormalisationKind):
            raise RecipeError(
                f"unknown normalisation '{kind}': allowed are {', '.join(get_args(NormalisationKind))}",
                parameter="network.normalisation",
            )
        self.kind = kind
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1).float())
        # A constant channel becomes 0 instead of being divided by 0.
        self.register_buffer("deviation", deviation.reshape(1, -1, 1, 1).float().clamp_min(1e-6))
        names = channels or ()
        terrain = [index for index, name in enumerate(names) if DETECTOR_INPUTS[name].wavelength_nm is None]
        earlier = [index for index, name in enumerate(names) if name.endswith(BEFORE_SUFFIX)]
        spectral = [index for index in range(mean.numel()) if index not in (*terrain, *earlier)]
        self.elevation = [name == "elevation" for name in names if DETECTOR_INPUTS[name].wavelength_nm is None]
        divisors = [DETECTOR_INPUTS[name].l4s_divisor for name in names] or [1.0] * mean.numel()
        # Buffers that follow from the names are not stored with the weights.
        self.register_buffer("divisor", torch.tensor(divisors).reshape(1, -1, 1, 1).float(), persistent=False)
        self.register_buffer("spectral", torch.tensor(spectral, dtype=torch.long), persistent=False)
        self.register_buffer("terrain", torch.tensor(terrain, dtype=torch.long), persistent=False)
        self.register_buffer("earlier", torch.tensor(earlier, dtype=torch.long), persistent=False)
        self.register_buffer("back", torch.tensor(spectral + earlier + terrain).argsort(), persistent=False)
        self.one_image = not terrain and not earlier

    def forward(self, values: Tensor) -> Tensor:
        """Normalise (N, C, H, W); except for ``l4s`` and ``none`` the mean is about 0 and the deviation about 1."""
        if self.kind == "none":
            return values
        if self.kind == "l4s":
            return values / self.divisor
        if self.kind == "fixed":
            return (values - self.mean) / self.deviation
        if self.one_image:
            return self._by_tile(values, self.mean, self.deviation)
        parts = []
        for indices in (self.spectral, self.earlier):
            if len(indices):
                light, mean, deviation = (one.index_select(1, indices) for one in (values, self.mean, self.deviation))
                parts.append(self._by_tile(light, mean, deviation))
        if len(self.terrain):
            parts.append(self._normalise_terrain(values.index_select(1, self.terrain)))
        return torch.cat(parts, dim=1).index_select(1, self.back)

    def _normalise_terrain(self, values: Tensor) -> Tensor:
        mean, deviation = (one.index_select(1, self.terrain) for one in (self.mean, self.deviation))
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
            logarithm = torch.log((values / centre.clamp_min(_DARKEST_DN)).clamp_min(MIN_RATIO))
            return (logarithm - logarithm.mean(dim=(2, 3), keepdim=True)) * (mean / deviation)
        away = values - centre
        # A tile of water or cloud has no contrast: the lower limit keeps its noise small.
        floor = MIN_DEVIATION_FRACTION * centre.mean(dim=1, keepdim=True).clamp_min(_DARKEST_DN)
        return away / torch.sqrt((away * away).mean(dim=(2, 3), keepdim=True) + floor * floor)

    def parameters_for_card(self) -> dict[str, float | tuple[float, ...]]:
        """Return the statistics in use, in the channels' units."""
        if self.kind == "none":
            return {}
        if self.kind == "l4s":
            return {"divisor": tuple(self.divisor.flatten().tolist())}
        if self.kind == "tile-channel" and not len(self.terrain):
            return {"min_deviation_fraction": MIN_DEVIATION_FRACTION}
        return {"mean": tuple(self.mean.flatten().tolist()), "deviation": tuple(self.deviation.flatten().tolist())}
