"""Chips without landslides as a fixed fraction of every batch, against false alarms on quiet ground."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslip.channels import TRUE_COLOUR, name_before, split_dates
from landslip.datasets.class_chips import Brightness, chip_to_dn, keep_apart, open_chips, read_chip
from landslip.errors import ChannelError, PatchesError, RecipeError
from landslip.files.progress import Progress, no_progress, track
from landslip.probability import BACKGROUND
from landslip.training.data.feeding import JoinedSource, LoadedPart, SourceView
from landslip.training.recipe.sections import NegativesRecipe

_STREAM: Final = 7
"""Separates the random numbers of negatives from those of the patches of the same epoch."""


@dataclass(frozen=True, slots=True, eq=False)
class ChipSource:
    """Chips in memory as 8 bit, converted when they are read and mirrored to the size of the patches."""

    chips: NDArray[np.uint8]
    """(N, h, w, 3)"""
    brightness: Brightness
    shape: tuple[int, int, int]
    """Channels, height and width of a patch."""

    def __len__(self) -> int:
        return len(self.chips)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the chips at some positions into values (N, C, H, W) and masks (N, H, W)."""
        height, width = self.shape[1:]
        for place, position in enumerate(positions):
            chip = chip_to_dn(self.chips[position], self.brightness)
            below, right = max(0, height - chip.shape[1]), max(0, width - chip.shape[2])
            values[place] = np.pad(chip, ((0, 0), (0, below), (0, right)), mode="symmetric")[:, :height, :width]
        masks[...] = BACKGROUND


@dataclass(frozen=True, slots=True, eq=False)
class ChipPairSource:
    """Chips as pairs of dates: red, green, blue of a chip, then of the chip that is before it."""

    chips: ChipSource
    before: NDArray[np.intp]
    """(N,) position of the chip before each."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of a pair."""
        return 2 * self.chips.shape[0], *self.chips.shape[1:]

    def __len__(self) -> int:
        return len(self.chips)

    def fill(self, positions: NDArray[np.intp], values: NDArray[np.float32], masks: NDArray[np.uint8]) -> None:
        """Write the pairs at some positions into values (N, C, H, W) and masks (N, H, W)."""
        middle = self.chips.shape[0]
        self.chips.fill(self.before[positions], values[:, middle:], masks)
        self.chips.fill(positions, values[:, :middle], masks)


def pair_chips(classes: Sequence[str]) -> NDArray[np.intp]:
    """Choose the chip before each: itself for every second one, else another of its class, as of fields that changed.

    Example:
        >>> pair_chips(["River", "River", "Pasture"]).tolist()[2]
        2
    """
    random = np.random.default_rng(_STREAM)
    names = np.asarray(classes)
    before = np.arange(len(names))
    for name in np.unique(names):
        some = np.flatnonzero(names == name)
        before[some[1::2]] = random.permutation(some)[: len(some[1::2])]
    return before.astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Chips for training, those that are kept apart left out."""

    source: SourceView
    keys: tuple[str, ...]
    classes: tuple[str, ...]
    note: str
    """Sentence for the card."""

    def __len__(self) -> int:
        return len(self.keys)


def load_negatives(recipe: NegativesRecipe, train: LoadedPart, progress: Progress = no_progress) -> Negatives:
    """Load the chips of a recipe.

    Args:
        recipe: folder, conversion and number of chips kept apart.
        train: gives channels and the size of a patch.
        progress: told of chips.

    Raises:
        RecipeError: the recipe names no folder.
        ChannelError: the recipe's channels are not among red, green and blue.
        PatchesError: there are no chips beside those kept apart, or they are damaged or differ in size.
    """
    if recipe.data is None:
        raise RecipeError("negatives need a folder of chips: set negatives.data", parameter="recipe")
    after, before = split_dates(train.channels)
    lacking = [name for name in (*after, *before) if name not in TRUE_COLOUR]
    if lacking:
        raise ChannelError(
            f"chips have {', '.join(TRUE_COLOUR)}, and the recipe needs {', '.join(lacking)} too: remove negatives, or "
            "the channels",
            parameter="channels",
        )
    found = open_chips(recipe.data, recipe.brightness)
    apart = keep_apart(found.entries, recipe.keep_apart)
    entries = [entry for entry in found.entries if entry.image not in apart]
    if not entries:
        raise PatchesError(
            f"all {len(found)} chips of {recipe.data} are kept apart: set negatives.keep_apart lower than the chips "
            "of a class"
        )
    chips = [read_chip(entry.image) for entry in track(entries, progress, "reading chips", len(entries))]
    sizes = {chip.shape for chip in chips}
    if len(sizes) > 1:
        raise PatchesError(f"the chips of {recipe.data} differ in size ({sorted(sizes)}): give chips of one size")
    source: ChipSource | ChipPairSource
    source = ChipSource(np.stack(chips), recipe.brightness, (len(TRUE_COLOUR), *train.source.shape[1:]))
    known: tuple[str, ...] = TRUE_COLOUR
    if before:
        source = ChipPairSource(source, pair_chips([entry.scene for entry in entries]))
        known = (*TRUE_COLOUR, *name_before(TRUE_COLOUR))
    order = tuple(known.index(name) for name in train.channels)
    return Negatives(
        SourceView(source, np.arange(len(chips)), order),
        tuple(f"{entry.scene}/{entry.id}" for entry in entries),
        tuple(entry.scene for entry in entries),
        f"{recipe.fraction:.0%} of each batch are chips without landslides: {len(chips):,} of "
        f"{Path(recipe.data).name}, with {recipe.brightness} brightness; the {recipe.keep_apart} highest numbers of "
        "each class were kept apart.",
    )


def add_negatives(train: LoadedPart, negatives: Negatives) -> LoadedPart:
    """Append negatives to a part; statistics for normalisation and OOD stay those of the part."""
    return replace(
        train,
        source=JoinedSource(train.source, negatives.source),
        keys=train.keys + negatives.keys,
        scenes=train.scenes + negatives.classes,
        landslide_fraction=np.concatenate([train.landslide_fraction, np.zeros(len(negatives))]),
        threads=1,
    )


def count_per_batch(fraction: float, batch_size: int) -> int:
    """Return the number of negatives in a batch; a batch of two or more has at least one patch of each kind.

    Example:
        >>> count_per_batch(0.25, 16)
        4
    """
    return min(max(1, round(fraction * batch_size)), batch_size - 1)


def mix_in_negatives(
    order: NDArray[np.intp], first: int, count: int, per_batch: int, batch_size: int, seed: int, epoch: int
) -> NDArray[np.intp]:
    """Insert negatives into the order of an epoch, the same number in every batch.

    Every negative is drawn once before one is drawn again; the order depends on seed and epoch only.

    Args:
        order: positions of the epoch's patches.
        first: position of the first negative.
        count: number of negatives.
        per_batch: negatives in a batch.
        batch_size: patches and negatives in a batch.
        seed: of the run.
        epoch: counted from 1.

    Example:
        >>> mix_in_negatives(np.arange(4), 4, 2, 1, 3, 1, 1).tolist()[:2]
        [0, 1]
    """
    patches = batch_size - per_batch
    steps = -(-len(order) // patches)
    rng = np.random.default_rng((seed, epoch, _STREAM))
    rounds = -(-steps * per_batch // count)
    drawn = first + np.concatenate([rng.permutation(count) for _ in range(rounds)])
    batches = [
        np.concatenate([order[step * patches : (step + 1) * patches], drawn[step * per_batch : (step + 1) * per_batch]])
        for step in range(steps)
    ]
    return np.concatenate(batches).astype(np.intp)
