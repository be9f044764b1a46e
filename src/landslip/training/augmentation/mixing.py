"""Mixing of patches within a batch, image and labels together, and background fill.

MixUp (Zhang et al. 2018, arXiv 1710.09412) blends two patches, which makes soft labels; CutMix (Yun et al. 2019,
arXiv 1905.04899) replaces a rectangle, which keeps hard labels.
"""

import math
from functools import partial

import torch
from torch import Tensor

from landslip.training.augmentation.geometry import Pairs, mirror_directions
from landslip.training.augmentation.random_source import RandomSource, change_rows, select_rows
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe


def mix_batch(values: Tensor, target: Target, recipe: AugmentationRecipe, random: RandomSource) -> None:
    """Apply MixUp to some patches and CutMix to others, in place."""
    n, (height, width) = len(values), values.shape[2:]
    kind, other = random.uniform(n, 0, 1), torch.randperm(n, generator=random.generator)
    blended = (kind < recipe.mixup).nonzero().flatten()
    cut = (kind >= 1 - recipe.cutmix).nonzero().flatten()
    changes = []
    for rows, draw_weight in ((blended, _draw_blend), (cut, _draw_cut)):
        there = random.to_device(other[rows])
        weight = draw_weight(len(rows), height, width, random)
        mixing = partial(blend, others=values[there], others_target=select_rows(target, there), weight=weight)
        changes.append((random.to_device(rows), mixing))
    for here, mixing in changes:
        change_rows(here, values, target, mixing)


def blend(
    values: Tensor, target: Target, others: Tensor, others_target: Target, weight: Tensor
) -> tuple[Tensor, Target]:
    """Blend patches with others; weight (N, H, W) from 0 to 1 of each pixel's own value.

    A pixel is valid where every patch that contributes to it is.
    """
    own = weight[:, None]
    valid = (target.valid | (weight == 0)) & (others_target.valid | (weight == 1))
    landslide = torch.lerp(others_target.landslide, target.landslide, weight) * valid
    # Selected where nothing is mixed, so that such pixels keep their exact value.
    mixed = torch.where(own == 1, values, torch.where(own == 0, others, torch.lerp(others, values, own)))
    return mixed, Target(landslide.clamp(0, 1), valid)


def _draw_blend(n: int, height: int, width: int, random: RandomSource) -> Tensor:
    """Draw weights from Beta(1/2, 1/2), mostly near 0 or 1: the arcsine distribution, by its inverse."""
    weight = torch.sin(random.number(n, 0, math.pi / 2)) ** 2
    return weight[:, None, None].expand(n, height, width)


def _draw_cut(n: int, height: int, width: int, random: RandomSource) -> Tensor:
    """Draw weights of 0 in a rectangle, else 1: of the patch's shape, uniform in area, cut off at the edges."""
    side, x, y = random.number(n, 0, 1).sqrt(), random.number(n, 0, 1), random.number(n, 0, 1)
    inside = _inside(y, side, height)[:, :, None] & _inside(x, side, width)[:, None, :]
    return 1 - inside.float()


def _inside(centre: Tensor, side: Tensor, length: int) -> Tensor:
    positions = (torch.arange(length, device=centre.device) + 0.5) / length
    return (positions - centre[:, None]).abs() < side[:, None] / 2


_SOFT_BACKGROUND = 0.1
"""Soft labels below it count as background."""


def find_background_quadrants(target: Target) -> Tensor:
    """Return which quadrants (N, 4) are valid and free of landslides: upper left, upper right, lower left, right."""
    background = target.valid & (target.landslide < _SOFT_BACKGROUND)
    return torch.stack([quadrant.all(dim=(1, 2)) for quadrant in _quadrants(background)], dim=1)


def fill_with_background(values: Tensor, target: Target, preference: Tensor, pairs: Pairs) -> tuple[Tensor, Target]:
    """Replace each patch by one of its background quadrants and its mirror images, where it has such a quadrant.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        preference: (N, 4) above 0; the background quadrant with the highest value is taken.
        pairs: channel indices of directions.
    """
    background = find_background_quadrants(target)
    which = (background * preference).argmax(dim=1)
    quadrant = torch.stack(_quadrants(values), dim=1)[torch.arange(len(values), device=values.device), which]
    filled = mirror_quadrant(quadrant, values.shape[2], values.shape[3], pairs)
    found = background.any(dim=1)[:, None, None]
    # Every pixel of a filled patch is known to be background.
    landslide = target.landslide.masked_fill(found, 0)
    return torch.where(found[:, None], filled, values), Target(landslide, target.valid | found)


def mirror_quadrant(quadrant: Tensor, height: int, width: int, pairs: Pairs) -> Tensor:
    """Return an image (N, C, height, width) of a quadrant and its mirror images, without seams."""
    across = quadrant.flip(-1)[..., quadrant.shape[-1] * 2 - width :]
    image = torch.cat([quadrant, across], dim=-1)
    image = torch.cat([image, image.flip(-2)[..., quadrant.shape[-2] * 2 - height :, :]], dim=-2)
    if pairs:
        columns, rows = torch.arange(width, device=image.device), torch.arange(height, device=image.device)
        mirror_directions(
            image,
            pairs,
            1 - 2 * (columns >= quadrant.shape[-1]).float(),
            1 - 2 * (rows >= quadrant.shape[-2]).float()[:, None],
        )
    return image


def _quadrants(image: Tensor) -> list[Tensor]:
    """Quadrants of (..., H, W); for an odd side they overlap by one pixel."""
    height, width = image.shape[-2:]
    half_h, half_w = -(-height // 2), -(-width // 2)
    return [
        image[..., top : top + half_h, left : left + half_w]
        for top in (0, height - half_h)
        for left in (0, width - half_w)
    ]
