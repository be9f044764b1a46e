"""The patches of self-training: all of a set but those that the detector is chosen by or scored on."""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landslip.datasets.division import key_of
from landslip.datasets.patch_set import PatchSet
from landslip.errors import PatchesError


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
