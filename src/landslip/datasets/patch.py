"""One labelled image of a data set, and how many of them are held together."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landslip.errors import PatchesError

LANDSLIDE = 1
NOT_LANDSLIDE = 0
NOT_OBSERVED = 255


@dataclass(frozen=True, slots=True)
class Patch:
    """A small labelled image with its place in a scene, where that is known."""

    id: int
    scene: str
    """Name of the scene it was cut from; ``unknown`` where the data set does not say."""
    row: int | None
    col: int | None
    """Place in the scene, counted in patches from its upper left corner."""
    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(C, H, W), in DN, degrees and metres."""
    mask: NDArray[np.uint8]
    """(H, W): landslide 1, not landslide 0, not observed 255."""

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[0] != len(self.channels):
            raise PatchesError(
                f"patch {self.id} has values of shape {self.values.shape} for channels {', '.join(self.channels)}: "
                "give one (H, W) layer a channel"
            )
        if self.mask.shape != self.values.shape[1:]:
            raise PatchesError(
                f"patch {self.id} has a mask of shape {self.mask.shape} for an image of {self.values.shape[1:]}: "
                "both must have one height and width"
            )


@dataclass(frozen=True, slots=True)
class PatchStack:
    """Patches of one size held in memory together, for training."""

    channels: tuple[str, ...]
    values: NDArray[np.float32]
    """(N, C, H, W), in DN, degrees and metres."""
    masks: NDArray[np.uint8]
    """(N, H, W): landslide 1, not landslide 0, not observed 255."""

    def __len__(self) -> int:
        return len(self.values)


def stack_patches(patches: Iterable[Patch]) -> PatchStack:
    """Hold patches together.

    Raises:
        PatchesError: there is none, or they differ in channels or size.
    """
    held = tuple(patches)
    if not held:
        raise PatchesError("no patch was left to stack: choose scenes and rows that the data set has")
    kinds = {(patch.channels, patch.values.shape) for patch in held}
    if len(kinds) > 1:
        shapes = "; ".join(sorted(f"{','.join(channels)} {shape}" for channels, shape in kinds))
        raise PatchesError(f"the patches differ in channels or size ({shapes}): stack patches of one kind")
    return PatchStack(
        channels=held[0].channels,
        values=np.stack([patch.values for patch in held]),
        masks=np.stack([patch.mask for patch in held]),
    )
