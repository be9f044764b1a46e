"""Channels that are absent: a detector learns to do without them.

An absent channel reads the mean of the training part in every pixel. That number is in the detector's normalisation,
so that a map without the channel can be given the very same. A network that normalises by fixed numbers then sees 0,
one that normalises by tile and channel sees 0 too, and one that normalises by the tile sees a constant.
"""

import torch
from torch import Tensor

from landslip.training.augmentation.random_source import Chance


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
