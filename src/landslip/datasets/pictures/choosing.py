"""Which patches to look at: by number, or at random by a seed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from landslip.datasets.division import key_of
from landslip.datasets.patch import Patch
from landslip.datasets.patch_set import PatchSet
from landslip.errors import PatchesError


@dataclass(frozen=True, slots=True)
class Chosen:
    """Patches and how they were chosen, in words."""

    patches: tuple[Patch, ...]
    how: str


def choose(
    patches: PatchSet[Any],
    *,
    ids: Sequence[int] = (),
    count: int = 8,
    seed: int = 42,
    split: str | None = None,
    scene: str | None = None,
) -> Chosen:
    """Choose patches: those of some numbers in their order, or some at random in the order of the set.

    The same seed gives the same patches of a set on every machine: those first by the SHA-256 of ``seed/split/id``.

    Raises:
        PatchesError: a number is not there, or nothing is left to choose from.
    """
    among = [
        entry
        for entry in patches.entries
        if (split is None or entry.split == split) and (scene is None or entry.scene == scene)
    ]
    limits = ", ".join(word for word in (split and f"split {split}", scene and f"scene {scene}") if word)
    if not among:
        raise PatchesError(f"the set has no patch of {limits or 'any kind'}: leave that out, or give another")
    if ids:
        picked = [entry for number in ids for entry in among if entry.id == number]
        missing = [number for number in ids if all(entry.id != number for entry in among)]
        if missing:
            raise PatchesError(
                f"the set has no patch {missing[0]}{' in ' + limits if limits else ''}: "
                f"its numbers run from {min(entry.id for entry in among)} to {max(entry.id for entry in among)}"
            )
        how = "chosen by number"
    else:
        by_seed = sorted(among, key=lambda entry: hashlib.sha256(f"{seed}/{key_of(entry)}".encode()).digest())
        wanted = {key_of(entry) for entry in by_seed[:count]}
        picked = [entry for entry in among if key_of(entry) in wanted]
        how = f"{len(picked)} of {len(among):,} at random, seed {seed}"
    return Chosen(tuple(patches.read(entry) for entry in picked), f"{how}, {limits}" if limits else how)
