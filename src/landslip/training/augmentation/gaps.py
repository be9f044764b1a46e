"""Channels that are absent: a detector learns to do without them.

An absent channel reads the mean of the training part in every pixel. That number is in the detector's normalisation,
so that a map without the channel can be given the very same. A network that normalises by fixed numbers then sees 0,
one that normalises by tile and channel sees 0 too, and one that normalises by the tile sees a constant.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from landslip.training.augmentation.random_source import Chance, change_at
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe


def dropped(values: Tensor, absent: Tensor, means: Tensor) -> Tensor:
    """Replace whole channels of patches by their means.

    Args:
        values: (N, C, H, W).
        absent: (N, C) bool.
        means: (C,) in the channels' units.
    """
    return torch.where(absent[:, :, None, None], means[None, :, None, None], values)


def draw_absent(n: int, shares: Tensor, chance: Chance) -> Tensor:
    """Draw which channels are absent, (N, C) on the CPU, each by its share (C,); of all that would be, one stays."""
    drawn = torch.rand((n, len(shares)), generator=chance.generator)
    absent = drawn < shares
    spared = torch.nn.functional.one_hot(drawn.argmax(dim=1), len(shares)).bool()
    return absent & ~(absent.all(dim=1, keepdim=True) & spared)


_MOST_HIDDEN = 7 / 8
_CLOUD_CELLS = 6
"""Clouds are blobs of a sixth of the patch and more."""


def hide_some(values: Tensor, target: Target, recipe: AugmentationRecipe, chance: Chance) -> None:
    """Hide a side or clouds of some patches, in place; never both, so that an eighth at least stays observed."""
    n, (height, width) = len(values), values.shape[2:]
    draw = chance.uniform(n, 0, 1), chance.uniform(n, 0, 1)
    sided, clouded = draw[0] < recipe.gap, (draw[0] >= recipe.gap) & (draw[1] < recipe.cloud)
    for chosen, gaps in ((sided, _sides), (clouded, _clouds)):
        rows = chosen.nonzero().flatten()
        if len(rows):
            gap = gaps(len(rows), height, width, recipe, chance)
            change_at(chance.moved(rows), values, target, partial(hidden, gap=gap))


def hidden(values: Tensor, target: Target, gap: Tensor) -> tuple[Tensor, Target]:
    """Take gaps (N, H, W) as not observed and continue the image into them; a part of each patch must lie outside."""
    observed = target.observed & ~gap
    return continued(values, ~gap), Target(target.landslide * observed, observed)


def _sides(n: int, height: int, width: int, recipe: AugmentationRecipe, chance: Chance) -> Tensor:
    side = chance.moved(torch.randint(4, (n,), generator=chance.generator))
    return sides(side, chance.number(n, 0, _MOST_HIDDEN), height, width)


def sides(side: Tensor, share: Tensor, height: int, width: int) -> Tensor:
    """Gaps (N, H, W) that cover a share (N,) of a patch from a side (N,): 0 above, 1 below, 2 left, 3 right."""
    rows = ((torch.arange(height, device=side.device) + 0.5) / height)[:, None].expand(height, width)
    columns = ((torch.arange(width, device=side.device) + 0.5) / width).expand(height, width)
    depth = torch.stack([rows, 1 - rows, columns, 1 - columns])
    return depth[side] < share[:, None, None]


def _clouds(n: int, height: int, width: int, recipe: AugmentationRecipe, chance: Chance) -> Tensor:
    field = chance.normal(n, 1, _CLOUD_CELLS, _CLOUD_CELLS)
    return clouds(field, chance.number(n, 0, recipe.cloud_cover), height, width)


def clouds(field: Tensor, cover: Tensor, height: int, width: int) -> Tensor:
    """Gaps (N, H, W) over a share (N,) of a patch, where a coarse field (N, 1, h, w), stretched over it, is highest."""
    thickness = functional.interpolate(field, size=(height, width), mode="bicubic", align_corners=True).flatten(1)
    ranked = thickness.sort(dim=1).values
    place = ((1 - cover) * (ranked.shape[1] - 1)).round().long()
    return (thickness > ranked.gather(1, place[:, None])).reshape(-1, height, width)


def continued(values: Tensor, observed: Tensor) -> Tensor:
    """Continue observed values into the gaps between them, exactly as mapping does (``mapping.tiles.gaps.fill_gaps``).

    Args:
        values: (N, C, H, W).
        observed: (N, H, W), somewhere true in each.

    Returns:
        (N, C, H, W); observed values as they were, the others within the range of the observed ones.
    """
    height, width = observed.shape[1:]
    if height == width == 1:
        return values
    beyond = (0, width % 2, 0, height % 2)
    # Chosen, not multiplied: what lies in a gap may be NaN.
    weighted = functional.pad(torch.where(observed[:, None], values, 0), beyond)
    count = _by_twos(functional.pad(observed[:, None].to(values.dtype), beyond))
    half = continued(_by_twos(weighted) / count.clamp_min(1), (count > 0).squeeze(1))
    smooth = _doubled(_doubled(half).transpose(2, 3)).transpose(2, 3)
    return torch.where(observed[:, None], values, smooth[..., :height, :width])


def _by_twos(image: Tensor) -> Tensor:
    """Sums of 2 x 2 pixels."""
    by_row = image[..., ::2, :] + image[..., 1::2, :]
    return by_row[..., ::2] + by_row[..., 1::2]


def _doubled(image: Tensor) -> Tensor:
    """Twice as many rows, interpolated linearly."""
    above = torch.cat([image[..., :1, :], image[..., :-1, :]], dim=2)
    below = torch.cat([image[..., 1:, :], image[..., -1:, :]], dim=2)
    return torch.stack([0.75 * image + 0.25 * above, 0.75 * image + 0.25 * below], dim=3).flatten(2, 3)
