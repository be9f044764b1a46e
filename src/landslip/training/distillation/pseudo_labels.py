"""What a detector is sure of, as truth: landslide, not landslide, and all between not observed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.patch import LANDSLIDE, NOT_LANDSLIDE, NOT_OBSERVED


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of what a teacher said was believed."""

    patches: int
    """That were asked about."""
    used: int
    """Patches with a pixel that was believed, that is, with one to learn from."""
    landslide_px: int
    other_px: int
    unsure_px: int

    @classmethod
    def of(cls, masks: NDArray[np.uint8]) -> "Taken":
        """Count masks (N, H, W)."""
        landslide, other, unsure = (
            int(np.count_nonzero(masks == kind)) for kind in (LANDSLIDE, NOT_LANDSLIDE, NOT_OBSERVED)
        )
        used = int((masks != NOT_OBSERVED).any(axis=(1, 2)).sum())
        return cls(len(masks), used, landslide, other, unsure)

    def __str__(self) -> str:
        total = max(self.landslide_px + self.other_px + self.unsure_px, 1)
        return (
            f"{self.used} of {self.patches} patches, {self.landslide_px:,} pixels as landslide and {self.other_px:,} "
            f"as other ground ({self.unsure_px / total:.0%} of all left out as unsure)"
        )


def sure_masks(said: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Masks of what is sure in probabilities (N, H, W): at most ``low``, or at least ``high``; NaN is unsure."""
    masks = np.full(said.shape, NOT_OBSERVED, np.uint8)
    # Opinions are kept in half precision: a bound is rounded as they are, so that 0.8 reaches 0.8.
    masks[said <= said.dtype.type(low)] = NOT_LANDSLIDE
    masks[said >= said.dtype.type(high)] = LANDSLIDE
    return masks
