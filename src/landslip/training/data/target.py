"""What a network ought to say about a batch, and where nothing is known."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from landslip.probability import LANDSLIDE, NODATA


@dataclass(frozen=True, slots=True)
class Target:
    """Truth of a batch, possibly soft: mixed patches and teachers say more than yes or no."""

    landslide: Tensor
    """(N, H, W) float32 from 0 to 1; 0 where not observed."""
    observed: Tensor
    """(N, H, W) bool: whether anything is known of the pixel. What is not observed adds nothing to any loss."""

    @classmethod
    def of_masks(cls, masks: Tensor) -> Self:
        """Take masks (N, H, W) uint8: landslide 1, not landslide 0, not observed 255."""
        return cls((masks == LANDSLIDE).float(), masks != NODATA)

    def to(self, device: torch.device | str) -> Self:
        """The same on another device."""
        moved = (tensor.to(device, non_blocking=True) for tensor in (self.landslide, self.observed))
        return type(self)(*moved)

    def __len__(self) -> int:
        return len(self.landslide)
