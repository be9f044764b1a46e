"""How light changes an image: brightness, colour, haze, contrast, shade, noise. All on batches (N, C, H, W) in DN.

Each function takes what it does as numbers, one a patch (or a patch and channel), so that training draws them at
random and the stress test fixes them.
"""

import torch
from torch import Tensor
from torch.nn import functional

_RAYLEIGH_EXPONENT = -4.0


def scattering(wavelengths_nm: Tensor) -> Tensor:
    """Share of haze in each channel against the shortest wavelength: Rayleigh, wavelength to the power of -4."""
    return (wavelengths_nm / wavelengths_nm.min()) ** _RAYLEIGH_EXPONENT


def gained(values: Tensor, gain: Tensor) -> Tensor:
    """Brighter or darker: gain (N,) for all channels, or (N, C) for a shift of colour."""
    return values * (gain[:, None, None, None] if gain.ndim == 1 else gain[:, :, None, None])


def hazed(values: Tensor, amount: Tensor, wavelengths_nm: Tensor) -> Tensor:
    """Light scattered into the view by air: the same for every pixel, strongest in the blue.

    Args:
        values: the batch.
        amount: (N,) haze in the shortest wavelength, as a share of the patch's mean in that channel.
        wavelengths_nm: (C,).
    """
    shares = scattering(wavelengths_nm)
    bluest = values[:, int(wavelengths_nm.argmin())].mean(dim=(1, 2))
    return values + (amount * bluest)[:, None, None, None] * shares[None, :, None, None]


def cleared(values: Tensor, amount: Tensor) -> Tensor:
    """Haze taken away, as an atmospheric correction does: a share (N,) of each channel's dark level is subtracted.

    The dark level is the second percentile of the patch (dark object subtraction, Chavez 1988).
    """
    return values - amount[:, None, None, None] * dark_level(values)[:, :, None, None]


def dark_level(values: Tensor) -> Tensor:
    """Second percentile of each patch and channel, (N, C)."""
    flat = values.flatten(2)
    return flat.kthvalue(max(1, round(0.02 * flat.shape[2])), dim=2).values


def mixed(values: Tensor, shares: Tensor) -> Tensor:
    """Other ground, other colours: each channel becomes a mixture (N, C, C) of all, each relative to its own mean."""
    mean = values.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    return torch.einsum("nij,njhw->nihw", shares, values / mean) * mean


def contrasted(values: Tensor, exponent: Tensor) -> Tensor:
    """More (exponent above 1) or less contrast about each channel's mean, (N,): mean * (value / mean) ** exponent."""
    mean = values.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    return mean * (values.clamp_min(0) / mean) ** exponent[:, None, None, None]


def shaded(values: Tensor, field: Tensor) -> Tensor:
    """Slow changes of illumination, as of relief: a coarse field (N, 1, h, w) of gains, stretched over the patch."""
    return values * functional.interpolate(field, size=values.shape[2:], mode="bilinear", align_corners=True)


def noised(values: Tensor, noise: Tensor, amount: Tensor) -> Tensor:
    """Noise (N, C, H, W) of unit deviation, scaled to an amount (N,) of each channel's mean."""
    return values + noise * amount[:, None, None, None] * values.mean(dim=(2, 3), keepdim=True)


def blurred(values: Tensor, amount: Tensor) -> Tensor:
    """A mixture (N,) of the image (0) and its 3 x 3 binomial blur (1)."""
    channels = values.shape[1]
    line = torch.tensor([0.25, 0.5, 0.25], dtype=values.dtype)
    kernel = (line[:, None] * line[None, :]).expand(channels, 1, 3, 3)
    soft = functional.conv2d(functional.pad(values, (1, 1, 1, 1), mode="reflect"), kernel, groups=channels)
    return values + amount[:, None, None, None] * (soft - values)
