"""A fixed set of photometric perturbations, to measure how robust a network is to light that it was not trained on."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

from landslip.training.augmentation import light

Perturbation = Callable[[Tensor, Tensor], Tensor]
"""Changes values (N, C, H, W), given the wavelength of each channel in nm, (C,); NaN where a channel has none."""


def apply_to_spectral(change: Perturbation) -> Perturbation:
    """Restrict a perturbation to spectral channels; slope and elevation do not depend on light."""

    def changed(values: Tensor, wavelengths_nm: Tensor) -> Tensor:
        spectral = wavelengths_nm.isfinite().nonzero().flatten()
        if len(spectral) == len(wavelengths_nm):
            return change(values, wavelengths_nm)
        if not len(spectral):
            return values
        indices = spectral.to(values.device)
        return values.index_copy(1, indices, change(values.index_select(1, indices), wavelengths_nm[spectral]))

    return changed


def _tint(values: Tensor, wavelengths_nm: Tensor, red_over_blue: float) -> Tensor:
    """Multiply the longest wavelength by a factor relative to the shortest, those between in proportion."""
    low, high = wavelengths_nm.min(), wavelengths_nm.max()
    position = (wavelengths_nm - low) / (high - low).clamp_min(1e-6) - 0.5
    gain = torch.exp(position * torch.log(torch.tensor(red_over_blue))).to(values)
    return light.apply_gain(values, gain.expand(len(values), -1))


def _desaturate(values: Tensor, weight: float) -> Tensor:
    """Replace a fraction of every channel by the mean of all channels."""
    channels = values.shape[1]
    weights = (1 - weight) * torch.eye(channels, device=values.device) + weight / channels
    return light.mix_channels(values, weights.expand(len(values), -1, -1))


def _each(values: Tensor, number: float) -> Tensor:
    return torch.full((len(values),), number, device=values.device)


_ALL: Mapping[str, Perturbation] = {
    "half brightness": lambda values, _: light.apply_gain(values, _each(values, 0.5)),
    "double brightness": lambda values, _: light.apply_gain(values, _each(values, 2.0)),
    "haze added": lambda values, nm: light.add_haze(values, _each(values, 0.3), nm),
    "haze removed": lambda values, nm: light.remove_haze(values, _each(values, 0.7), nm),
    "redder": lambda values, nm: _tint(values, nm, 1.35),
    "bluer": lambda values, nm: _tint(values, nm, 1 / 1.35),
    "less saturated": lambda values, _: _desaturate(values, 0.3),
    "lower contrast": lambda values, _: light.change_contrast(values, _each(values, 0.75)),
}

PERTURBATIONS: Final[Mapping[str, Perturbation]] = MappingProxyType(
    {name: apply_to_spectral(change) for name, change in _ALL.items()}
)
"""By name; they take wavelengths on the CPU."""
