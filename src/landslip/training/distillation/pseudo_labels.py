"""What a detector is sure of, as truth: landslide, not landslide, and all between not observed."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.datasets.patch_set import PatchSet
from landslip.datasets.splits import key_of
from landslip.errors import PatchesError
from landslip.probability import BACKGROUND, LANDSLIDE, NODATA


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
        landslide, other, unsure = (int(np.count_nonzero(masks == kind)) for kind in (LANDSLIDE, BACKGROUND, NODATA))
        used = int((masks != NODATA).any(axis=(1, 2)).sum())
        return cls(len(masks), used, landslide, other, unsure)

    def __str__(self) -> str:
        total = max(self.landslide_px + self.other_px + self.unsure_px, 1)
        return (
            f"{self.used} of {self.patches} patches, {self.landslide_px:,} pixels as landslide and {self.other_px:,} "
            f"as other ground ({self.unsure_px / total:.0%} of all left out as unsure)"
        )


def sure_masks(said: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Masks of what is sure in probabilities (N, H, W): at most ``low``, or at least ``high``; NaN is unsure."""
    masks = np.full(said.shape, NODATA, np.uint8)
    # Opinions are kept in half precision: a bound is rounded as they are, so that 0.8 reaches 0.8.
    masks[said <= said.dtype.type(low)] = BACKGROUND
    masks[said >= said.dtype.type(high)] = LANDSLIDE
    return masks


def without(
    unlabelled: PatchSet[Any], held_back: Iterable[PatchSet[Any]], *, progress: bool = False
) -> tuple[PatchSet[Any], int]:
    """Leave out of a set every patch whose image is also among those held back; gives how many there were.

    Images are compared, not numbers: another folder may number the same images in its own way. Masks are not looked at.

    Raises:
        PatchesError: nothing is left.
    """
    known = {digest for patches in held_back for digest in _digests(patches, "looking for doubles", progress).values()}
    ours = _digests(unlabelled, "looking for doubles", progress)
    left = unlabelled.where(lambda entry: ours[key_of(entry)] not in known)
    if not len(left):
        raise PatchesError(
            f"all {len(unlabelled)} patches to learn from without truth are also among those that the detector is "
            "chosen by or scored on: give others"
        )
    return left, len(unlabelled) - len(left)


def draw(patches: PatchSet[Any], count: int, chance: np.random.Generator) -> PatchSet[Any]:
    """So many patches at random, in the order of the set; all where there are no more."""
    if len(patches) <= count:
        return patches
    picked = {key_of(patches.entries[place]) for place in chance.permutation(len(patches))[:count]}
    return patches.where(lambda entry: key_of(entry) in picked)


def _digests(patches: PatchSet[Any], doing: str, progress: bool) -> dict[str, bytes]:
    shown = tqdm(patches.entries, desc=doing, unit="patch", disable=not progress, delay=2)
    return {key_of(entry): _digest(patches.read(entry).values) for entry in shown}


def _digest(values: NDArray[np.float32]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()
