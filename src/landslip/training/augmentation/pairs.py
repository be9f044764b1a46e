"""Patches mixed with others of the batch, truth and all.

Blended patches (mix-up: Zhang et al. 2018, arXiv 1710.09412) have a soft truth; those in which a rectangle comes from
another (cut-mix: Yun et al. 2019, arXiv 1905.04899) keep a hard one.
"""

import math
from functools import partial

import torch
from torch import Tensor

from landslip.training.augmentation.random_source import Chance
from landslip.training.augmentation.rows import change_at, rows_of
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
