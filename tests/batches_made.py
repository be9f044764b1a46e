"""Small random batches for the laws of augmentation."""

from collections.abc import Sequence

import torch

from landslip.training.data.target import Target

MANY = ("B02", "B04", "B08", "B11", "slope", "elevation", "aspect_sin", "aspect_cos")
"""Channels of every kind."""


def make_batch(
    seed: int = 0, n: int = 4, size: tuple[int, int] = (32, 32), channels: int = 3, hidden: float = 0.0
) -> tuple[torch.Tensor, Target]:
    """Values (N, C, H, W) from 200 to 1000, a fifth of the pixels landslide, a share of them not observed."""
    chance = torch.Generator().manual_seed(seed)
    values = 200 + 800 * torch.rand((n, channels, *size), generator=chance)
    observed = torch.rand((n, *size), generator=chance) >= hidden
    return values, Target((torch.rand((n, *size), generator=chance) < 0.2).float() * observed, observed)


def make_many(seed: int = 0, n: int = 4, size: tuple[int, int] = (32, 32)) -> tuple[torch.Tensor, Target]:
    """A batch of the channels ``MANY``: elevations partly below the sea, aspects on the unit circle, a quiet corner."""
    values, target = make_batch(seed, n, size, len(MANY))
    target.landslide[:, : size[0] // 2 + 1, : size[1] // 2 + 1] = 0
    values[:, 4] = (values[:, 4] - 200) / 10
    values[:, 5] -= 600
    aspect = values[:, 6].clone()
    values[:, 6], values[:, 7] = torch.sin(aspect), torch.cos(aspect)
    return values, target


def generator(seed: int) -> torch.Generator:
    """A source of chance."""
    return torch.Generator().manual_seed(seed)


def equal(one: tuple[torch.Tensor, Target], other: tuple[torch.Tensor, Target]) -> bool:
    """Whether two batches are the same to the bit."""
    pairs: Sequence[tuple[torch.Tensor, torch.Tensor]] = (
        (one[0], other[0]),
        (one[1].landslide, other[1].landslide),
        (one[1].observed, other[1].observed),
    )
    return all(torch.equal(a, b) for a, b in pairs)
