"""Sources of patches made of others: some under masks of another's, and one after the other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.datasets.loader import Source


@dataclass(frozen=True, slots=True, eq=False)
class Relabelled:
    """Patches of a source under other masks; its own are thrown away unseen."""

    source: Source
    masks: NDArray[np.uint8]
    """(N, H, W) of all patches of the source."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        return self.source.shape

    def __len__(self) -> int:
        return len(self.source)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        self.source.fill(positions, values, masks)
        np.copyto(masks, self.masks[positions])


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """Patches of one source after those of another."""

    first: Source
    second: Source

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every patch."""
        return self.first.shape

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the patches at some positions into values (N, C, H, W) and masks (N, H, W)."""
        later = positions >= len(self.first)
        for source, here, start in ((self.first, ~later, 0), (self.second, later, len(self.first))):
            if not here.any():
                continue
            count = int(here.sum())
            some, truth = np.empty((count, *self.shape), np.float32), np.empty((count, *self.shape[1:]), np.uint8)
            source.fill(positions[here] - start, some, truth)
            values[here], masks[here] = some, truth
