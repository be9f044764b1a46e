"""Photometric changes: illumination, atmosphere and sensor, on batches (N, C, H, W) of spectral channels in DN.

Each function takes its strength as numbers, one per patch (or per patch and channel): augmentation draws them at
random, the stress test (``landslip.studies.stress``) fixes them. Pass spectral channels only: every channel is changed.

Top-of-atmosphere reflectance is surface reflectance, attenuated channel by channel, plus path radiance: light that air
scatters towards the sensor. ``add_haze`` and ``remove_haze`` change the path radiance; a gain per channel stands for
the attenuation.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation.random_source import RandomSource
from landslip.training.recipe.augmentation_section import AugmentationRecipe

_RAYLEIGH_EXPONENT = -4.0
_VISIBLE_NM = 700.0
"""Above it vegetation and soil are bright, so that the dark level is mostly ground and not haze."""
_DARK_FRACTION = 0.02


def rayleigh_scattering(wavelengths_nm: Tensor) -> Tensor:
    """Return scattering (C,) relative to the shortest wavelength: Rayleigh, wavelength to the power of -4."""
    return (wavelengths_nm / wavelengths_nm.min()) ** _RAYLEIGH_EXPONENT


def apply_gain(values: Tensor, gain: Tensor) -> Tensor:
    """Multiply by a gain: (N,) for brightness, (N, C) for a colour cast."""
    return values * (gain[:, None, None, None] if gain.ndim == 1 else gain[:, :, None, None])


def add_haze(values: Tensor, amount: Tensor, wavelengths_nm: Tensor) -> Tensor:
    """Add path radiance: equal for every pixel, strongest in the shortest wavelength.

    Args:
        values: (N, C, H, W) in DN.
        amount: (N,) haze in the shortest wavelength, as a fraction of the patch mean in that channel.
        wavelengths_nm: (C,).
    """
    scattering = rayleigh_scattering(wavelengths_nm).to(values)
    shortest = values[:, int(wavelengths_nm.argmin())].mean(dim=(1, 2))
    return values + (amount * shortest)[:, None, None, None] * scattering[None, :, None, None]


def remove_haze(values: Tensor, amount: Tensor, wavelengths_nm: Tensor) -> Tensor:
    """Subtract a fraction of each channel's dark level, as atmospheric correction does.

    The dark level is the second percentile of the patch (dark object subtraction, Chavez 1988,
    doi 10.1016/0034-4257(88)90019-3). Above 700 nm, where the whole ground may be bright, it is limited to the
    Rayleigh scattering that the dark level of the shortest wavelength implies.

    Args:
        values: (N, C, H, W) in DN.
        amount: (N,) fraction of the haze that is removed.
        wavelengths_nm: (C,).
    """
    dark = dark_level(values)
    scattered = dark[:, int(wavelengths_nm.argmin()), None] * rayleigh_scattering(wavelengths_nm).to(values)
    invisible = (wavelengths_nm > _VISIBLE_NM).to(values.device)
    haze = torch.where(invisible, torch.minimum(dark, scattered), dark)
    return values - (amount[:, None] * haze)[:, :, None, None]


def dark_level(values: Tensor) -> Tensor:
    """Return the second percentile of each patch and channel, (N, C)."""
    flat = values.flatten(2)
    rank = max(1, round(_DARK_FRACTION * flat.shape[2])) - 1
    if flat.device.type == "cpu":
        # Ten times as fast as torch's kthvalue.
        return torch.from_numpy(np.partition(flat.numpy(), rank, axis=2)[..., rank])
    return flat.sort(dim=2).values[..., rank]


def mix_channels(values: Tensor, weights: Tensor) -> Tensor:
    """Replace each channel by a weighted sum (N, C, C) of all, each relative to its own mean: other ground colours."""
    mean = values.mean(dim=(2, 3)).clamp_min(1e-6)
    scaled = weights * mean[:, :, None] / mean[:, None, :]
    return torch.bmm(scaled, values.flatten(2)).reshape(values.shape)


def change_contrast(values: Tensor, exponent: Tensor) -> Tensor:
    """Raise (exponent (N,) above 1) or lower contrast about each channel's mean: mean * (value / mean) ** exponent."""
    mean = values.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    # By logarithms in place, which is four times as fast as a power; a pixel of 0 stays 0.
    power = (values / mean).clamp_min_(0).log2_().mul_(exponent[:, None, None, None]).exp2_()
    return power.mul_(mean)


def apply_illumination(values: Tensor, field: Tensor) -> Tensor:
    """Multiply by a coarse field (N, 1, h, w) of gains, interpolated over the patch: slow changes, as from relief."""
    return values * functional.interpolate(field, size=values.shape[2:], mode="bilinear", align_corners=True)


def add_noise(values: Tensor, noise: Tensor, amount: Tensor) -> Tensor:
    """Add noise (N, C, H, W) of unit standard deviation, scaled to a fraction (N,) of each channel's mean."""
    return torch.addcmul(values, noise, amount[:, None, None, None] * values.mean(dim=(2, 3), keepdim=True))


def soften(values: Tensor, weight: Tensor) -> Tensor:
    """Interpolate (N,) between the image (0) and its 3 x 3 binomial blur (1).

    The binomial kernel is close to a Gaussian of standard deviation 0.71 px (variance ``weight / 2``); ``blur`` is the
    Gaussian of any width, which is slower.
    """
    soft = functional.pad(values, (1, 1, 1, 1), mode="reflect")
    soft = soft[..., :-2, :] + soft[..., 2:, :] + 2 * soft[..., 1:-1, :]
    soft = (soft[..., :-2] + soft[..., 2:] + 2 * soft[..., 1:-1]) / 16
    return torch.lerp(values, soft, weight[:, None, None, None])


