"""The target of a batch: reference labels, possibly soft, and the pixels that are labelled."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from landslip.probability import LANDSLIDE, NODATA


@dataclass(frozen=True, slots=True)
class Target:
    """Labels of a batch; mixup and distillation make them soft."""

    landslide: Tensor
    """(N, H, W) float32 from 0 to 1; 0 where not valid."""
    valid: Tensor
    """(N, H, W) bool: labelled pixels. The others add nothing to any loss."""

    @classmethod
    def of_masks(cls, masks: Tensor) -> Self:
        """Convert masks (N, H, W) uint8: landslide 1, background 0, nodata 255."""
        return cls((masks == LANDSLIDE).float(), masks != NODATA)

    def to(self, device: torch.device | str) -> Self:
        """Return the target on another device."""
        moved = (tensor.to(device, non_blocking=True) for tensor in (self.landslide, self.valid))
        return type(self)(*moved)

    def __len__(self) -> int:
        return len(self.landslide)
