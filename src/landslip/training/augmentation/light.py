"""How light and the instrument change an image: brightness, haze, noise, shifts. All on batches (N, C, H, W) in DN.

Each function takes what it does as numbers, one a patch (or a patch and channel), so that training draws them at
random and the stress test fixes them. Every channel given is changed: give spectral channels alone.

Top-of-atmosphere reflectance is the ground's, weakened channel by channel, with the light that air scatters into the
view on top. ``hazed`` and ``cleared`` add and take away the second; a gain by channel stands for the first.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_RAYLEIGH_EXPONENT = -4.0
_VISIBLE_NM = 700.0
"""Beyond it leaves and soil are bright: what is dark there says little of the air."""
_DARK_SHARE = 0.02


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
    shares = scattering(wavelengths_nm).to(values)
    bluest = values[:, int(wavelengths_nm.argmin())].mean(dim=(1, 2))
    return values + (amount * bluest)[:, None, None, None] * shares[None, :, None, None]


def cleared(values: Tensor, amount: Tensor, wavelengths_nm: Tensor) -> Tensor:
    """Haze taken away, as an atmospheric correction does: a share of each channel's dark level is subtracted.

    The dark level is the second percentile of the patch (dark object subtraction, Chavez 1988). Beyond the visible,
    where ground may be bright all over, it counts for no more than what the bluest channel's would scatter there.

    Args:
        values: the batch.
        amount: (N,) share that is taken away.
        wavelengths_nm: (C,).
    """
    dark = dark_level(values)
    scattered = dark[:, int(wavelengths_nm.argmin()), None] * scattering(wavelengths_nm).to(values)
    invisible = (wavelengths_nm > _VISIBLE_NM).to(values.device)
    air = torch.where(invisible, torch.minimum(dark, scattered), dark)
    return values - (amount[:, None] * air)[:, :, None, None]


def dark_level(values: Tensor) -> Tensor:
    """Second percentile of each patch and channel, (N, C)."""
    flat = values.flatten(2)
    place = max(1, round(_DARK_SHARE * flat.shape[2])) - 1
    if flat.device.type == "cpu":
        # A tenth of the time that torch's kthvalue takes.
        return torch.from_numpy(np.partition(flat.numpy(), place, axis=2)[..., place])
    return flat.sort(dim=2).values[..., place]


def mixed(values: Tensor, shares: Tensor) -> Tensor:
    """Other ground, other colours: each channel becomes a mixture (N, C, C) of all, each relative to its own mean."""
    mean = values.mean(dim=(2, 3)).clamp_min(1e-6)
    weights = shares * mean[:, :, None] / mean[:, None, :]
    return torch.bmm(weights, values.flatten(2)).reshape(values.shape)


def contrasted(values: Tensor, exponent: Tensor) -> Tensor:
    """More (exponent above 1) or less contrast about each channel's mean, (N,): mean * (value / mean) ** exponent."""
    mean = values.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    # By logarithms in place, which is four times as fast as a power; a pixel of 0 stays 0.
    power = (values / mean).clamp_min_(0).log2_().mul_(exponent[:, None, None, None]).exp2_()
    return power.mul_(mean)


def shaded(values: Tensor, field: Tensor) -> Tensor:
    """Slow changes of illumination, as of relief: a coarse field (N, 1, h, w) of gains, stretched over the patch."""
    return values * functional.interpolate(field, size=values.shape[2:], mode="bilinear", align_corners=True)


def noised(values: Tensor, noise: Tensor, amount: Tensor) -> Tensor:
    """Noise (N, C, H, W) of unit deviation, scaled to an amount (N,) of each channel's mean."""
    return torch.addcmul(values, noise, amount[:, None, None, None] * values.mean(dim=(2, 3), keepdim=True))


def blurred(values: Tensor, amount: Tensor) -> Tensor:
    """A mixture (N,) of the image (0) and its 3 x 3 binomial blur (1)."""
    soft = functional.pad(values, (1, 1, 1, 1), mode="reflect")
    soft = soft[..., :-2, :] + soft[..., 2:, :] + 2 * soft[..., 1:-1, :]
    soft = (soft[..., :-2] + soft[..., 2:] + 2 * soft[..., 1:-1]) / 16
    return torch.lerp(values, soft, amount[:, None, None, None])


def misregistered(values: Tensor, shift_px: Tensor) -> Tensor:
    """Bands that do not lie on each other: each moved down and to the right, linear between pixels.

    The truth stays where it is: half a pixel moves an outline by half a pixel, and which band is right nobody knows.

    Args:
        values: the batch.
        shift_px: (N, C, 2) down and right, each from -1 to 1; what comes in at an edge is the edge itself.
    """
    for axis in (2, 3):
        share = shift_px[..., axis - 2, None, None]
        size = values.shape[axis]
        first, last = values.narrow(axis, 0, 1), values.narrow(axis, size - 1, 1)
        before = torch.cat([first, values.narrow(axis, 0, size - 1)], dim=axis)
        after = torch.cat([values.narrow(axis, 1, size - 1), last], dim=axis)
        values = (1 - share.abs()) * values + share.clamp_min(0) * before + (-share).clamp_min(0) * after
    return values
