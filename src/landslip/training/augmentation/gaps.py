"""Missing data: dropped channels, and pixels hidden by the edge of a scene or by clouds.

A dropped channel holds its training mean in every pixel. That number is in the detector's normalisation, so that a map
without the channel can use the same value. Fixed normalisation and normalisation by tile and channel turn it into 0,
normalisation by tile into a constant.
"""

from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from landslip.inference.gap_filling import fill_gaps
from landslip.training.augmentation.random_source import RandomSource, change_rows
from landslip.training.data.target import Target
from landslip.training.recipe.augmentation_section import AugmentationRecipe

_LARGEST_GAP = 7 / 8
_CLOUD_CELLS = 6
"""Clouds are blobs of a sixth of the patch and more."""


def drop_channels(values: Tensor, absent: Tensor, means: Tensor) -> Tensor:
    """Replace whole channels of patches by their means.

    Args:
        values: (N, C, H, W).
        absent: (N, C) bool.
        means: (C,) in the channels' units.
    """
    return torch.where(absent[:, :, None, None], means[None, :, None, None], values)


def draw_absent_channels(n: int, probabilities: Tensor, random: RandomSource) -> Tensor:
    """Draw which channels are dropped, (N, C) bool on the CPU, each with its probability (C,); at least one is kept."""
    drawn = torch.rand((n, len(probabilities)), generator=random.generator)
    absent = drawn < probabilities
    kept = functional.one_hot(drawn.argmax(dim=1), len(probabilities)).bool()
    return absent & ~(absent.all(dim=1, keepdim=True) & kept)


def hide_random_pixels(values: Tensor, target: Target, recipe: AugmentationRecipe, random: RandomSource) -> None:
    """Hide one side, or clouds, in some patches, in place; never both, so that at least an eighth stays valid."""
    n, (height, width) = len(values), values.shape[2:]
    draws = random.uniform(n, 0, 1), random.uniform(n, 0, 1)
    at_side, clouded = (
        draws[0] < recipe.edge_nodata,
        (draws[0] >= recipe.edge_nodata) & (draws[1] < recipe.cloud_nodata),
    )
    for chosen, draw_gaps in ((at_side, _draw_side_gaps), (clouded, _draw_cloud_gaps)):
        rows = chosen.nonzero().flatten()
        if len(rows):
            gap = draw_gaps(len(rows), height, width, recipe, random)
            change_rows(random.to_device(rows), values, target, partial(hide_pixels, gap=gap))


def hide_pixels(values: Tensor, target: Target, gap: Tensor) -> tuple[Tensor, Target]:
    """Set the pixels of gaps (N, H, W) to nodata and fill the image there; each patch needs a pixel outside."""
    valid = target.valid & ~gap
    return fill_gaps(values, ~gap, torch), Target(target.landslide * valid, valid)


def _draw_side_gaps(n: int, height: int, width: int, recipe: AugmentationRecipe, random: RandomSource) -> Tensor:
    side = random.to_device(torch.randint(4, (n,), generator=random.generator))
    return side_gaps(side, random.number(n, 0, _LARGEST_GAP), height, width)


def side_gaps(side: Tensor, fraction: Tensor, height: int, width: int) -> Tensor:
    """Return gaps (N, H, W) over a fraction (N,) of a patch from a side (N,): 0 top, 1 bottom, 2 left, 3 right."""
    rows = ((torch.arange(height, device=side.device) + 0.5) / height)[:, None].expand(height, width)
    columns = ((torch.arange(width, device=side.device) + 0.5) / width).expand(height, width)
    depth = torch.stack([rows, 1 - rows, columns, 1 - columns])
    return depth[side] < fraction[:, None, None]


def _draw_cloud_gaps(n: int, height: int, width: int, recipe: AugmentationRecipe, random: RandomSource) -> Tensor:
    field = random.normal(n, 1, _CLOUD_CELLS, _CLOUD_CELLS)
    return cloud_gaps(field, random.number(n, 0, recipe.cloud_cover), height, width)


def cloud_gaps(field: Tensor, cover: Tensor, height: int, width: int) -> Tensor:
    """Return gaps (N, H, W) over a fraction (N,) of a patch, where an interpolated field (N, 1, h, w) is highest."""
    thickness = functional.interpolate(field, size=(height, width), mode="bicubic", align_corners=True).flatten(1)
    ranked = thickness.sort(dim=1).values
    rank = ((1 - cover) * (ranked.shape[1] - 1)).round().long()
    return (thickness > ranked.gather(1, rank[:, None])).reshape(-1, height, width)
