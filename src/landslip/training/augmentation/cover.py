"""Snow, thick cloud and cast shadow, made on patches: bright and dark ground that is no landslide.

Labelled patches hold little of them, and networks trained on such patches take snow for fresh debris and shadow in
valleys for scars.
"""

from functools import partial
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation.light import rayleigh_scattering
from landslip.training.augmentation.random_source import RandomSource, change_rows
from landslip.training.data.target import Target

_CELLS: Final = (3, 7, 16, 32)
"""Random fields per side, from cloud banks to snow along gullies."""
_BRIGHT_QUANTILE = 0.9
_LARGEST_COVER = 0.7


def add_snow_and_shadow(
    values: Tensor,
    target: Target,
    wavelengths_nm: Tensor,
    probabilities: tuple[float, float],
    random: RandomSource,
) -> None:
    """Cover parts of some patches with snow or cloud and parts of others with shadow, in place.

    Args:
        values: (N, C, H, W) spectral channels in DN.
        target: of the same patches; what snow hides becomes background, what lies in shadow keeps its label.
        wavelengths_nm: (C,).
        probabilities: of snow or cloud, and of shadow, per patch.
        random: source of the numbers.
    """
    size = values.shape[2:]
    rows = random.choose(len(values), probabilities[0])
    if len(rows):
        n = len(rows)
        amount = draw_cover(n, size, random)
        brightness, texture = random.number(n, 1.0, 3.0), draw_field(n, size, random)
        snow = partial(cover_with_snow, amount=amount, brightness=brightness, texture=texture)
        change_rows(random.to_device(rows), values, target, snow)
    rows = random.choose(len(values), probabilities[1])
    if len(rows):
        amount = draw_cover(len(rows), size, random) * random.number(len(rows), 0.3, 0.8)[:, None, None]
        shadow = partial(cast_shadow, amount=amount, wavelengths_nm=wavelengths_nm)
        change_rows(random.to_device(rows), values, target, shadow)


def cover_with_snow(
    values: Tensor, target: Target, amount: Tensor, brightness: Tensor, texture: Tensor
) -> tuple[Tensor, Target]:
    """Blend white ground over patches.

    Args:
        values: (N, C, H, W) in DN.
        target: of the same patches.
        amount: (N, H, W) opacity; where it is over one half, a landslide is hidden and becomes background.
        brightness: (N,) factor to the 90th percentile of the patch over all channels. Snow and cloud reflect all
            visible channels alike.
        texture: (N, H, W) of mean 0 and deviation 1.

    Example:
        >>> values = torch.full((1, 3, 32, 32), 500.0)
        >>> target = Target.of_masks(torch.ones((1, 32, 32), dtype=torch.uint8))
        >>> covered, hidden = cover_with_snow(
        ...     values, target, torch.ones(1, 32, 32), torch.tensor([2.0]), torch.zeros(1, 32, 32)
        ... )
        >>> float(covered.mean()), float(hidden.landslide.sum())
        (1000.0, 0.0)
    """
    bright = torch.quantile(values.flatten(1)[:, ::7], _BRIGHT_QUANTILE, dim=1)
    white = (bright * brightness)[:, None, None] * (1 + 0.1 * texture.clamp(-3, 3))
    covered = torch.lerp(values, white[:, None].expand_as(values), amount[:, None])
    seen = (amount <= 0.5).to(target.landslide.dtype)
    return covered, Target(target.landslide * seen, target.valid)


def cast_shadow(values: Tensor, target: Target, amount: Tensor, wavelengths_nm: Tensor) -> tuple[Tensor, Target]:
    """Darken patches as where only the light of the sky arrives, which is strongest in the shortest wavelength.

    Args:
        values: (N, C, H, W) in DN.
        target: of the same patches, returned as it is.
        amount: (N, H, W) fraction of the light that is lost in the longest wavelength; the others lose less.
        wavelengths_nm: (C,).
    """
    scattering = rayleigh_scattering(wavelengths_nm).to(values)
    loss = 1 - 0.4 * (scattering - scattering.min()) / (scattering.max() - scattering.min()).clamp_min(1e-6)
    return values * (1 - amount[:, None] * loss[None, :, None, None]), target


def draw_cover(n: int, size: torch.Size, random: RandomSource) -> Tensor:
    """Draw opacities (N, H, W) from 0 to 1 that cover up to 70 % of each patch, with soft or sharp edges."""
    field = draw_field(n, size, random)
    cover = random.number(n, 0.02, _LARGEST_COVER)
    ranked = field.flatten(1)[:, ::5].sort(dim=1).values
    rank = ((1 - cover) * (ranked.shape[1] - 1)).round().long()
    threshold = ranked.gather(1, rank[:, None])[:, :, None]
    softness = random.number(n, 0.1, 1.0)[:, None, None]
    return ((field - threshold) / softness).clamp(0, 1)


def draw_field(n: int, size: torch.Size, random: RandomSource) -> Tensor:
    """Draw smooth fields (N, H, W) of mean about 0 and deviation about 1, each a mixture of coarse and fine ones."""
    weights = random.number(n * len(_CELLS), 0, 1).reshape(n, len(_CELLS)) ** 2
    weights = weights / torch.tensor(_CELLS, device=random.device).sqrt()
    field = torch.zeros((n, *size), device=random.device)
    for index, cells in enumerate(_CELLS):
        coarse = random.normal(n, 1, cells, cells)
        fine = functional.interpolate(coarse, size=tuple(size), mode="bilinear", align_corners=True)[:, 0]
        field += weights[:, index, None, None] * fine
    return field / field.flatten(1).std(dim=1).clamp_min(1e-6)[:, None, None]
