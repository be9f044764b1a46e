"""Patches mixed with others of the batch, truth and all.

Blended patches (mix-up: Zhang et al. 2018, arXiv 1710.09412) have a soft truth; those in which a rectangle comes from
another (cut-mix: Yun et al. 2019, arXiv 1905.04899) keep a hard one.
"""

import math
from functools import partial

import torch
from torch import Tensor

from landslip.training.augmentation import geometry as directions
from landslip.training.augmentation.geometry import Pairs
from landslip.training.augmentation.random_source import Chance, change_at, rows_of
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe


def mix_some(values: Tensor, target: Target, recipe: AugmentationRecipe, chance: Chance) -> None:
    """Blend some patches with others, and cut pieces of others into some, in place."""
    n, (height, width) = len(values), values.shape[2:]
    kind, other = chance.uniform(n, 0, 1), torch.randperm(n, generator=chance.generator)
    blended = (kind < recipe.mix_up).nonzero().flatten()
    cut = (kind >= 1 - recipe.cut_mix).nonzero().flatten()
    changes = []
    for rows, shares in ((blended, _blend), (cut, _cut)):
        there = chance.moved(other[rows])
        share = shares(len(rows), height, width, chance)
        mixing = partial(blend, others=values[there], others_target=rows_of(target, there), share=share)
        changes.append((chance.moved(rows), mixing))
    for here, mixing in changes:
        change_at(here, values, target, mixing)


def blend(
    values: Tensor, target: Target, others: Tensor, others_target: Target, share: Tensor
) -> tuple[Tensor, Target]:
    """Mix patches with others: a share (N, H, W) of each pixel from 0 to 1 is its own.

    A pixel is observed where all that went into it is.
    """
    own = share[:, None]
    observed = (target.observed | (share == 0)) & (others_target.observed | (share == 1))
    landslide = torch.lerp(others_target.landslide, target.landslide, share) * observed
    # Chosen where nothing is mixed, so that such pixels stay as they are to the bit.
    mixed = torch.where(own == 1, values, torch.where(own == 0, others, torch.lerp(others, values, own)))
    return mixed, Target(landslide.clamp(0, 1), observed)


def _blend(n: int, height: int, width: int, chance: Chance) -> Tensor:
    """Shares after Beta(1/2, 1/2), mostly near 0 or 1: the arcsine law, drawn by its inverse."""
    share = torch.sin(chance.number(n, 0, math.pi / 2)) ** 2
    return share[:, None, None].expand(n, height, width)


def _cut(n: int, height: int, width: int, chance: Chance) -> Tensor:
    """1 but for a rectangle, 0 inside: of the patch's shape, its area uniform, cut off at the edges."""
    side, x, y = chance.number(n, 0, 1).sqrt(), chance.number(n, 0, 1), chance.number(n, 0, 1)
    inside = _inside(y, side, height)[:, :, None] & _inside(x, side, width)[:, None, :]
    return 1 - inside.float()


def _inside(centre: Tensor, side: Tensor, length: int) -> Tensor:
    places = (torch.arange(length, device=centre.device) + 0.5) / length
    return (places - centre[:, None]).abs() < side[:, None] / 2


_SOFT = 0.1


def quiet_quarters(target: Target) -> Tensor:
    """Which quarters (N, 4) are known to hold no landslide in any pixel: upper left, upper right, lower left, right.

    A teacher softens the truth: what teacher and truth together take for landslide by less than a tenth is none.
    """
    quiet = target.observed & (target.landslide < _SOFT)
    return torch.stack([quarter.all(dim=(1, 2)) for quarter in _quarters(quiet)], dim=1)


def quietened(values: Tensor, target: Target, wish: Tensor, pairs: Pairs) -> tuple[Tensor, Target]:
    """Replace each patch by one of its quiet quarters and its mirror images, where it has such a quarter.

    Args:
        values: (N, C, H, W).
        target: of the same patches.
        wish: (N, 4) above 0; of the quiet quarters the most wished for is taken.
        pairs: places of the directions among the channels.
    """
    quiet = quiet_quarters(target)
    which = (quiet * wish).argmax(dim=1)
    quarter = torch.stack(_quarters(values), dim=1)[torch.arange(len(values), device=values.device), which]
    still, any_quiet = mirrored(quarter, values.shape[2], values.shape[3], pairs), quiet.any(dim=1)[:, None, None]
    # A quiet patch is known all over to be no landslide.
    landslide = target.landslide.masked_fill(any_quiet, 0)
    return torch.where(any_quiet[:, None], still, values), Target(landslide, target.observed | any_quiet)


def mirrored(quarter: Tensor, height: int, width: int, pairs: Pairs) -> Tensor:
    """An image (N, C, height, width) of a quarter and its mirror images: no seam, no other ground."""
    across = quarter.flip(-1)[..., quarter.shape[-1] * 2 - width :]
    image = torch.cat([quarter, across], dim=-1)
    image = torch.cat([image, image.flip(-2)[..., quarter.shape[-2] * 2 - height :, :]], dim=-2)
    if pairs:
        columns, rows = torch.arange(width, device=image.device), torch.arange(height, device=image.device)
        directions.mirror(
            image,
            pairs,
            1 - 2 * (columns >= quarter.shape[-1]).float(),
            1 - 2 * (rows >= quarter.shape[-2]).float()[:, None],
        )
    return image


def _quarters(image: Tensor) -> list[Tensor]:
    """The quarters of (..., H, W); of an odd side they share the middle."""
    height, width = image.shape[-2:]
    half_h, half_w = -(-height // 2), -(-width // 2)
    return [
        image[..., top : top + half_h, left : left + half_w]
        for top in (0, height - half_h)
        for left in (0, width - half_w)
    ]
