"""A fixed set of changes of light, to ask how a network fares where the light differs from that it was trained in."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from landslip.training.augmentation import light

Change = Callable[[Tensor, Tensor], Tensor]
"""Changes values (N, C, H, W), given the wavelength of each channel in nm, (C,); NaN where a channel has none."""


def _of_light(change: Change) -> Change:
    """The change on spectral channels alone; slope and elevation do not depend on light."""

    def changed(values: Tensor, wavelengths_nm: Tensor) -> Tensor:
        spectral = wavelengths_nm.isfinite().nonzero().flatten()
        if len(spectral) == len(wavelengths_nm):
            return change(values, wavelengths_nm)
        places = spectral.to(values.device)
        return values.index_copy(1, places, change(values.index_select(1, places), wavelengths_nm[spectral]))

    return changed


def _tint(values: Tensor, wavelengths_nm: Tensor, red_over_blue: float) -> Tensor:
    """Tilt the colours: the longest wavelength against the shortest by a factor, those between in proportion."""
    low, high = wavelengths_nm.min(), wavelengths_nm.max()
    place = (wavelengths_nm - low) / (high - low).clamp_min(1e-6) - 0.5
    gain = torch.exp(place * torch.log(torch.tensor(red_over_blue))).to(values)
    return light.gained(values, gain.expand(len(values), -1))


def _greyer(values: Tensor, share: float) -> Tensor:
    """Less colour in the ground: a share of every channel is the mean of all."""
    channels = values.shape[1]
    shares = (1 - share) * torch.eye(channels, device=values.device) + share / channels
    return light.mixed(values, shares.expand(len(values), -1, -1))


def _all(values: Tensor, number: float) -> Tensor:
    return torch.full((len(values),), number, device=values.device)


_CHANGES: Mapping[str, Change] = {
    "half as bright": lambda values, _: light.gained(values, _all(values, 0.5)),
    "twice as bright": lambda values, _: light.gained(values, _all(values, 2.0)),
    "hazy": lambda values, nm: light.hazed(values, _all(values, 0.3), nm),
    "cleared": lambda values, nm: light.cleared(values, _all(values, 0.7), nm),
    "redder": lambda values, nm: _tint(values, nm, 1.35),
    "bluer": lambda values, nm: _tint(values, nm, 1 / 1.35),
    "greyer": lambda values, _: _greyer(values, 0.3),
    "flat": lambda values, _: light.contrasted(values, _all(values, 0.75)),
}

STRESSES: Final[Mapping[str, Change]] = MappingProxyType({name: _of_light(change) for name, change in _CHANGES.items()})
"""By name; wavelengths on the CPU."""