def blur(values: Tensor, sigma_px: float) -> Tensor:
    """Convolve with a Gaussian of a standard deviation in pixels, cut off at three; 0 returns the values."""
    if sigma_px <= 0:
        return values
    reach = math.ceil(3 * sigma_px)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma_px) ** 2).to(values)
    kernel /= kernel.sum()
    for _ in range(2):
        # Convolve along the rows, then along the columns. An image smaller than the kernel cannot be reflected.
        mode = "reflect" if reach < values.shape[3] else "replicate"
        padded = functional.pad(values, (reach, reach, 0, 0), mode=mode)
        values = (padded.unfold(3, len(kernel), 1) @ kernel).transpose(2, 3)
    return values


def shift_bands(values: Tensor, shift_px: Tensor, *, steps: int = 1) -> Tensor:
    """Move each channel down and right by its own shift, with linear interpolation: misregistered bands.

    Labels do not move: it is not known which of the bands is right.

    Args:
        values: (N, C, H, W).
        shift_px: (N, C, 2) down and right, each from ``-steps`` to ``steps``; edge pixels are repeated.
        steps: the largest shift in pixels, rounded up.
    """
    for axis in (2, 3):
        left = shift_px[..., axis - 2, None, None]
        for _ in range(steps):
            shift = left.clamp(-1, 1)
            left = left - shift
            size = values.shape[axis]
            first, last = values.narrow(axis, 0, 1), values.narrow(axis, size - 1, 1)
            before = torch.cat([first, values.narrow(axis, 0, size - 1)], dim=axis)
            after = torch.cat([values.narrow(axis, 1, size - 1), last], dim=axis)
            values = (1 - shift.abs()) * values + shift.clamp_min(0) * before + (-shift).clamp_min(0) * after
    return values


_THIRD = 1 / 3
_HALF = 0.5
_ILLUMINATION_CELLS = 4
"""Illumination goes from bright to dark over a third of the patch at the fastest."""


def change_light(values: Tensor, wavelengths_nm: Tensor, recipe: AugmentationRecipe, random: RandomSource) -> Tensor:
    """Draw and apply photometric changes to spectral values (N, C, H, W), partly in place; the result is 0 or more."""
    n, channels = values.shape[:2]
    image = values
    if recipe.illumination:
        field = 1 + recipe.illumination * random.normal(n, 1, _ILLUMINATION_CELLS, _ILLUMINATION_CELLS).clamp(-2, 2)
        image = apply_illumination(image, field)
    if recipe.channel_mixing:
        image = mix_channels(image, _draw_mixture(n, channels, recipe.channel_mixing, random))
    if recipe.gamma > 1:
        image = change_contrast(image, random.factor(n, recipe.gamma))
    if recipe.blur:
        rows = random.to_device(random.choose(n, _THIRD))
        soft = soften(image[rows], random.number(len(rows), 0, recipe.blur))
        image.index_copy_(0, rows, soft)
    if recipe.band_shift_px:
        rows = random.to_device(random.choose(n, _HALF))
        shift = random.number(len(rows) * channels * 2, -recipe.band_shift_px, recipe.band_shift_px).reshape(
            -1, channels, 2
        )
        image.index_copy_(0, rows, shift_bands(image[rows], shift))
    if recipe.haze_removal or recipe.haze:
        _change_haze(image, wavelengths_nm, recipe, random)
    if recipe.noise:
        image = add_noise(image, _draw_noise(values.shape, random), random.number(n, 0, recipe.noise))
    # Noise is relative to the mean, so that gains before and after it are the same.
    if recipe.channel_gain or recipe.gain > 1:
        cast = torch.exp(recipe.channel_gain * random.normal(n, channels).clamp(-2, 2))
        image = apply_gain(image, cast * random.factor(n, recipe.gain)[:, None])
    return image.clamp_min_(0)


def _draw_mixture(n: int, channels: int, highest: float, random: RandomSource) -> Tensor:
    drawn = random.number(n * channels * channels, 1e-3, 1).reshape(n, channels, channels)
    amount = random.number(n, 0, highest)[:, None, None]
    eye = torch.eye(channels, device=drawn.device)
    return (1 - amount) * eye + amount * drawn / drawn.sum(dim=2, keepdim=True)


def _change_haze(values: Tensor, wavelengths_nm: Tensor, recipe: AugmentationRecipe, random: RandomSource) -> None:
    """Remove haze from a third of the patches and add it to another third, in place."""
    kind = random.uniform(len(values), 0, 3)
    if recipe.haze_removal:
        rows = random.to_device((kind < 1).nonzero().flatten())
        clear = remove_haze(values[rows], random.number(len(rows), 0, recipe.haze_removal), wavelengths_nm)
        values.index_copy_(0, rows, clear)
    if recipe.haze:
        rows = random.to_device((kind > 2).nonzero().flatten())
        hazy = add_haze(values[rows], random.number(len(rows), 0, recipe.haze), wavelengths_nm)
        values.index_copy_(0, rows, hazy)


def _draw_noise(shape: torch.Size, random: RandomSource) -> Tensor:
    """Draw unit noise (N, C, H, W): for each patch a stretch of one pool that is twice as long as a patch.

    Drawing noise is slow; the overlap of the stretches within a batch does not matter.
    """
    size = shape[1:].numel()
    pool = random.normal(2 * size)
    starts = torch.randint(size + 1, (shape[0],), generator=random.generator).tolist()
    return torch.stack([pool[start : start + size] for start in starts]).reshape(shape)
