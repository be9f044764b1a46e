"""The protocols: how a set is divided before anything is learned from it.

``paper`` and ``official`` are what others did. ``blocks``, ``scene-out`` and ``k-fold`` keep apart what touches on the
ground; they need to know where patches lie (``manifest.csv``, or ``landslip data mosaic``).
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from landslip.datasets.patch_set import UNKNOWN_SCENE, Entry
from landslip.datasets.splits import Division, divided, key_of
from landslip.errors import PatchesError

THREE_PARTS: Final[Mapping[str, float]] = MappingProxyType({"train": 0.7, "validation": 0.15, "test": 0.15})


def paper(entries: Sequence[Entry], *, share: float = 0.8, seed: int = 42) -> Division:
    """A random 80 % for training and 20 % for validation, as in arXiv 2507.01123. It leaks: neighbours are parted.

    Which generator the paper's seed of 42 went into is not known, so no one can draw its very split. This one puts the
    patches in the order of the SHA-256 of ``seed/split/id``: the same on every machine, with every version.
    """
    if not 0 < share < 1:
        raise PatchesError(f"a share of {share} leaves one part empty: give one between 0 and 1")
    keys = sorted(
        (key_of(entry) for entry in entries), key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest()
    )
    first = round(share * len(keys))
    how = f"{share:.0%} at random for training: the first by SHA-256 of '{seed}/split/id'; neighbours are parted"
    return divided("paper", how, entries, {key: "train" if n < first else "validation" for n, key in enumerate(keys)})


def official(entries: Sequence[Entry]) -> Division:
    """The splits that the makers of the data set gave out."""
    return divided("official", "as its makers gave it out", entries, {key_of(entry): entry.split for entry in entries})


def blocks(entries: Sequence[Entry], *, shares: Mapping[str, float] = THREE_PARTS, gap_rows: int = 1) -> Division:
    """Blocks of rows of each scene, one a part, with rows left out between them.

    A scene with too few rows for as many blocks goes whole into the part that is furthest behind its share.

    Args:
        entries: with their places.
        shares: how much of each scene goes to which part, from its first row on; made to add up to 1.
        gap_rows: rows of patches left out between two blocks, at least 1.
    """
    _check_gap(gap_rows)
    total = sum(shares.values())
    if len(shares) < 2 or min(shares.values()) <= 0:
        raise PatchesError(f"shares of {dict(shares)} make no blocks: give two parts or more, each a share above 0")
    part_of = _dealt(entries, {part: share / total for part, share in shares.items()}, gap_rows)
    text = ", ".join(f"{share / total:.0%} {part}" for part, share in shares.items())
    how = f"the rows of each scene in blocks, from the first on {text}, {_gap_text(gap_rows)}"
    return divided("blocks", how, entries, part_of)


def scene_out(entries: Sequence[Entry], scene: str) -> Division:
    """One scene for testing, all others for training.

    Raises:
        PatchesError: the set has no such scene, or no other.
    """
    placed = [entry for members in _by_scene(entries).values() for entry in members]
    scenes = sorted({entry.scene for entry in placed})
    if scene not in scenes:
        raise PatchesError(f"the set has no scene {scene}: it has {', '.join(scenes)}")
    part_of = {key_of(entry): "test" if entry.scene == scene else "train" for entry in placed}
    return divided("scene-out", f"scene {scene} for testing, all others for training", entries, part_of)


def k_fold(entries: Sequence[Entry], *, folds: int = 5, gap_rows: int = 1) -> Division:
    """Blocks of rows of each scene, one a fold, with rows left out between them: test on each fold in its turn.

    A scene with too few rows for as many blocks goes whole into the smallest fold.

    Args:
        entries: with their places.
        folds: at least 2.
        gap_rows: rows of patches left out between two blocks, at least 1.
    """
    _check_gap(gap_rows)
    if folds < 2:
        raise PatchesError(f"{folds} folds leave nothing to learn from: give 2 or more")
    part_of = _dealt(entries, {f"fold-{number}": 1 / folds for number in range(1, folds + 1)}, gap_rows)
    how = f"the rows of each scene in {folds} blocks, {_gap_text(gap_rows)}"
    return divided("k-fold", how, entries, part_of)


def _by_scene(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The patches of each scene; without those whose place is not known.

    Raises:
        PatchesError: no place is known.
    """
    scenes: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.scene != UNKNOWN_SCENE and entry.row is not None and entry.col is not None:
            scenes[entry.scene].append(entry)
    if not scenes:
        raise PatchesError(
            "no patch of the set has a known place: find the scenes with  landslip data mosaic , "
            "and put its places.csv beside the patches as manifest.csv"
        )
    return dict(scenes)


def _dealt(entries: Iterable[Entry], shares: Mapping[str, float], gap_rows: int) -> dict[str, str]:
    """The part of each patch, by its name: a block of rows of each scene to each part."""
    part_of: dict[str, str] = {}
    sizes: Counter[str] = Counter()
    for members in sorted(_by_scene(entries).values(), key=len, reverse=True):
        if len({entry.row for entry in members}) >= 2 * len(shares) + gap_rows * (len(shares) - 1):
            rows = dict(zip(shares, _cut(members, tuple(shares.values()), gap_rows), strict=True))
        else:
            behind = max(shares, key=lambda part: shares[part] * (sizes.total() + len(members)) - sizes[part])
            rows = {behind: range(1 + max(entry.row or 0 for entry in members))}
        here = {key_of(entry): part for part, block in rows.items() for entry in members if entry.row in block}
        sizes.update(here.values())
        part_of |= here
    return part_of


def _cut(members: Sequence[Entry], shares: Sequence[float], gap_rows: int) -> list[range]:
    """Rows of a scene in blocks of so many patches each, with a gap before every block but the first."""
    counts = Counter(entry.row for entry in members if entry.row is not None)
    first, last = min(counts), max(counts)
    kept = 1 - gap_rows * (len(shares) - 1) / (last + 1 - first)
    made, start, inside, promised = [], first, 0, 0.0
    for share in shares[:-1]:
        promised += share * kept * len(members)
        end = start
        # A row belongs to the block that its middle patch falls into.
        while end <= last and inside + counts[end] / 2 <= promised:
            inside += counts[end]
            end += 1
        made.append(range(start, end))
        start = end + gap_rows
    return [*made, range(start, last + 1)]


def _check_gap(gap_rows: int) -> None:
    if gap_rows < 1:
        raise PatchesError(f"a gap of {gap_rows} rows lets blocks touch: leave out 1 row or more")


def _gap_text(gap_rows: int) -> str:
    return f"{gap_rows} {'row' if gap_rows == 1 else 'rows'} of patches left out between them"
