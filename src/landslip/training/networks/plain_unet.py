"""The plain U-Net (Ronneberger et al. 2015, arXiv 1505.04597), with batch norm and padded convolutions."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (64, 128, 256, 512, 1024)
"""Channels of each level, the finest first, as in the source."""


class PlainUnet(nn.Module):
    """Four halvings and back, with a skip connection at each level; height and width are multiples of 16."""

    def __init__(self, channels: int, widths: Sequence[int] = WIDTHS, classes: int = 1) -> None:
        super().__init__()
        before = (channels, *widths[:-1])
        self.encoder = nn.ModuleList(_two_convolutions(a, b) for a, b in zip(before, widths, strict=True))
        coarse_to_fine = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.rise = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in coarse_to_fine)
        self.decoder = nn.ModuleList(_two_convolutions(2 * b, b) for _, b in coarse_to_fine)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, values: Tensor) -> Tensor:
        """Logits (N, classes, H, W) for values (N, C, H, W)."""
        kept: list[Tensor] = []
        seen = values
        for level, block in enumerate(self.encoder):
            seen = block(seen if level == 0 else functional.max_pool2d(seen, 2))
            kept.append(seen)
        for rise, block, skip in zip(self.rise, self.decoder, kept[-2::-1], strict=True):
            seen = block(torch.cat([skip, rise(seen)], dim=1))
        return cast(Tensor, self.head(seen))


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
